"""The same command lines on the same random input, in two places that differ in all that files must not depend on."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from support.determinism_cases import ALIKE, ELSEWHERE, HERE, JOBS, differing, make_inputs, written
from support.sandbox import Sandbox
from support.warm_processes import LIBRARY

from ..tally import Tally

TRIES = 200


def run(tries: int, seed: int, folder: Path) -> Tally:
    """Each round has inputs of its own, and every job once before any comes again."""
    tally, draw, order = Tally(), random.Random(seed), []
    here, elsewhere = (Sandbox(*LIBRARY, own_interpreter=True, **place) for place in (HERE, ELSEWHERE))
    for number in range(tries):
        if not order:
            shutil.rmtree(folder / "inputs", ignore_errors=True)
            round_seed = draw.randrange(1000)
            inputs, order = make_inputs(folder / "inputs", round_seed), draw.sample(list(JOBS), len(JOBS))
        wrong = tried(order.pop(), inputs, folder / str(number), (here, elsewhere))
        if wrong:
            tally.failed.append(f"determinism, try {number} of seed {seed} (inputs of {round_seed}): {wrong}")
        else:
            tally.handled += 1
        shutil.rmtree(folder / str(number))
    here.close()
    elsewhere.close()
    return tally


def tried(job: str, inputs: Path, folder: Path, sandboxes: tuple[Sandbox, Sandbox]) -> str:
    """What is wrong with a job done in both, where there is one in two ways; empty where both left the same files."""
    ways = zip((job, ALIKE.get(job, job)), sandboxes, strict=True)
    made = [written(way, inputs, folder / str(number), one) for number, (way, one) in enumerate(ways)]
    outcomes, files = zip(*made, strict=True)
    if failed := [str(outcome) for outcome in outcomes if not outcome.handled]:
        return f"{job}: {failed[0]}"
    if not files[0]:
        return f"{job} wrote nothing"
    different = differing(*files)
    return f"{job}: {', '.join(different)} differ" if different else ""

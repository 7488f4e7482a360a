"""The table of odd volumes, once: every case segmented by the command line."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from random import Random

from support.sandbox import Sandbox

from robustness.odd_volumes import model
from robustness.odd_volumes.attempt import attempt
from robustness.odd_volumes.case import Handled
from robustness.odd_volumes.table import CASES, LOADS

from ..tally import Tally

TRIES = len(CASES)


def run(tries: int, seed: int, folder: Path) -> Tally:
    """Segment as many cases as asked for, in an order that the seed gives; beyond all of them they begin again."""
    names, tally = list(CASES), Tally()
    Random(seed).shuffle(names)
    made = model.save(folder / "model")
    with closing(Sandbox(*LOADS)) as sandbox:
        for number in range(tries):
            case = CASES[names[number % len(names)]]
            wrong = attempt(case, sandbox, made, folder / f"{number}")
            if wrong:
                tally.failed.append(f"python -m robustness.odd_volumes {shlex.quote(case.name)}: {wrong}")
            elif isinstance(case.outcome, Handled):
                tally.handled += 1
            else:
                tally.refused += 1
    return tally

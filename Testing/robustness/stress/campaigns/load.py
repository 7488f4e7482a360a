"""The same work again and again in one process, and two at once: nothing may grow, nothing may mix."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import psutil
from support.determinism_cases import contents, save_model
from support.sandbox import Outcome, Sandbox

from LiverTumorSegLib.apps import cohort
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.queue import ENDED, JobQueue, JobState
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.inference import segment
from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.models import model_folder

from ..level import Level, rising
from ..tally import Tally

TRIES = 200
SHAPE, SPACING = (20, 96, 112), (12.0, 4.0, 4.0)
PATIENCE_S = 1200
_FEWEST = 5
"""Of fewer, no part is a fifth, and nothing can be said of growth."""


def run(tries: int, seed: int, folder: Path) -> Tally:
    """So many cases, runs and jobs in a row, and two at once for every hundred of them."""
    tries = max(tries, _FEWEST)
    save_model(folder / "model", seed)
    save_model(folder / "other", seed + 1)
    write_volume(folder / "ct.nii.gz", phantom.create(SHAPE, SPACING, seed=seed, lesions=2).volume)
    tally = Tally()
    (folder / "temporary").mkdir()
    sandboxes = tuple(Sandbox(TMPDIR=str(folder / "temporary")) for _ in range(2))
    for name, again in {"cohort": cases, "segment()": segments, "queue": jobs}.items():
        function = f"{again.__module__}:{again.__name__}"
        outcome = sandboxes[0].run(function, str(folder), tries, seconds=PATIENCE_S)
        note(tally, f"{tries} of {name}", wrong_of(outcome), tries)
    for number in range(max(1, tries // 100)):
        for pair in (two_outputs, one_output):
            place = folder / f"{pair.__name__}-{number}"
            place.mkdir()
            tally.add(pair(sandboxes, folder, place))
    for sandbox in sandboxes:
        sandbox.close()
    return tally


def note(tally: Tally, what: str, wrong: str, count: int = 1) -> None:
    if wrong:
        tally.failed.append(f"load, {what}: {wrong}")
    else:
        tally.handled += count


def wrong_of(outcome: Outcome) -> str:
    """What is wrong with levels that a process printed."""
    if not outcome.handled:
        return str(outcome)
    return rising([Level(**level) for level in json.loads(outcome.out)])


def cases(place: str, count: int) -> None:
    """Segment a cohort of copies of one CT and print the level for each case."""
    folder = Path(place)
    during: list[list[Level]] = []
    for number in range(count):
        (folder / "cts").mkdir(exist_ok=True)
        shutil.copy(folder / "ct.nii.gz", folder / "cts" / f"case-{number}.nii.gz")

    def told(_: float, sentence: str) -> None:
        if sentence.endswith(": reading"):
            during.append([])
        during[-1].append(Level.now())

    done = cohort.segment_cohort(
        folder / "cts", folder / "labels", model_folder.load(folder / "model"), device="cpu", progress=told
    )
    assert len(done.done) == count == len(during)
    tell([Level.lowest(levels) for levels in during])  # the next case's CT is open while it is read ahead


def segments(place: str, count: int) -> None:
    """Segment a CT in this process and print the level after each time."""
    loaded, volume = model_folder.load(Path(place) / "model"), phantom.create(SHAPE, SPACING).volume
    levels = []
    for _ in range(count):
        segment.segment(volume, loaded, "cpu")
        levels.append(Level.now())
    tell(levels)


def jobs(place: str, count: int) -> None:
    """Queue jobs on one worker and print its and this process's level for each; they have to end in order."""
    folder, queue, levels, ended = Path(place), JobQueue(Worker()), [], []
    during: list[Level] = []
    asked = {"source": str(folder / "ct.nii.gz"), "model": str(folder / "model"), "device": "cpu", "options": {}}
    queued = [queue.submit("segment_file", output=str(folder / f"{n}.seg.nrrd"), **asked) for n in range(count)]
    until = monotonic() + PATIENCE_S
    while len(ended) < count and monotonic() < until:
        queue.poll()
        during.append(Level.now())
        if new := [job for job in queued if job.state in ENDED and job not in ended]:
            ended += new
            levels.append(Level.lowest(during))  # the worker may have a file open at any one moment
            during.clear()
        sleep(0.005)
    queue.close()
    assert ended == queued, [job.state for job in queued]
    assert {job.state for job in queued} == {JobState.DONE}, [job.error for job in queued]
    assert not psutil.Process().children()
    tell(levels)


def tell(levels: list[Level]) -> None:
    print(json.dumps([vars(level) for level in levels]))


def at_once(sandboxes: tuple[Sandbox, Sandbox], commands: list[tuple[object, ...]]) -> list[Outcome]:
    """Run two command lines at the same time."""
    with ThreadPoolExecutor(2) as pool:
        pairs = zip(sandboxes, commands, strict=True)
        return [started.result() for started in [pool.submit(one.livertumorseg, *words) for one, words in pairs]]


def two_outputs(sandboxes: tuple[Sandbox, Sandbox], folder: Path, place: Path) -> Tally:
    """Two into different files: each as if it were alone."""
    asked = ("segment", folder / "ct.nii.gz", "-m", folder / "model", "-o")
    outcomes = at_once(sandboxes, [(*asked, place / f"{name}.seg.nrrd") for name in "ab"])
    alone = sandboxes[0].livertumorseg(*asked, place / "alone.seg.nrrd")
    held = contents(place)
    same = [held.get(f"{name}.seg.nrrd") == held["alone.seg.nrrd"] for name in "ab"]
    tally, clean = Tally(), len(held) == 3 and alone.handled
    for outcome, equal in zip(outcomes, same, strict=True):
        wrong = "" if clean and equal and outcome.handled else f"{outcome}, {equal=}, {sorted(held)}"
        note(tally, f"two outputs in {place}", wrong)
    return tally


def one_output(sandboxes: tuple[Sandbox, Sandbox], folder: Path, place: Path) -> Tally:
    """Two models into the same files: one of them writes them all, the other is refused."""
    made = {}
    for name in ("model", "other"):
        sandboxes[0].livertumorseg(*all_files(folder, name, place / name))
        made[name] = contents(place / name)
    outcomes = at_once(sandboxes, [all_files(folder, name, place / "both") for name in made])
    whose = [name for name, files in made.items() if contents(place / "both") == files]
    tally = Tally()
    for name, outcome in zip(made, outcomes, strict=True):
        if outcome.refused and whose != [name]:
            tally.refused += 1
        else:
            wrong = "" if outcome.handled and whose == [name] else f"{name}: {outcome}, the files are of {whose}"
            note(tally, f"one output in {place}", wrong)
    return tally


def all_files(folder: Path, name: str, output: Path) -> tuple[object, ...]:
    asked = ("segment", folder / "ct.nii.gz", "-m", folder / name, "-o", output / "ct.seg.nrrd")
    return (*asked, "--probabilities", output)

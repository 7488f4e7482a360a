"""Disks that are full, read-only or gone, for every command that writes: one sentence, and nothing half-written.

Full are disks of every size from nothing to more than enough (a tmpfs, where this process may mount one), and quotas
end files at every length (``RLIMIT_FSIZE``).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.cohort_cases import save as save_ct
from support.evaluation_cases import save, save_pair, small_pair
from support.sandbox import Outcome, Sandbox
from support.training_cases import RECIPE, make_data

from LiverTumorSegLib.datasets import phantom

from .. import kills
from ..faulty import TEMPORARY
from ..kills import Command, Undisturbed, contents, is_visible
from ..small_cases import save_cts, save_model
from ..tally import Tally

TRIES = 600

_RUN = "robustness.stress.faulty:command_line"
_SMALLEST, _PAGE, _SECONDS = 1024, 4096, 300
_LOADS = (
    "LiverTumorSegLib.reporting.report_files",
    "LiverTumorSegLib.evaluation.report",
    "LiverTumorSegLib.training.fit",
)
_FOR_HEADERS = 3


def run(tries: int, seed: int, folder: Path, only: tuple[str, ...] = ()) -> Tally:
    """Try the commands in turn, or only those whose first word is named."""
    commands = [command for command in _commands(folder) if not only or command.words[0] in only]
    tally, sandbox = Tally(), Sandbox(*_LOADS)
    known: dict[Command, Undisturbed] = {}
    faults = [_quota, _gone, *([_full, _read_only] if can_mount(folder) else [])]
    try:
        for number in range(tries):
            command, fault = commands[number % len(commands)], faults[number // len(commands) % len(faults)]
            if command not in known:
                known[command] = kills.undisturbed(sandbox, command, folder / f"undisturbed-{len(known)}")
            chance = random.Random(f"{seed} {number}")
            _count(tally, *fault(sandbox, command, known[command], folder / f"case-{number}", chance), seed, number)
    finally:
        sandbox.close()
    return tally


def can_mount(folder: Path) -> bool:
    """Whether this process may mount file systems."""
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        return False
    try:
        with _mounted(folder / "mounted", "size=4k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _count(tally: Tally, outcome: Outcome, failure: str, seed: int, number: int) -> None:
    if failure:
        tally.failed.append(f"seed {seed}, try {number}: {failure}")
    tally.refused += not failure and outcome.refused
    tally.handled += not failure and outcome.handled


def _quota(
    sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, chance: random.Random
) -> tuple[Outcome, str]:
    limit = int(_SMALLEST * (2 * max(1, known.largest / _SMALLEST)) ** chance.random())
    kills.begun(sandbox, command, case)
    outcome = sandbox.run(_RUN, *command.words, folder=case, largest_file=limit, seconds=_SECONDS)
    return outcome, _judged(command, known, case, outcome, f"with files of at most {limit} bytes")


def _full(
    sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, chance: random.Random
) -> tuple[Outcome, str]:
    needed = sum(_PAGE * (1 + len(content) // _PAGE) for content in known.files.values())
    pages = 1 + int((_FOR_HEADERS * needed / _PAGE) ** chance.random())
    with _mounted(case, f"size={pages * _PAGE // 1024}k"):
        kills.begun(sandbox, command, case)
        outcome = sandbox.run(_RUN, *command.words, folder=case, seconds=_SECONDS)
        return outcome, _judged(command, known, case, outcome, f"with {pages * _PAGE} bytes of room")


def _read_only(
    sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, _: random.Random
) -> tuple[Outcome, str]:
    with _mounted(case, "size=1m"):
        (case / TEMPORARY).mkdir()
        _mount("-o", "remount,ro", case)
        outcome = sandbox.run(_RUN, *command.words, folder=case, seconds=_SECONDS)
        failure = _judged(command, known, case, outcome, "in a read-only folder")
    return outcome, failure or ("" if outcome.refused else f"{command.words[0]} wrote into a read-only folder")


def _gone(
    sandbox: Sandbox, command: Command, known: Undisturbed, case: Path, chance: random.Random
) -> tuple[Outcome, str]:
    change = chance.randrange(known.changes)
    kills.begun(sandbox, command, case)
    gone = ("robustness.stress.faulty:with_its_folder_gone", change)
    outcome = sandbox.run(*gone, *command.words, folder=case, seconds=_SECONDS)
    shutil.rmtree(case)
    ended_well = outcome.refused or outcome.handled
    return outcome, "" if ended_well else f"{command.words[0]}, its folder gone before change {change}: {outcome}"


def _judged(command: Command, known: Undisturbed, case: Path, outcome: Outcome, how: str) -> str:
    """What was wrong with the end of a try, if anything was."""
    found, how = contents(case), f"{command.words[0]} {how}"
    shutil.rmtree(case, ignore_errors=True)
    if outcome.handled:
        different = kills.difference(command, known, found, "not at all")
        return f"{how} ended well, but {different}" if different else ""
    if not outcome.refused:
        return f"{how}: {outcome}"
    left = [path for path in found if not _may_stay(command, path)]
    halves = kills.halved(command, known, found)
    if left or halves:
        return f"{how} was refused, but {left[0]} stays" if left else f"{how} was refused, but {halves[0]} is not whole"
    sentences = outcome.err.count("error: ")
    return "" if sentences else f"{how} was refused without a sentence"


def _may_stay(command: Command, path: str) -> bool:
    return is_visible(path) or path.startswith(".cohort/") or ("/.cohort/" in path and "unfinished" not in path)


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", options, "none", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def _mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def _commands(folder: Path) -> list[Command]:
    cts, model = save_cts(folder / "cts", 2), save_model(folder / "tiny")
    for number in range(2):
        save_pair(folder, f"case-{number}", small_pair())
    return [*_of_segmenting(cts, model), *_of_models(model), *_of_data(folder, cts), _of_training(folder)]


def _of_segmenting(cts: Path, model: Path) -> list[Command]:
    with_all = ("-m", str(model), "--device", "cpu", "--report", "report", "--probabilities", "maps")
    return [
        Command(("segment", str(cts / "volume-0.nii.gz"), "-o", "labels.nii.gz", *with_all)),
        Command(("segment", str(cts / "volume-0.nii.gz"), "-o", "out/labels.seg.nrrd", *with_all)),
        Command(("segment-cohort", str(cts), "-o", "out", *with_all), is_output=_is_no_table),
    ]


def _is_no_table(path: str) -> bool:
    """A cohort goes on with the next case, and its table says which failed."""
    return is_visible(path) and not path.endswith("cohort.csv")


def _of_models(model: Path) -> list[Command]:
    return [
        Command(("models", "import", str(model))),
        Command(("export", str(model), "-o", "bundle", "--format", "monai-bundle")),
    ]


def _of_data(folder: Path, cts: Path) -> list[Command]:
    ct = str(cts / "volume-0.nii.gz")
    for number in range(4):
        made = phantom.create((10, 48, 48), (18.0, 8.0, 8.0), seed=number, lesions=1 + number)
        save_ct(folder / "pairs" / f"volume-{number}.nii", made.volume)
        save(folder / "pairs" / f"segmentation-{number}.nii", made.labels, affine=made.volume.affine)
    reports = ("evaluate", str(folder / "predictions"), str(folder / "references"), "-o", "report")
    return [
        Command((*reports, "--bootstrap", "50", "--processes", "1")),
        Command(("phantom", "ct.nii.gz", "--shape", "12", "48", "48", "--spacing", "15", "8", "8")),
        Command(("preprocess", ct, "--chain", "li", "--save", "steps.png")),
        Command(("export-slices", str(folder / "pairs"), "-o", "slices", "--chain", "li")),
        Command(("data", "split", str(folder / "pairs"), "-o", "split.json", "--folds", "2", "--processes", "1")),
    ]


def _of_training(folder: Path) -> Command:
    (folder / "recipe.yaml").write_text(RECIPE)
    words = ("train", str(folder / "recipe.yaml"), "--data", str(make_data(folder / "data")), "-o", "model")
    shorter = ("--set", "schedule.steps=2", "--set", "callbacks.checkpoint_every=1", "--cache", "cache")

    def is_in_model(path: str) -> bool:
        return path.startswith("model/")

    return Command((*words, *shorter), is_output=is_in_model, is_result=is_in_model)

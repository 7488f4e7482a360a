"""The table of odd commands, each in a folder of its own."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np
from support.sandbox import Outcome, Sandbox

from LiverTumorSegLib.io import volumes
from robustness.odd_commands.table import COMMANDS, Command

from ..small_cases import save_cts, save_model
from ..tally import Tally

TRIES = len(COMMANDS)
_LOADS = (
    "LiverTumorSegLib.evaluation.evaluate",
    "LiverTumorSegLib.apps.cohort.segment",
    "LiverTumorSegLib.datasets.export",
    "LiverTumorSegLib.training.recipe",
    "LiverTumorSegLib.reporting.preprocessing_figure",
)


def run(tries: int, seed: int, folder: Path) -> Tally:
    """Give as many commands as asked for, in an order that the seed gives; beyond all of them they begin again."""
    order, tally = list(COMMANDS), Tally()
    Random(seed).shuffle(order)
    base = _base(folder / "base")
    with closing(Sandbox(*_LOADS)) as sandbox:
        for number in range(tries):
            command = order[number % len(order)]
            _count(command, _attempt(command, sandbox, base, folder / "try"), tally)
    return tally


def _base(folder: Path) -> Path:
    save_model(folder / "m")
    save_cts(folder / "cts", 1)
    shutil.copy(folder / "cts" / "volume-0.nii.gz", folder / "ct.nii.gz")
    volume = volumes.read_volume(folder / "ct.nii.gz")
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[2:8, 10:40, 10:40] = 1
    volumes.write_labels(folder / "labels.nii.gz", labels, volume)
    (folder / "text.txt").write_text("hello\n")
    (folder / "empty").mkdir()
    return folder


def _attempt(command: Command, sandbox: Sandbox, base: Path, folder: Path) -> tuple[Outcome, set[Path]]:
    """How it ended, and which files it added."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    command.prepare(folder)
    before = set(folder.rglob("*"))
    outcome = sandbox.livertumorseg(*command.words, folder=folder)
    return outcome, {path for path in folder.rglob("*") if path not in before and path.is_file()}


def _count(command: Command, came: tuple[Outcome, set[Path]], tally: Tally) -> None:
    outcome, added = came
    if not command.says and outcome.handled and _is_quiet(outcome):
        tally.handled += 1
    elif command.says and outcome.refused and command.says in outcome.err and not _results(command, added):
        tally.refused += 1
    else:
        files_left = sorted(path.name for path in added)
        tally.failed.append(f"livertumorseg {command.name!r} ({command.says or 'succeeds'}): {outcome}; {files_left}")


def _is_quiet(outcome: Outcome) -> bool:
    """Whether all on standard error is warnings of our own."""
    return all(line.startswith("warning: ") for line in outcome.err.splitlines())


def _results(command: Command, added: set[Path]) -> set[Path]:
    """What a refusal left behind; a cohort keeps what it did of its other cases."""
    return set() if command.words[0] == "segment-cohort" else added

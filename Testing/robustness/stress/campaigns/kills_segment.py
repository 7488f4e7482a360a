"""``segment`` killed at random moments, with all that it writes, in an empty folder and in place of earlier files."""

from __future__ import annotations

from pathlib import Path

from .. import kills
from ..kills import Command
from ..small_cases import save_cts, save_model
from ..tally import Tally

TRIES = 150

_LOADS = ("LiverTumorSegLib.reporting.report_files", "LiverTumorSegLib.reporting.lesions")


def run(tries: int, seed: int, folder: Path) -> Tally:
    cts, models = save_cts(folder / "cts", 2), [save_model(folder / f"model-{n}", n) for n in range(2)]
    return kills.run(tries, seed, folder, [_alone(cts, models), _with_all(cts, models), _in_place(cts, models)])


def _alone(cts: Path, models: list[Path]) -> Command:
    return Command(_words(cts, models, 0, "labels.seg.nrrd"), loads=_LOADS)


def _with_all(cts: Path, models: list[Path]) -> Command:
    return Command((*_words(cts, models, 0, "out/labels.nii.gz"), *_ALL), loads=_LOADS)


def _in_place(cts: Path, models: list[Path]) -> Command:
    before, now = ((*_words(cts, models, n, "out/labels.nii.gz"), *_ALL) for n in (1, 0))
    return Command((*now, "--overwrite"), replaced=before, again=((),), loads=_LOADS)


_ALL = ("--report", "report", "--probabilities", "maps")


def _words(cts: Path, models: list[Path], number: int, output: str) -> tuple[str, ...]:
    source = cts / f"volume-{number}.nii.gz"
    return ("segment", str(source), "-o", output, "-m", str(models[number]), "--device", "cpu")

"""``segment-cohort`` killed at random moments and run again."""

from __future__ import annotations

from pathlib import Path

from .. import kills
from ..kills import Command
from ..small_cases import save_cts, save_model
from ..tally import Tally

TRIES = 120


def run(tries: int, seed: int, folder: Path) -> Tally:
    cts, model = save_cts(folder / "cts", 3), save_model(folder / "model")
    words = ("segment-cohort", str(cts), "-o", "out", "-m", str(model), "--device", "cpu")
    with_all = (*words, "--report", "report", "--probabilities", "maps", "--format", "nii.gz")
    again = {"again": ((),), "loads": ("LiverTumorSegLib.reporting.report_files", "LiverTumorSegLib.apps.cohort")}
    commands = [
        Command(words, **again),
        Command(with_all, **again),
        Command((*words, "--overwrite"), replaced=words, **again),
    ]
    return kills.run(tries, seed, folder, commands)

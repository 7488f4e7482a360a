"""``evaluate`` killed at random moments, in an empty folder and in place of an earlier report, also with processes."""

from __future__ import annotations

from pathlib import Path

from support.evaluation_cases import save_pair, small_pair

from .. import kills
from ..kills import Command
from ..tally import Tally

TRIES = 120

_LOADS = ("LiverTumorSegLib.evaluation.evaluate", "LiverTumorSegLib.evaluation.report")


def run(tries: int, seed: int, folder: Path) -> Tally:
    for number in range(3):
        save_pair(folder, f"case-{number}", small_pair())
    words = ("evaluate", str(folder / "predictions"), str(folder / "references"), "-o", "report", "--bootstrap", "50")
    alone, before = (*words, "--processes", "1"), (*words, "--processes", "1", "--tolerance", "3")
    anew = Command(alone, loads=_LOADS)
    in_place = Command((*alone, "--overwrite"), replaced=before, again=((),), loads=_LOADS)
    with_processes = Command((*words, "--processes", "2"), loads=_LOADS, helped=True)
    return kills.run(tries, seed, folder, [anew, in_place] * 10 + [with_processes])

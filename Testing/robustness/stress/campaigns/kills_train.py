"""``train`` killed at random moments and gone on with: the model is the one of an unbroken training."""

from __future__ import annotations

from pathlib import Path

from support.training_cases import RECIPE, make_data

from .. import kills
from ..kills import Command, is_visible
from ..tally import Tally

TRIES = 120

_SCHEDULE = """
schedule:
  {steps: 6, batch: 2, learning_rate: 0.01, precision: 32-true, validate_every: 3}
callbacks: {save: best, best: {monitor: loss}, pictures_every: 1, checkpoint_every: 1}
"""
_LOADS = ("LiverTumorSegLib.training.fit", "LiverTumorSegLib.experiments.record")


def run(tries: int, seed: int, folder: Path) -> Tally:
    recipe = folder / "recipe.yaml"
    lines = [line for line in RECIPE.splitlines() if not line.startswith("schedule:")]
    recipe.write_text("\n".join(lines) + _SCHEDULE)
    words = ("train", str(recipe), "--data", str(make_data(folder / "data")), "-o", "model", "--cache", "cache")
    shared = {"is_output": _is_whole_at_all_times, "is_result": _is_repeated, "loads": _LOADS}
    gone_on_with = Command((*words, "--resume"), **shared)  # from the start, as the card names the options
    begun_anew = Command((*words, "--overwrite"), again=((),), **shared)
    return kills.run(tries, seed, folder, [gone_on_with, gone_on_with, begun_anew])


def _is_whole_at_all_times(path: str) -> bool:
    """The log's tables grow, and checkpoints come and go; that they are whole is seen where one is gone on from."""
    return is_visible(path) and (path.startswith("model/") or path.endswith(".png"))


def _is_repeated(path: str) -> bool:
    """A second log begins where training does, and what the events of TensorBoard hold depends on the clock."""
    return not path.startswith("model-log/") or not is_visible(path) or path.endswith(".ckpt")

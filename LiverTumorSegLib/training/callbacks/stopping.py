"""The end of a training that no longer gets better."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as lightning

from ..callback_options import EarlyStopping
from ..scores import Scores
from .validation import Listener


class Stopping(Listener):
    """Stops training after so many validations in a row that are not better than the best before them.

    Args:
        options: how many, and what they are judged by.
    """

    def __init__(self, options: EarlyStopping) -> None:
        self._options = options
        self._best, self._waited = float("-inf"), 0

    def validated(self, trainer: lightning.Trainer, scores: Scores) -> None:
        value = scores.monitored(self._options.monitor)
        better = value > self._best
        self._best, self._waited = (value, 0) if better else (self._best, self._waited + 1)
        trainer.should_stop = self._waited >= self._options.patience

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best, self._waited = state_dict["best"], state_dict["waited"]

"""The best averaged weights of a training."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as lightning
import torch

from ..callback_options import Monitor
from ..scores import Scores
from .averaging import Averaging
from .validation import Listener


class BestWeights(Listener):
    """Keeps a copy of the averaged weights of the best validation.

    Args:
        averaging: whose weights.
        monitor: what they are judged by.

    Attributes:
        weights: on the CPU; empty before the first validation.
        step: after which they were found.
        value: what they were judged by, more being better; NaN counts as the worst.
    """

    def __init__(self, averaging: Averaging, monitor: Monitor) -> None:
        self._averaging, self._monitor = averaging, monitor
        self.weights: dict[str, torch.Tensor] = {}
        self.step, self.value = 0, float("-inf")

    def validated(self, trainer: lightning.Trainer, scores: Scores) -> None:
        found = scores.monitored(self._monitor)
        value = float("-inf") if math.isnan(found) else found
        if value > self.value or not self.weights:
            self.step, self.value = trainer.global_step, value
            state = self._averaging.network.state_dict()
            self.weights = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights, "step": self.step, "value": self.value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.weights, self.step, self.value = (state_dict[name] for name in ("weights", "step", "value"))

"""A learning rate that is lowered where validations no longer get better."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as lightning
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..policies import Plateau
from ..scores import Scores
from .validation import Listener


class LowerOnPlateau(Listener):
    """Lowers the learning rate as a recipe's policy says.

    Lightning would do so after the checkpoint of the step, and a training that goes on from there without it.

    Args:
        policy: how far and when.
    """

    def __init__(self, policy: Plateau) -> None:
        self._policy = policy
        self._scheduler: ReduceLROnPlateau | None = None
        self._state: dict[str, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, _module: Any) -> None:
        self._scheduler = self._policy.scheduler(trainer.optimizers[0])
        if self._state:
            self._scheduler.load_state_dict(self._state)

    def validated(self, _trainer: lightning.Trainer, scores: Scores) -> None:
        if self._scheduler:
            self._scheduler.step(scores.monitored(self._policy.monitor))

    def state_dict(self) -> dict[str, Any]:
        return self._scheduler.state_dict() if self._scheduler else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._state = state_dict

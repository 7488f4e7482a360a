"""Validation in the middle of training, and what listens to it.

It runs at the end of a step and not in Lightning's own validation loop: that one comes after the checkpoint of the
step, so that a training that goes on from there would leave it out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning

from ..scores import Scores
from ..scoring import Scorer
from .averaging import Averaging


class Listener(lightning.Callback, ABC):
    """Something that happens after a validation."""

    @abstractmethod
    def validated(self, trainer: lightning.Trainer, scores: Scores) -> None:
        """Take note of what a validation found, ``trainer.global_step`` steps being done."""


class Validation(lightning.Callback):
    """Measures the averaged weights every so many steps, and after the last.

    Args:
        scorer: measures.
        averaging: whose weights.
        every: steps from one validation to the next.
        listeners: told what was found, in this order.
    """

    def __init__(self, scorer: Scorer, averaging: Averaging, every: int, listeners: Sequence[Listener]) -> None:
        self._scorer, self._averaging = scorer, averaging
        self._every, self._listeners = every, listeners

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        if trainer.global_step % self._every and trainer.global_step < trainer.max_steps:
            return
        scores = self._scorer(self._scorer.engine(self._averaging.network, module.device))
        for listener in self._listeners:
            listener.validated(trainer, scores)

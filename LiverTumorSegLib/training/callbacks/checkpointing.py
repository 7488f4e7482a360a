"""Checkpoints from which a training can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
from lightning.pytorch.callbacks import Checkpoint

from ..checkpoints import path_of, remove_old
from ..finite import check_finite


class Checkpointing(Checkpoint):
    """Writes a checkpoint every so many steps, after all other callbacks, as Lightning orders these.

    The step that ends a training gets none: what is left to do then cannot be gone on with, only repeated.

    Args:
        folder: where.
        every: steps from one checkpoint to the next, 0 for none.
        learning_rate: that a diverged training is told.
    """

    def __init__(self, folder: Path, every: int, learning_rate: float) -> None:
        self._folder, self._every, self._learning_rate = folder, every, learning_rate

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        step = trainer.global_step
        if not self._every or step % self._every or step >= trainer.max_steps or trainer.should_stop:
            return
        check_finite(module, self._learning_rate)
        trainer.save_checkpoint(path_of(self._folder, step), weights_only=False)  # the first process writes it
        if trainer.is_global_zero:
            remove_old(self._folder)

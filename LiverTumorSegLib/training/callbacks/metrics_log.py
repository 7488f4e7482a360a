"""The log of a training: a table, TensorBoard where it is installed, and a picture of the curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.loggers import CSVLogger

from ..curves import draw
from ..scores import Scores
from .validation import Listener

_ROWS_AT_LEAST, _STEPS_AT_MOST = 50, 50


class MetricsLog(Listener):
    """Writes a row every so many steps and for every validation; the picture after every validation and at the end.

    The rows are part of the checkpoints: a training that goes on writes the table anew up to its first step, so that
    it is that of an unbroken one, whatever was written after the checkpoint.

    Args:
        picture: file to draw the curves into.
        steps: of the whole training.

    Attributes:
        latest: the newest value of each column.
    """

    def __init__(self, picture: Path, steps: int) -> None:
        self._picture = picture
        self._every = min(_STEPS_AT_MOST, max(1, steps // _ROWS_AT_LEAST))
        self._rows: list[dict[str, float]] = []
        self._losses, self._count, self._rate = torch.zeros(()), 0, 0.0
        self._scores: Scores | None = None
        self.latest: dict[str, float] = {}

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        self._losses = self._losses.to(module.device)
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                for row in self._rows:
                    logger.log_metrics(row, int(row["step"]))
                logger.save()

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]

    def validated(self, _trainer: lightning.Trainer, scores: Scores) -> None:
        self._scores = scores

    def on_train_batch_end(self, trainer: lightning.Trainer, _module: Any, outputs: Any, *_: Any) -> None:
        self._losses, self._count = self._losses + outputs["loss"].detach(), self._count + 1
        if self._scores or trainer.global_step % self._every == 0 or trainer.global_step == trainer.max_steps:
            self._write(trainer, self._row())

    def on_train_end(self, trainer: lightning.Trainer, _module: Any) -> None:
        self._draw(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows, "losses": self._losses.cpu(), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._rows, self._losses, self._count = (state_dict[name] for name in ("rows", "losses", "count"))

    def _row(self) -> dict[str, float]:
        """The mean loss since the row before, the learning rate of the last step, and a validation if there was one."""
        row = {"loss": float(self._losses) / self._count, "learning_rate": self._rate}
        self._losses, self._count = torch.zeros_like(self._losses), 0
        return row | (self._scores.row() if self._scores else {})

    def _write(self, trainer: lightning.Trainer, row: dict[str, float]) -> None:
        self.latest |= row
        for logger in trainer.loggers:
            logger.log_metrics(row, trainer.global_step)
            logger.save()
        self._rows.append({"step": trainer.global_step, **row})
        if self._scores:
            self._draw(trainer)
        self._scores = None

    def _draw(self, trainer: lightning.Trainer) -> None:
        if trainer.is_global_zero:
            draw(self._rows, self._picture)

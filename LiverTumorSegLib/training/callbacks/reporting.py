"""What whoever waits for a training is told, and how it is cancelled."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as lightning

from ...progress import Job
from .metrics_log import MetricsLog


class Reporting(lightning.Callback):
    """Reports every step with the newest loss and score.

    Args:
        job: told.
        log: where loss and score are from.
    """

    def __init__(self, job: Job, log: MetricsLog) -> None:
        self._job, self._log = job, log

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        step, steps = trainer.global_step, trainer.max_steps
        known = [f"{name} {self._log.latest[name]:.3f}" for name in ("loss", "score") if name in self._log.latest]
        self._job.at(step / steps, ", ".join([f"Step {step} of {steps}", *known]))

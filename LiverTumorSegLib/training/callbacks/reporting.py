"""What whoever waits for a training is told, and how it is cancelled."""

from __future__ import annotations

import signal
from threading import current_thread, main_thread
from typing import Any

import lightning.pytorch as lightning

from ...progress import Cancelled, Job
from ..group import ALONE, Group
from .metrics_log import MetricsLog


class Reporting(lightning.Callback):
    """Reports every step with the newest loss and score.

    Args:
        job: told.
        log: where loss and score are from.
        group: the processes that train, which end after the same step when one of them is cancelled.
    """

    def __init__(self, job: Job, log: MetricsLog, group: Group = ALONE) -> None:
        self._job, self._log, self._group = job, log, group

    def on_train_start(self, *_: Any) -> None:
        """Lightning's own way to end several processes waits for the others in the middle of what they exchange."""
        if self._group.several and current_thread() is main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self._job.cancel.cancel())  # Lightning sets it back at the end

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        step, steps = trainer.global_step, trainer.max_steps
        known = [f"{name} {self._log.latest[name]:.3f}" for name in ("loss", "score") if name in self._log.latest]
        cancelled = False
        try:
            self._job.at(step / steps, ", ".join([f"Step {step} of {steps}", *known]))
        except Cancelled:
            cancelled = True
        if self._group.any(cancelled):
            raise Cancelled

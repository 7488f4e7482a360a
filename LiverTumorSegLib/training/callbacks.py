"""Lightning callbacks: validation in the middle of a training, and everything that follows from it.

Validation runs at the end of a step and not in Lightning's own validation loop: that one comes after the checkpoint of
the step, so that a training that goes on from there would leave it out.
"""

from __future__ import annotations

import math
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..core.atomic_files import whole_file
from ..core.progress import Cancelled, Job
from ..reporting import figures
from .averaging import Averaging
from .checkpoints import checkpoint_path, remove_old_checkpoints
from .distributed import ALONE, ProcessGroup
from .figures import draw_curves, draw_examples, telling_slice
from .network import check_finite_weights
from .recipe_options import EarlyStopping, Monitor, Plateau
from .scoring import PartScorer, Scorer, Scores


class ValidationListener(lightning.Callback, ABC):
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

    def __init__(
        self, scorer: Scorer, averaging: Averaging, every: int, listeners: Sequence[ValidationListener]
    ) -> None:
        self._scorer, self._averaging = scorer, averaging
        self._every, self._listeners = every, listeners

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        if trainer.global_step % self._every and trainer.global_step < trainer.max_steps:
            return
        scores = self._scorer(self._scorer.engine(self._averaging.network, module.device))
        for listener in self._listeners:
            listener.validated(trainer, scores)


class BestWeights(ValidationListener):
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


class CheckpointWriter(Checkpoint):
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
        check_finite_weights(module, self._learning_rate)
        trainer.save_checkpoint(checkpoint_path(self._folder, step), weights_only=False)  # the first process writes it
        if trainer.is_global_zero:
            remove_old_checkpoints(self._folder)


_EXAMPLE_PATIENTS = 4


class ExamplePictures(ValidationListener):
    """Draws image, reference and prediction of the same slices every so many validations.

    Of the first patients it is the slice with the most lesion, or with the most liver where there is none.

    Args:
        scorer: predicts.
        averaging: whose weights.
        folder: where the pictures go, ``step-N.png``; TensorBoard gets them too, where it is installed.
        every: steps from one picture to the next; the last step has one too.
    """

    def __init__(self, scorer: PartScorer, averaging: Averaging, folder: Path, every: int) -> None:
        self._scorer, self._averaging, self._folder, self._every = scorer, averaging, folder, every
        self._shown = [(patient, telling_slice(patient)) for patient in scorer.patients[:_EXAMPLE_PATIENTS]]

    def validated(self, trainer: lightning.Trainer, _scores: Scores) -> None:
        if trainer.global_step % self._every and trainer.global_step < trainer.max_steps:
            return
        engine = self._scorer.engine(self._averaging.network, trainer.lightning_module.device)
        found = [(patient, at, self._scorer.predict(engine, patient, at)) for patient, at in self._shown]
        picture = draw_examples(found)
        with whole_file(self._folder / f"step-{trainer.global_step:09d}.png", overwrite=True) as unfinished:
            figures.write_picture(unfinished, picture, "PNG")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("examples", np.asarray(picture), trainer.global_step, dataformats="HWC")


_ROWS_AT_LEAST, _STEPS_AT_MOST = 50, 50


# Lightning's CSVLogger writes the table; it takes no means over steps and starts it anew when a training goes on.
class MetricsLog(ValidationListener):
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
        self._drawn = 0

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
        if trainer.is_global_zero and len(self._rows) != self._drawn:
            draw_curves(self._rows, self._picture)
            self._drawn = len(self._rows)


class LowerOnPlateau(ValidationListener):
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


class ProgressReporter(lightning.Callback):
    """Reports every step with the newest loss and score.

    Args:
        job: told.
        log: where loss and score are from.
        group: the processes that train, which end after the same step when one of them is cancelled.
    """

    def __init__(self, job: Job, log: MetricsLog, group: ProcessGroup = ALONE) -> None:
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


class Stopping(ValidationListener, LightningEarlyStopping):
    """Lightning's early stopping, asked after each validation here: Lightning's own validation loop is not used.

    It stops after so many validations in a row that are not better than the best before them; NaN is not better.

    Args:
        options: how many, and what they are judged by.
    """

    def __init__(self, options: EarlyStopping) -> None:
        super().__init__(
            options.monitor, patience=options.patience, mode="max", check_finite=False, check_on_train_epoch_end=False
        )
        self._options = options

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint, whatever it monitors; checkpoints of any version have this one."""
        return "Stopping"

    def validated(self, trainer: lightning.Trainer, scores: Scores) -> None:
        value = scores.monitored(self._options.monitor)  # of the loss, too, more is better
        trainer.callback_metrics[self.monitor] = torch.tensor(value, dtype=torch.float64)
        self.on_validation_end(trainer, trainer.lightning_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of a checkpoint, also of one that was written before Lightning's own did the counting."""
        if "waited" in state_dict:
            best, waited = torch.tensor(state_dict["best"], dtype=torch.float64), state_dict["waited"]
            state_dict = self.state_dict() | {"best_score": best, "wait_count": waited}
        super().load_state_dict(state_dict)

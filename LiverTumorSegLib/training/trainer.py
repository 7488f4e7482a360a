"""A training run with Lightning: set up, made repeatable, and its failures explained."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, cast

import lightning.pytorch as lightning
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ..core.arithmetic import deterministic_torch, whole_float32
from ..core.device_failure import describe_failure, is_device_failure, is_out_of_memory, may_be_out_of_memory
from ..core.errors import UserError
from ..core.progress import Cancelled, Job
from ..datasets.slices import Patient
from .averaging import Averaging
from .callbacks import (
    BestWeights,
    CheckpointWriter,
    ExamplePictures,
    LowerOnPlateau,
    MetricsLog,
    ProgressReporter,
    Stopping,
    Validation,
    ValidationListener,
)
from .checkpoints import CHECKPOINTS, PICTURES
from .distributed import ALONE, ProcessGroup
from .input_mode import input_mode_of
from .lightning_distributed import trainer_options as of_processes
from .lightning_module import LARGEST_NORM, SliceSegmenter
from .network import check_finite_weights
from .recipe import Recipe
from .recipe_options import Plateau
from .resume import TrainingStart
from .scoring import PartScorer, Scorer


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Keep back what Lightning says about itself: what matters, we say in our own words."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


_GO_ON = "go on from the last checkpoint with --resume"


def explain_failure(error: Exception, device: torch.device, batch: int) -> Exception:
    """Say what a user can do about memory that ran out or a GPU that failed; any other error stays as it is.

    Args:
        error: that ended a training.
        device: it ran on.
        batch: samples that are computed together; where a single one meets what may be a lack of memory, it is taken
            for a failed GPU.
    """
    if is_out_of_memory(error) or (may_be_out_of_memory(error) and batch > 1):
        mend = "lower schedule.batch, schedule.micro_batch or crop"
        return UserError(f"{device} ran out of memory while training: close other programs, or {mend}.")
    return UserError(describe_failure(device, error, _GO_ON)) if is_device_failure(error) else error


class TrainingRun:
    """A recipe's training from where it begins to its last step.

    Args:
        recipe: how to train.
        segmenter: what is trained.
        held_out: patients that validations measure.
        start: where it begins.
        job: told about every step, and asked whether to go on.
        group: the processes that train; the first of them writes.
        device: that trains, and its precision as Lightning names it; None for the recipe's on the CPU.

    Raises:
        UserError: what validations are judged by is in none of the patients.
    """

    def __init__(
        self,
        recipe: Recipe,
        segmenter: SliceSegmenter,
        held_out: Sequence[Patient],
        start: TrainingStart,
        job: Job,
        group: ProcessGroup = ALONE,
        device: tuple[torch.device, str] | None = None,
    ) -> None:
        self._recipe, self._segmenter, self._start, self._group = recipe, segmenter, start, group
        self._device, self._precision = device or (torch.device("cpu"), recipe.schedule.precision)
        self._each = min(
            recipe.schedule.batch // group.rank.count, recipe.schedule.micro_batch or recipe.schedule.batch
        )
        self._averaging = Averaging(decay=recipe.schedule.average)
        self._best = BestWeights(self._averaging, recipe.callbacks.best.monitor)
        self._log = MetricsLog(start.log / "curves.png", recipe.schedule.steps)
        self._callbacks = [
            self._averaging,
            *self._validation(held_out),
            self._log,
            ProgressReporter(job, self._log, group),
        ]

    def run(self, batches: Iterable[Any]) -> str:
        """Train; the network then has the weights to be saved.

        Returns:
            A sentence on which these are.

        Raises:
            UserError: training diverged, the log cannot be written, memory ran out, or the GPU failed.
            Cancelled: the job was, or the process was asked to end (SIGTERM).
        """
        exact = whole_float32() if self._precision == "32-true" else nullcontext()
        with silence_lightning(), deterministic_torch(), exact:
            trainer = self._trainer()
            self._fit(trainer, batches)
        self._check_finite()
        ended = self._ended(trainer.global_step)
        if self._recipe.callbacks.save == "best":
            self._segmenter.network.load_state_dict(self._best.weights)
            self._check_finite()
            return f"{ended}The saved weights are those after step {self._best.step}, the best of the validations."
        return f"{ended}The saved weights are those after step {trainer.global_step}, the last."

    def _ended(self, step: int) -> str:
        steps, stopping = self._recipe.schedule.steps, self._recipe.callbacks.early_stopping
        if step >= steps or stopping is None:
            return ""
        return (
            f"Training stopped at step {step} of {steps}, since {stopping.monitor} was not better for "
            f"{stopping.patience} validations. "
        )

    def _fit(self, trainer: lightning.Trainer, batches: Iterable[Any]) -> None:
        try:
            trainer.fit(self._segmenter, batches, ckpt_path=self._start.checkpoint, weights_only=True)
        except SIGTERMException:  # a SystemExit with code 0, which would pass for a training that came to its end
            raise Cancelled from None
        except (RuntimeError, MemoryError) as error:
            raise explain_failure(error, trainer.strategy.root_device, self._each) from error

    def _check_finite(self) -> None:
        check_finite_weights(self._segmenter.network, self._recipe.schedule.learning_rate)

    def _validation(self, held_out: Sequence[Patient]) -> list[lightning.Callback]:
        recipe = self._recipe
        if not recipe.validates:
            return []
        scorer = input_mode_of(recipe).scorer(recipe, held_out, self._segmenter.loss, self._group)
        listeners = self._listeners(scorer)
        every = recipe.schedule.validate_every
        return [Validation(scorer, self._averaging, every, [self._log, *listeners]), *listeners]

    def _listeners(self, scorer: Scorer) -> list[ValidationListener]:
        schedule, options = self._recipe.schedule, self._recipe.callbacks
        listeners: list[ValidationListener] = [self._best] if options.save == "best" else []
        if isinstance(schedule.policy, Plateau):
            listeners.append(LowerOnPlateau(schedule.policy))
        if options.early_stopping:
            listeners.append(Stopping(options.early_stopping))
        if options.pictures_every and self._group.is_first:
            every = options.pictures_every * schedule.validate_every
            listeners.append(
                ExamplePictures(cast("PartScorer", scorer), self._averaging, self._start.log / PICTURES, every)
            )
        return listeners

    def _trainer(self) -> lightning.Trainer:
        schedule, options = self._recipe.schedule, self._recipe.callbacks
        folder = self._start.log / CHECKPOINTS
        return lightning.Trainer(
            max_steps=schedule.steps,
            precision=self._precision,
            gradient_clip_val=LARGEST_NORM if self._segmenter.automatic_optimization else None,
            callbacks=[*self._callbacks, CheckpointWriter(folder, options.checkpoint_every, schedule.learning_rate)],
            logger=_loggers(self._start) if self._group.is_first else False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **of_processes(self._group, self._device),
        )


def _loggers(start: TrainingStart) -> list[Logger]:
    """A table, and TensorBoard's events where that is installed."""
    place = {"save_dir": start.log.parent.parent, "name": start.log.parent.name, "version": start.log.name}
    loggers: list[Logger] = [CSVLogger(**place)]
    if find_spec("tensorboard"):
        purge = {"purge_step": start.step + 1} if start.step else {}
        loggers.append(TensorBoardLogger(**place, default_hp_metric=False, **purge))
    return loggers

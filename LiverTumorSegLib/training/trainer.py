"""Lightning's trainer with everything that happens beside the steps of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import lightning.pytorch as lightning
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ..datasets.slices import Patient
from ..progress import Cancelled, Job
from .beginning import Beginning
from .callbacks.averaging import Averaging
from .callbacks.best import BestWeights
from .callbacks.checkpointing import Checkpointing
from .callbacks.examples import Examples
from .callbacks.metrics_log import MetricsLog
from .callbacks.plateau import LowerOnPlateau
from .callbacks.reporting import Reporting
from .callbacks.stopping import Stopping
from .callbacks.validation import Listener, Validation
from .failures import in_words
from .finite import check_finite
from .group import ALONE, Group
from .kinds import kind_of
from .log_folder import CHECKPOINTS, PICTURES
from .parallel import options as of_processes
from .policies import Plateau
from .recipe import Recipe
from .scoring import Scorer
from .segmenter import SliceSegmenter
from .surroundings import quiet_lightning, repeatable


class Course:
    """A recipe's training from where it begins to its last step.

    Args:
        recipe: how to train.
        segmenter: what is trained.
        held_out: patients that validations measure.
        start: where it begins.
        job: told about every step, and asked whether to go on.
        group: the processes that train; the first of them writes.

    Raises:
        UserError: what validations are judged by is in none of the patients.
    """

    def __init__(
        self,
        recipe: Recipe,
        segmenter: SliceSegmenter,
        held_out: Sequence[Patient],
        start: Beginning,
        job: Job,
        group: Group = ALONE,
    ) -> None:
        self._recipe, self._segmenter, self._start, self._group = recipe, segmenter, start, group
        self._averaging = Averaging(decay=recipe.schedule.average)
        self._best = BestWeights(self._averaging, recipe.callbacks.best.monitor)
        self._log = MetricsLog(start.log / "curves.png", recipe.schedule.steps)
        self._callbacks = [self._averaging, *self._validation(held_out), self._log, Reporting(job, self._log, group)]

    def run(self, batches: Iterable[Any]) -> str:
        """Train; the network then has the weights to be saved.

        Returns:
            A sentence on which these are.

        Raises:
            UserError: training diverged, the log cannot be written, memory ran out, or the GPU failed.
            Cancelled: the job was, or the process was asked to end (SIGTERM).
        """
        with quiet_lightning(), repeatable():
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
            raise in_words(error, trainer.strategy.root_device) from error

    def _check_finite(self) -> None:
        check_finite(self._segmenter.network, self._recipe.schedule.learning_rate)

    def _validation(self, held_out: Sequence[Patient]) -> list[lightning.Callback]:
        recipe = self._recipe
        if not recipe.validates:
            return []
        scorer = kind_of(recipe).scorer(recipe, held_out, self._segmenter.loss, self._group)
        listeners = self._listeners(scorer)
        every = recipe.schedule.validate_every
        return [Validation(scorer, self._averaging, every, [self._log, *listeners]), *listeners]

    def _listeners(self, scorer: Scorer) -> list[Listener]:
        schedule, options = self._recipe.schedule, self._recipe.callbacks
        listeners: list[Listener] = [self._best] if options.save == "best" else []
        if isinstance(schedule.policy, Plateau):
            listeners.append(LowerOnPlateau(schedule.policy))
        if options.early_stopping:
            listeners.append(Stopping(options.early_stopping))
        if options.pictures_every and self._group.is_first:
            every = options.pictures_every * schedule.validate_every
            listeners.append(Examples(scorer, self._averaging, self._start.log / PICTURES, every))
        return listeners

    def _trainer(self) -> lightning.Trainer:
        schedule, options = self._recipe.schedule, self._recipe.callbacks
        folder = self._start.log / CHECKPOINTS
        return lightning.Trainer(
            max_steps=schedule.steps,
            precision=schedule.precision,
            gradient_clip_val=1.0,
            callbacks=[*self._callbacks, Checkpointing(folder, options.checkpoint_every, schedule.learning_rate)],
            logger=_loggers(self._start) if self._group.is_first else False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **of_processes(self._group),
        )


def _loggers(start: Beginning) -> list[Logger]:
    """A table, and TensorBoard's events where that is installed."""
    place = {"save_dir": start.log.parent.parent, "name": start.log.parent.name, "version": start.log.name}
    loggers: list[Logger] = [CSVLogger(**place)]
    if find_spec("tensorboard"):
        purge = {"purge_step": start.step + 1} if start.step else {}
        loggers.append(TensorBoardLogger(**place, default_hp_metric=False, **purge))
    return loggers

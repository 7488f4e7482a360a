"""A recipe's network with its loss, its targets, optimiser and schedule, as Lightning trains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch

from ..core.labels import LESION_LABEL, LIVER_LABEL
from ..datasets.slices import Patient
from ..models.description import JOINT, Binary, Joint
from ..networks import SliceNetwork
from .distributed import ALONE, ProcessGroup
from .input_mode import input_mode_of
from .losses import CrossEntropy, over_levels
from .micro_batches import add_gradients, batch_parts
from .patch_sampling import DrawnPatches
from .recipe import Recipe
from .recipe_options import OneCycle, one_cycle
from .slice_sampling import Batch, DrawnSlices


def class_targets(labels: torch.Tensor, wanted: Binary | Joint) -> torch.Tensor:
    """Number the classes of a network from 0 on; a network for the liver counts lesions as liver.

    Args:
        labels: integers of any shape: 0 background, 1 liver, 2 lesion.
        wanted: what the network's classes stand for.
    """
    if wanted == JOINT:
        return labels
    return ((labels == LESION_LABEL) if wanted[1] == "lesion" else (labels >= LIVER_LABEL)).to(labels.dtype)


LARGEST_NORM = 1.0
"""To which the gradients of a step are cut."""

RECIPE, PATIENTS = "recipe", "patients"
"""Keys of the recipe, and of its patients' slice counts, in a checkpoint."""


class SliceSegmenter(lightning.LightningModule):
    """A network with the recipe's loss, optimiser and schedule.

    Args:
        recipe: which.
        network: the recipe's.
        train: patients whose labels decide the weights of classes, where the loss asks for that.
        slice_counts: of the patients, for whoever goes on from a checkpoint to compare.
        group: the processes that train it, each on its share of a batch. The loss is that of the whole batch, from the
            logits of all: Dice over a batch is no mean over its samples. So gradients are a single process's but for
            the order of sums; what dropout drops is drawn for each share anew, and differs.

    Raises:
        UserError: a class whose weight the loss asks for occurs nowhere.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: SliceNetwork,
        train: Sequence[Patient],
        slice_counts: Mapping[str, Mapping[str, int]] | None = None,
        group: ProcessGroup = ALONE,
    ) -> None:
        super().__init__()
        loss = recipe.loss
        self._kind = input_mode_of(recipe)
        self.network: SliceNetwork = network.to(memory_format=self._kind.layout)  # type: ignore[call-overload]
        self._recipe, self._slice_counts, self._group = recipe, slice_counts or {}, group
        if isinstance(loss, CrossEntropy):
            loss = loss.fitted((class_targets(patient.labels, recipe.labels) for patient in train), network.classes)
        self._loss = loss
        self._parts = batch_parts(recipe.schedule.batch, recipe.schedule.micro_batch)
        self.automatic_optimization = len(self._parts) == 1

    def on_after_batch_transfer(
        self, batch: DrawnSlices | DrawnPatches, _dataloader: int
    ) -> Batch | DrawnSlices | DrawnPatches:
        return self._kind.augmented(batch) if self.automatic_optimization else batch

    def on_train_batch_start(self, _batch: Batch, _number: int) -> None:
        """Seed what a network draws (dropout) by the step alone, so that training can go on at any."""
        number = self._group.rank.number
        state = np.random.SeedSequence([self._recipe.seed, self.trainer.global_step, *([number] if number else [])])
        torch.manual_seed(int(state.generate_state(1, np.uint64)[0]))

    def training_step(self, batch: Any) -> torch.Tensor:
        """The loss of a step; of a batch in parts, the step is made as well."""
        return self._loss_of_batch(batch) if self.automatic_optimization else self._step_in_parts(batch)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Cut the gradients' norm, which Lightning does by itself for whole batches alone."""
        if not self.automatic_optimization:
            self.clip_gradients(optimizer, LARGEST_NORM, "norm")

    def _step_in_parts(self, drawn: Any) -> torch.Tensor:
        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        optimizer.zero_grad()  # type: ignore[union-attr]
        loss = add_gradients(
            drawn, self._parts, lambda part: self._loss_of_batch(self._kind.augmented(part)), self.manual_backward
        )
        optimizer.step()  # type: ignore[union-attr]
        if schedule is not None:
            schedule.step()  # type: ignore[union-attr, call-arg]
        return loss

    def _loss_of_batch(self, batch: Batch) -> torch.Tensor:
        logits = self.network(self._channels(batch).contiguous(memory_format=self._kind.layout))
        if not self._group.several:
            return self.loss(logits, batch["labels"], batch["lesions_apart"])
        whole = self._group.whole
        of_all = [whole(one.float()) for one in logits] if isinstance(logits, list) else whole(logits.float())
        return self._group.summed(self.loss(of_all, whole(batch["labels"]), whole(batch["lesions_apart"])))

    def _channels(self, batch: Batch) -> torch.Tensor:
        if self._kind.channels is None:
            return batch["pixels"]
        return self._kind.channels(self._recipe, self.network, batch, (self._recipe.seed, self.trainer.global_step))

    def loss(
        self, logits: torch.Tensor | list[torch.Tensor], labels: torch.Tensor, lesions_apart: torch.Tensor
    ) -> torch.Tensor:
        """The recipe's loss.

        Args:
            logits: ``[batch, class, *size]``, or a list of levels.
            labels: ``[batch, *size]``: 0 background, 1 liver, 2 lesion.
            lesions_apart: bool ``[batch]``.
        """
        return over_levels(
            lambda level, own: self._loss(level, own, lesions_apart), logits, class_targets(labels, self._recipe.labels)
        )

    def configure_optimizers(self):  # type: ignore[no-untyped-def]  # noqa: ANN201, Lightning's type is private
        plan = self._recipe.schedule
        optimizer = plan.optimizer(self.parameters(), plan.learning_rate, plan.weight_decay)
        if not isinstance(plan.policy, OneCycle):  # a plateau is the business of a callback
            return optimizer
        schedule = one_cycle(optimizer, plan.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[RECIPE] = self._recipe.model_dump(mode="json")
        checkpoint[PATIENTS] = self._slice_counts

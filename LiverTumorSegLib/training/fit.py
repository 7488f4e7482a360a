"""Fit a recipe with Lightning and save the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from ..datasets.slices import Patient, read_patients
from ..description import Description, Training
from ..errors import UserError
from ..model import save
from ..networks import SliceNetwork
from .card import card_text
from .losses import CrossEntropy, over_levels
from .network import build
from .optimisers import one_cycle
from .recipe import Recipe
from .sampling import Batch, Drawn, SliceSampler, augmented
from .targets import targets


class SliceSegmenter(lightning.LightningModule):
    """A network with the recipe's loss, optimiser and schedule.

    Args:
        recipe: which.
        network: the recipe's.
        train: patients whose labels decide the weights of classes, where the loss asks for that.

    Raises:
        UserError: a class whose weight the loss asks for occurs nowhere.
    """

    def __init__(self, recipe: Recipe, network: SliceNetwork, train: Sequence[Patient]) -> None:
        super().__init__()
        loss = recipe.loss
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._schedule, self._labels = recipe.schedule, recipe.labels
        if isinstance(loss, CrossEntropy):
            loss = loss.fitted((targets(patient.labels, recipe.labels) for patient in train), network.classes)
        self._loss = loss

    def on_after_batch_transfer(self, batch: Drawn, _dataloader: int) -> Batch:
        return augmented(batch)

    def training_step(self, batch: Batch) -> torch.Tensor:
        logits = self.network(batch["pixels"].contiguous(memory_format=torch.channels_last))
        loss = over_levels(
            lambda level, labels: self._loss(level, labels, batch["lesions_apart"]),
            logits,
            targets(batch["labels"], self._labels),
        )
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):  # type: ignore[no-untyped-def]  # noqa: ANN201, Lightning's type is private
        plan = self._schedule
        optimizer = plan.optimizer(self.parameters(), plan.learning_rate, plan.weight_decay)
        if plan.policy == "constant":
            return optimizer
        schedule = one_cycle(optimizer, plan.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(recipe: Recipe, data: Path, folder: Path, *, command: str, overwrite: bool = False) -> None:
    """Train on the patients that are not for validation, and save a model folder.

    Args:
        recipe: how to train.
        data: folder that holds the recipe's data folders.
        folder: model folder to write.
        command: what to write into the card as the command that made the model.
        overwrite: whether a folder of that name may be replaced.

    Raises:
        UserError: the network cannot be trained, data are missing or show nothing that is asked for, a validation
            patient does not exist, training diverged, or the folder exists.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    network = build(recipe)
    train = _training_patients(recipe, data)
    sampler = SliceSampler(
        train,
        sampling=recipe.sampling,
        augmentation=recipe.augmentation,
        stack=recipe.stack,
        crop=recipe.crop,
        batch=recipe.schedule.batch,
        seed=recipe.seed,
    )
    segmenter = SliceSegmenter(recipe, network, train)
    trainer = _trainer(recipe, folder)
    trainer.fit(segmenter, sampler)
    _check_finite(segmenter.network, recipe.schedule.learning_rate)
    training = Training(
        data=", ".join(source.folder for source in recipe.data),
        patients=tuple(p.name for p in train),
        validation_patients=recipe.validation,
        seed=recipe.seed,
        command=command,
        recipe=recipe.model_dump(mode="json"),
    )
    save_trained(recipe, segmenter.network, training, folder, overwrite=overwrite)


def save_trained(recipe: Recipe, network: nn.Module, training: Training, folder: Path, *, overwrite: bool) -> None:
    """Write the model folder of a trained network, its figures still to be measured."""
    shared = recipe.model_dump(include=Recipe.model_fields.keys() & Description.model_fields.keys())
    save(
        folder,
        network,
        card_text,
        overwrite=overwrite,
        training=training,
        **shared,
    )


def _training_patients(recipe: Recipe, data: Path) -> list[Patient]:
    if not recipe.data:
        msg = "The recipe names no data: list at least one folder of slices in its data."
        raise UserError(msg)
    patients = [p for source in recipe.data for p in read_patients(source, data, recipe.preprocessing)]
    unknown = set(recipe.validation) - {p.name for p in patients}
    if unknown:
        msg = f"The recipe's validation patients {', '.join(sorted(unknown))} are not in the data."
        raise UserError(msg)
    train = [p for p in patients if p.name not in recipe.validation]
    if not train:
        msg = "The recipe keeps all patients for validation: leave some for training."
        raise UserError(msg)
    return train


def _check_finite(network: nn.Module, learning_rate: float) -> None:
    if not all(torch.isfinite(values).all() for values in network.state_dict().values()):
        msg = (
            "Training diverged and no model was saved, since the network's weights are not finite numbers: try a "
            f"smaller schedule.learning_rate than {learning_rate:g}."
        )
        raise UserError(msg)


def _trainer(recipe: Recipe, folder: Path) -> lightning.Trainer:
    log = CSVLogger(folder.parent, name=f"{folder.name}-log")
    checkpoint = ModelCheckpoint(log.log_dir, filename="{step}", every_n_train_steps=400)
    return lightning.Trainer(
        max_steps=recipe.schedule.steps,
        precision=recipe.schedule.precision,
        gradient_clip_val=1.0,
        callbacks=[EMAWeightAveraging(decay=recipe.schedule.average), checkpoint],
        logger=log,
        log_every_n_steps=50,
        enable_model_summary=False,
    )

"""Fit a recipe with Lightning and save the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as lightning
from torch import nn

from ..datasets.slices import Patient, read_patients
from ..description import Description, Training
from ..errors import UserError
from ..model import save
from ..progress import CancelToken, Progress, job
from .beginning import Say, beginning
from .card import card_text
from .log_folder import remove_checkpoints
from .network import build
from .recipe import Recipe
from .sampling import SliceSampler
from .segmenter import SliceSegmenter
from .trainer import Course


def fit(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    command: str,
    overwrite: bool = False,
    resume: bool = False,
    say: Say = lambda _: None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> None:
    """Train on the patients that are not for validation, and save a model folder.

    Beside it, ``FOLDER-log/version_N`` gets the log: ``metrics.csv``, ``curves.png``, TensorBoard's events where that
    is installed, example ``pictures``, and until the model is saved ``checkpoints``. A training that goes on from one
    comes out as an unbroken one on the same device, to the last bit where PyTorch can repeat itself there.

    Args:
        recipe: how to train.
        data: folder that holds the recipe's data folders.
        folder: model folder to write.
        command: what to write into the card as the command that made the model.
        overwrite: whether a folder of that name may be replaced, and an unfinished training be given up.
        resume: go on where an interrupted training left off, if there is one.
        say: told where the log is and other single sentences.
        progress: told after every step.
        cancel: checked before and after the slices are read, and after every step.

    Raises:
        UserError: the network cannot be trained, data are missing or show nothing that is asked for, a validation
            patient does not exist, training diverged, the folder exists, an unfinished training is in the way, or the
            one to go on with had another recipe.
        Cancelled: ``cancel`` was used; the checkpoints stay.
    """
    task = job(progress, cancel)
    start = beginning(recipe, folder, resume=resume, overwrite=overwrite, say=say)
    lightning.seed_everything(recipe.seed, verbose=False)
    network = build(recipe, say)
    task.at(0, "Reading the slices")
    train, held_out = _patients(recipe, data)
    task.at(0, "Starting")
    sampler = SliceSampler(
        train,
        sampling=recipe.sampling,
        augmentation=recipe.augmentation,
        stack=recipe.stack,
        crop=recipe.crop,
        batch=recipe.schedule.batch,
        seed=recipe.seed,
        first=start.step,
    )
    segmenter = SliceSegmenter(recipe, network, train)
    course = Course(recipe, segmenter, held_out, start, task)
    remove_checkpoints(folder, but_of=start.log)
    say(f"The log is in {start.log}.")
    say(course.run(sampler))
    save_trained(recipe, network, _origin(recipe, train, command), folder, overwrite=overwrite)
    remove_checkpoints(folder)


def _origin(recipe: Recipe, train: Sequence[Patient], command: str) -> Training:
    return Training(
        data=", ".join(source.folder for source in recipe.data),
        patients=tuple(p.name for p in train),
        validation_patients=recipe.validation,
        seed=recipe.seed,
        command=command,
        recipe=recipe.model_dump(mode="json"),
    )


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


def _patients(recipe: Recipe, data: Path) -> tuple[list[Patient], list[Patient]]:
    """For training, and for validation."""
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
    return train, [p for p in patients if p.name in recipe.validation] if recipe.validates else []

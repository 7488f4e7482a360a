"""Fit a recipe with Lightning and save the model folder."""

from __future__ import annotations

import os
from pathlib import Path

import lightning.pytorch as lightning
from torch import nn

from ..description import Description, Training
from ..model import save
from ..progress import CancelToken, Progress, job
from . import patients
from .beginning import Say, beginning, refuse_other_patients
from .card import card_text
from .log_folder import remove_checkpoints
from .network import build
from .patients import Patients
from .recipe import Recipe
from .sampling import SliceSampler
from .segmenter import SliceSegmenter
from .surroundings import refuse_ranks
from .trainer import Course


def fit(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    command: str,
    overwrite: bool = False,
    resume: bool = False,
    cache: Path | None = None,
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
        data: folder that holds the recipe's data folders, and its split's file.
        folder: model folder to write.
        command: what to write into the card as the command that made the model.
        overwrite: whether a folder of that name may be replaced, and an unfinished training be given up.
        resume: go on where an interrupted training left off, if there is one.
        cache: folder that keeps what CTs become, to be read once; None for the user's.
        say: told where the log is and other single sentences.
        progress: told after every step.
        cancel: checked while the slices are read, and after every step.

    Raises:
        UserError: the network cannot be trained, data are missing or show nothing that is asked for, the cache has no
            room, a validation patient does not exist, training diverged, the folder exists, an unfinished training is
            in the way, the one to go on with had another recipe or other patients, or this process is one of several.
        Cancelled: ``cancel`` was used, or the process was asked to end; the checkpoints stay.
    """
    task = job(progress, cancel)
    refuse_ranks(os.environ)
    start = beginning(recipe, folder, resume=resume, overwrite=overwrite, say=say)
    lightning.seed_everything(recipe.seed, verbose=False)
    network = build(recipe, say)
    task.at(0, "Reading the slices")
    found = patients.read(recipe, data, cache, say=say, job=task)
    refuse_other_patients(start, found.slice_counts)
    task.at(0, "Starting")
    sampler = SliceSampler(
        found.train,
        sampling=recipe.sampling,
        augmentation=recipe.augmentation,
        stack=recipe.stack,
        crop=recipe.crop,
        batch=recipe.schedule.batch,
        seed=recipe.seed,
        first=start.step,
    )
    segmenter = SliceSegmenter(recipe, network, found.train, found.slice_counts)
    course = Course(recipe, segmenter, found.validation, start, task)
    remove_checkpoints(folder, but_of=start.log)
    say(f"The log is in {start.log}.")
    say(course.run(sampler))
    save_trained(recipe, network, _origin(recipe, found, command), folder, overwrite=overwrite)
    remove_checkpoints(folder)


def _origin(recipe: Recipe, found: Patients, command: str) -> Training:
    return Training(
        data=", ".join(source.folder for source in recipe.data),
        patients=tuple(p.name for p in found.train),
        validation_patients=found.held_out,
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

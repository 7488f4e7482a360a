"""Fit a recipe with Lightning and save the model folder."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as lightning
import torch
from torch import nn

from ..core.prefetch import PrefetchedBatches
from ..core.progress import CancelToken, Progress, job
from ..core.sanitize import strip_folders_of_content, strip_folders_of_word
from ..datasets.slices import Patient
from ..models.description import Description, Training
from ..models.model_folder import save
from . import patients
from .card import card_text
from .checkpoints import remove_checkpoints
from .distributed import ProcessGroup, join_processes
from .input_mode import input_mode_of
from .lightning_distributed import SharedBatches
from .lightning_module import SliceSegmenter
from .micro_batches import refuse_parts_in_several_processes
from .network import build_network, describe_initial_model
from .patients import Patients, free_device_bytes, move_to_device
from .recipe import Recipe
from .resume import Say, find_start, refuse_other_patients
from .trainer import TrainingRun
from .training_device import (
    choose_training_device,
    choose_training_precision,
    count_drawing_threads,
    refuse_wrong_gradients,
)


def fit(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    command: str,
    device: str = "auto",
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

    Processes that ``torchrun`` or ``srun`` starts train one model together, each on its share of every batch; they all
    must see the folders. The first of them alone talks and writes.

    Args:
        recipe: how to train.
        data: folder that holds the recipe's data folders, and its split's file.
        folder: model folder to write.
        command: what to write into the card as the command that made the model.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``; of several processes each has its own GPU, or all the CPU.
        overwrite: whether a folder of that name may be replaced, and an unfinished training be given up.
        resume: go on where an interrupted training left off, if there is one.
        cache: folder that keeps what CTs become, to be read once; None for the user's.
        say: told where the log is and other single sentences.
        progress: told after every step.
        cancel: checked while the slices are read, and after every step.

    Raises:
        UserError: the device is not there, the network cannot be trained on it, data are missing or show nothing that
            is asked for, the cache has no room, a validation patient does not exist, training diverged, the folder
            exists, an unfinished training is in the way, the one to go on with had another recipe or other patients;
            or this process is one of several that cannot share the batch evenly, or do not find each other.
        Cancelled: ``cancel`` was used, or the process was asked to end; the checkpoints stay.
        EndedElsewhere: another process of the training failed or was cancelled, and says so itself.
    """
    with join_processes(on_gpus=device != "cpu") as group:
        tell, task = (say, job(progress, cancel)) if group.is_first else (_say_nothing, job(None, cancel))
        group.share(recipe.schedule.batch)
        refuse_parts_in_several_processes(recipe.schedule, group)
        start = group.from_first(lambda: find_start(recipe, folder, resume=resume, overwrite=overwrite, say=tell))
        lightning.seed_everything(recipe.seed, verbose=False)
        place = choose_training_device(group, device, tell)
        precision = choose_training_precision(recipe, place, tell)
        network = build_network(recipe, tell)
        refuse_wrong_gradients(recipe, network, place)
        task.at(0, "Reading the slices")
        gpu = str(place) if place.type == "cuda" else "cpu"
        found = group.in_turns(lambda: patients.read(recipe, data, cache, say=tell, job=task, device=gpu))
        refuse_other_patients(start, found.slice_counts)
        before = describe_initial_model(recipe, (*found.held_out, *found.test))
        task.at(0, "Starting")
        batches = _batches(recipe, found.train, start.step, group, place, tell)
        segmenter = SliceSegmenter(recipe, network, found.train, found.slice_counts, group)
        course = TrainingRun(recipe, segmenter, found.validation, start, task, group, (place, precision))
        group.from_first(lambda: remove_checkpoints(folder, but_of=start.log))
        tell(f"The log is in {start.log}.")
        tell(course.run(batches))
        origin = _origin(recipe, found, before, command)
        group.from_first(lambda: save_trained(recipe, network, origin, folder, overwrite=overwrite))
        group.from_first(lambda: remove_checkpoints(folder))


def _say_nothing(_: str) -> None: ...


def _batches(
    recipe: Recipe, train: list[Patient], first: int, group: ProcessGroup, device: torch.device, say: Say
) -> PrefetchedBatches:
    """This process's share of the batches from a first one on, drawn from wherever the slices are kept."""
    # patches around clicks are cut and painted on the CPU
    kept = train if recipe.clicks else move_to_device(train, device, free_device_bytes(device), say)
    drawn = input_mode_of(recipe).sampler(recipe, kept, first)
    share = group.share(recipe.schedule.batch)
    own = SharedBatches(drawn, share) if group.several else drawn
    return PrefetchedBatches(own, pinned=device.type == "cuda", threads=count_drawing_threads(device, group))


def _origin(recipe: Recipe, found: Patients, before: Description | None, command: str) -> Training:
    seen = [p.name for p in found.train] + list(before.training.patients if before else ())
    return Training(
        data=", ".join(strip_folders_of_word(source.folder) for source in recipe.data),
        patients=tuple(dict.fromkeys(seen)),
        validation_patients=found.held_out,
        seed=recipe.seed,
        command=command,
        recipe=strip_folders_of_content(recipe.model_dump(mode="json")),
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

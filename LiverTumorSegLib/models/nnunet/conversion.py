"""Folders and zip files of nnU-Net's, made into model folders of this program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from ...core.errors import UserError
from ...core.progress import Job
from ...core.schema import explain_validation_error
from ...core.structures import LIVER_SEGMENTS
from ...networks import MeanOfFolds, create_with_options
from .. import model_folder
from ..description import MODEL_NAME, Description, Licence, NetworkSpec, Training
from . import totalsegmentator
from .card import card_text
from .checkpoints import Checkpoint, extract_weights
from .dataset import Outputs, describe_channel, is_ct, read_outputs
from .folders import DATASET, PLANS, TrainedFolder, find_trained
from .plans import read_plans
from .settings import NnUNet
from .totalsegmentator import Task

_CHECKPOINT = "checkpoint_final.pth"


@dataclass(frozen=True)
class ImportChoices:
    """What a folder of nnU-Net's leaves open.

    Args:
        name: of the model; empty for one after its data set.
        configuration: which, where a folder holds several.
        folds: their numbers, or ``all``; none for every one that is there.
        checkpoint: name of the file in each fold.
        labels: liver, lesion or a structure, by the data set's own name for it; nothing for what is not to be shown.
        licence: of the weights; empty where the folder says it.
        mirroring: whether mirrored passes are averaged where the checkpoint allows it; None for what its author does.
        orientation: in which a CT is shown to the network, ``stored`` or ``RAS``; None for what its author does.
        totalsegmentator: whether TotalSegmentator's own steps are done; None for what the folder's name says.
    """

    name: str = ""
    configuration: str | None = None
    folds: Sequence[str] = ()
    checkpoint: str = _CHECKPOINT
    labels: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    mirroring: bool | None = None
    orientation: str | None = None
    totalsegmentator: bool | None = None


NO_CHOICES = ImportChoices()


def read_choices(*, folds: str = "", labels: Sequence[str] = (), **others: Any) -> ImportChoices:
    """Choices as they are typed.

    Args:
        folds: such as ``0,1`` or ``all``.
        labels: ``WHAT=NAME`` each; ``none=NAME`` shows nothing of one.
        others: as :class:`ImportChoices` has them.

    Raises:
        UserError: a fold, a label or the orientation is not of that form.
    """
    orientation = others.get("orientation")
    if orientation not in (None, "stored", "RAS"):
        msg = f"There is no orientation “{orientation}”: give stored or RAS."
        raise UserError(msg)
    return ImportChoices(folds=_read_folds(folds), labels=_read_labels(labels), **others)


def _read_folds(text: str) -> tuple[str, ...]:
    folds = tuple(part.strip() for part in text.split(",") if part.strip())
    for fold in folds:
        if not (fold.isascii() and fold.isdecimal()) and fold != "all":
            msg = f"“{fold}” is not a fold: give numbers, such as --folds 0,1, or all."
            raise UserError(msg)
    return folds


def _read_labels(texts: Sequence[str]) -> dict[str, str]:
    chosen = {}
    for text in texts:
        what, sign, own = text.partition("=")
        if not (sign and what.strip() and own.strip()):
            msg = f"“{text}” does not say what a label is: give WHAT=NAME, such as --label lesion=tumour."
            raise UserError(msg)
        chosen[own.strip()] = "" if what.strip() == "none" else what.strip()
    return chosen


@dataclass(frozen=True)
class OpenQuestions:
    """What has to be chosen before a folder can be imported.

    Args:
        labels: what each label of its data set is taken for, by its own name; nothing for what is not shown.
        licence: whether that of its weights is unknown.
        totalsegmentator: whether it is unknown whose model it is.
    """

    labels: Mapping[str, str]
    licence: bool
    totalsegmentator: bool

    @property
    def any(self) -> bool:
        """Whether anything is open."""
        return self.licence or self.totalsegmentator or not any(self.labels.values())


def find_questions(source: Path) -> OpenQuestions:
    """What a folder of nnU-Net's leaves open.

    Raises:
        UserError: it cannot be imported whatever is chosen, as far as its plans and data set tell.
    """
    trained = find_trained(source)
    task = totalsegmentator.find_task(trained.dataset)
    ambiguous = task is not None and task.dataset == totalsegmentator.AMBIGUOUS
    outputs = _outputs(trained, task, ImportChoices(), or_none=True)
    pairs = zip(outputs.own, outputs.names, strict=True)
    labels = {own: name for own, name in pairs if name != "background"}
    return OpenQuestions(labels, task is None and not _said_licence(trained), ambiguous)


def convert(source: Path, target: Path, choices: ImportChoices, job: Job) -> Description:
    """Write the model folder of a trained nnU-Net.

    Args:
        source: the folder of a trained configuration, or one above it.
        target: the new model folder.
        choices: what the folder leaves open.
        job: told what is being done; its token ends the reading of checkpoints.

    Raises:
        UserError: a file is missing, damaged or hostile, the model is of another kind, or something has to be chosen.
        Cancelled: the token was used.
    """
    job.at(0, "Reading the plans")
    trained = find_trained(source, choices.configuration)
    task = _task_of(trained, choices)
    outputs = _outputs(trained, task, choices)
    licence = _licence(trained, task, choices)
    job.at(0.1, "Reading the checkpoints")
    paths = trained.checkpoints(choices.folds, choices.checkpoint)
    weights = target.with_name(f"{target.name}.weights")
    said = extract_weights(paths, weights, job.cancel.check)
    spec, settings = _settings(trained, task, choices, outputs, said)
    job.at(0.8, "Checking the weights")
    network = _network(spec, weights, paths)
    weights.unlink()
    return model_folder.save(
        target,
        network,
        lambda description: card_text(description, outputs, said[0], task),
        name=_name(trained, task, choices, settings.configuration),
        title=task.title if task else f"{_plain(trained.dataset)}, {settings.configuration}, from nnU-Net",
        segments=_in_words(settings.outputs),
        network=spec,
        nnunet=settings,
        labels=settings.labels,
        training=Training(
            data=f"{trained.dataset}, trained elsewhere with nnU-Net ({said[0].trainer})",
            patients=(),
            validation_patients=(),
            seed=0,
            command=f"nnUNetv2_train {trained.dataset} {settings.configuration}, folds {_folds(paths)}",
        ),
        licence=licence,
    )


def _task_of(trained: TrainedFolder, choices: ImportChoices) -> Task | None:
    found = totalsegmentator.find_task(trained.dataset)
    if choices.totalsegmentator and found is None:
        msg = (
            f"{trained.dataset} is not one of TotalSegmentator's data sets of the liver: leave --totalsegmentator out."
        )
        raise UserError(msg)
    if choices.totalsegmentator is None and found and found.dataset == totalsegmentator.AMBIGUOUS:
        msg = (
            f"{trained.dataset} may be TotalSegmentator's or somebody's own: say --totalsegmentator or "
            "--no-totalsegmentator."
        )
        raise UserError(msg)
    return None if choices.totalsegmentator is False else found


def _outputs(trained: TrainedFolder, task: Task | None, choices: ImportChoices, *, or_none: bool = False) -> Outputs:
    where = str(trained.path / DATASET)
    channel = describe_channel(trained.content, where)
    if not is_ct(channel) and "CTNormalization" not in str(trained.plans):
        msg = f"{where} describes a model that cannot be used here: it is for “{channel}”, not for CT."
        raise UserError(msg)
    known = choices.labels
    if task and task.labels and isinstance(trained.content, dict) and isinstance(trained.content.get("labels"), dict):
        numbered = {value: str(own) for own, value in trained.content["labels"].items() if isinstance(value, int)}
        known = {numbered[n]: name for n, name in enumerate(task.labels, start=1) if n in numbered} | dict(known)
    return read_outputs(trained.content, known, where, or_none=or_none)


def _licence(trained: TrainedFolder, task: Task | None, choices: ImportChoices) -> Licence:
    if choices.licence:
        return Licence(name=choices.licence, terms="as whoever imported the model said.")
    if task:
        return Licence(name=totalsegmentator.LICENCE, terms=f"{totalsegmentator.TERMS}.")
    said = _said_licence(trained)
    if not said:
        msg = f"{trained.path / DATASET} does not say under which licence its weights are: say it by --licence NAME."
        raise UserError(msg)
    return Licence(name=said[:80], terms=f"as {DATASET} of the model says, which may be that of its data.")


def _said_licence(trained: TrainedFolder) -> str:
    entries = trained.content if isinstance(trained.content, dict) else {}
    return str(entries.get("licence") or entries.get("license") or "").strip()


def _settings(
    trained: TrainedFolder, task: Task | None, choices: ImportChoices, outputs: Outputs, said: Sequence[Checkpoint]
) -> tuple[NetworkSpec, NnUNet]:
    """nnU-Net takes configuration and axes of its first fold, whatever the folder is called.

    Raises:
        UserError: the weights are of another configuration than was asked for, or the plans cannot be used.
    """
    known = [name for name in (said[0].configuration, trained.configuration) if name]
    if choices.configuration and known and choices.configuration not in known:
        msg = (
            f"The weights in {trained.path} are of the configuration {known[0]}, not of {choices.configuration}: "
            "give that one's folder, or leave --configuration out."
        )
        raise UserError(msg)
    configuration = choices.configuration or next(iter(known), "")
    where = str(trained.path / PLANS)
    spec, read = read_plans(trained.plans, configuration, len(outputs.names), where)
    mirrored = choices.mirroring if choices.mirroring is not None else task is None
    changed: dict[str, Any] = {
        "outputs": outputs.names,
        "regions": outputs.regions,
        "order": outputs.order,
        "mirror_axes": said[0].mirror_axes if mirrored else (),
        "folds": len(said),
    }
    if task:
        changed |= {"around": task.around, "step": task.step, "orientation": "RAS"}
    if choices.orientation is not None:
        changed["orientation"] = choices.orientation
    try:
        return spec, NnUNet.model_validate(read | changed)
    except ValidationError as error:
        msg = f"{where} describes a model that cannot be used here: {explain_validation_error(error, NnUNet)}"
        raise UserError(msg) from error


def _network(spec: NetworkSpec, weights: Path, paths: Sequence[Path]) -> MeanOfFolds:
    where = str(paths[0].parent.parent / PLANS)
    try:
        with torch.device("meta"):
            folds = [create_with_options(spec.name, 1, spec.classes, spec.options) for _ in paths]
    except UserError as error:
        msg = f"{where} describes a model that cannot be used here: {str(error).rstrip('.')}."
        raise UserError(msg) from error
    network, found = MeanOfFolds(folds), load_file(weights)
    wanted = network.state_dict()
    if found.keys() != wanted.keys() or any(found[key].shape != wanted[key].shape for key in wanted):
        key = next(
            iter(sorted(found.keys() ^ wanted.keys()) or [k for k in wanted if found[k].shape != wanted[k].shape])
        )
        _, fold, name = key.split(".", 2)
        msg = (
            f"{paths[int(fold)]} does not fit {where}: “{name}” is "
            f"{_shape(found.get(key))} in the one and {_shape(wanted.get(key))} by the other."
        )
        raise UserError(msg)
    model_folder.fill_network(network, found)
    return network.eval()


def _shape(tensor: torch.Tensor | None) -> str:
    return "not there" if tensor is None else " x ".join(map(str, tensor.shape)) or "a number"


def _in_words(outputs: Sequence[str]) -> str:
    """What is found, Couinaud's eight segments as one."""
    found = list(dict.fromkeys(name for name in outputs if name not in ("", "background")))
    if set(LIVER_SEGMENTS) <= set(found):
        found = [*(name for name in found if name not in LIVER_SEGMENTS), "liver segments 1 to 8"]
    return ", ".join(name.replace("_", " ") for name in found)


def _name(trained: TrainedFolder, task: Task | None, choices: ImportChoices, configuration: str) -> str:
    if choices.name:
        if not re.fullmatch(MODEL_NAME, choices.name):
            msg = f"A model cannot be called “{choices.name}”: use up to 64 letters, digits, dots and hyphens."
            raise UserError(msg)
        return choices.name
    wanted = f"totalsegmentator-{task.name}" if task else f"{_plain(trained.dataset)}-{configuration}"
    return re.sub(r"[^a-z0-9.]+", "-", wanted.lower()).strip("-.")[:64] or "nnunet"


def _plain(dataset: str) -> str:
    """A data set's name without its number."""
    return re.sub(r"^Dataset\d+_", "", dataset).replace("_", " ").strip() or dataset


def _folds(paths: Sequence[Path]) -> str:
    return ", ".join(path.parent.name.removeprefix("fold_") for path in paths)

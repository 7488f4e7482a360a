"""nnU-Net's configurations as recipes of this program, which say beside each entry what is otherwise than there.

What nnU-Net does in training is that of nnU-Net 2's ``nnUNetTrainer``.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import yaml

from ...core.errors import UserError
from ...datasets.dump import read_note
from ...datasets.layouts import Layout
from .axial import AxialConfiguration, axial_slices, axial_volumes, square_of
from .fingerprint import Fingerprint
from .plans import Plans

_SHARE_OF_FOREGROUND = 0.33
_STEPS = 1000 * 250
_WIDTH = 116

_NORMALISED = "HU as nnU-Net normalises CT: clipped, less the mean of the labelled voxels, by their deviation."
_VOLUMES = (
    "nnU-Net first cuts off what is 0 all around, and resamples with cubic splines, or the nearest slice where slices "
    "are thick; here resampling is linear, and averages where it shrinks."
)
_SLICES = "nnU-Net resamples with cubic splines; here it is linear, and averages where it shrinks."
_DUMP = "The pictures are a training dump, and taken as they are: this is what was done to them."
_GREYS = "Greys stand for HU."
_NETWORK = "nnU-Net leaves the coarsest level out of the loss; here it counts half of the one before, as all others do."
_SAMPLING = "A third of a batch, and one sample at least, is drawn around what is labelled, the others by chance."
_AUGMENTATION = (
    "nnU-Net changes a part of the samples in each way, and mirrors along all axes, in segmenting too. Here all are "
    "changed, by less, and none is mirrored."
)
_SCHEDULE = (
    "nnU-Net's 1000 epochs of 250 steps. Its momentum is Nesterov's, and its learning rate falls from the first step "
    "on, as the share of steps that remains to the power of 0.9; here it rises shortly and then falls. Gradients are "
    "clipped to a norm of 1, and there to 12."
)
_LICENCE = "Weights follow the licence of their data."

_LEARNT = {
    "optimizer": {"name": "sgd", "momentum": 0.99},
    "learning_rate": 0.01,
    "weight_decay": 3e-5,
    "average": 0.0,
    "precision": "16-mixed",
    "validate_every": 0,
}
_RANGES = {"zoom": [0.7, 1.4], "gain": 0.1, "noise": 0.1}
_NOT_CHANGED = ("stretch", "shear", "shift", "offset", "floor", "liver_share")

_Section = tuple[str, dict[str, Any]]
"""What is said of some entries, and these."""


def recipe_text(plans: Plans, name: str, layout: Layout) -> str:
    """The YAML of a recipe.

    Args:
        plans: of the data set.
        name: of one of :func:`recipe_names`.
        layout: of the data set.

    Raises:
        UserError: what is labelled has one HU alone.
    """
    intensities = plans.fingerprint.intensities
    if intensities.low >= intensities.high:
        msg = f"The labelled voxels of {layout.folder} all hold {intensities.low:g} HU: choose other data."
        raise UserError(msg)
    sections = _of_slices(plans, layout) if name == "2d" else _of_volumes(plans, name, layout)
    lines = _commented(_headline(plans, name, layout))
    for said, entries in sections:
        lines += _commented(said)
        lines += [_written(key, value) for key, value in entries.items()]
    return "\n".join(lines) + "\n"


def recipe_names(plans: Plans, layout: Layout) -> list[str]:
    """The configurations that a recipe can be made of: of slice pictures ``2d`` alone."""
    return ["2d"] if layout.kind == "slices" else list(plans.configurations)


def folder_name(layout: Layout) -> str:
    """What a recipe calls the data set's folder."""
    return layout.folder.resolve().name


def _written(key: str, value: Any) -> str:
    """An entry in YAML, its innermost lists and mappings in a line."""
    inner = None if isinstance(value, (dict, list)) else False
    text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=inner)
    return text.rstrip("\n")


def _commented(words: str) -> list[str]:
    return [f"# {line}" for line in wrap(words, _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _headline(plans: Plans, name: str, layout: Layout) -> str:
    cases, folder = len(plans.fingerprint.cases), folder_name(layout)
    return (
        f"nnU-Net's {name} for the {cases} CTs of {folder}, planned for {plans.memory_gb:g} GB of a GPU's memory. "
        f"“livertumorseg train {name}.yaml --data PARENT -o MODEL” trains it, where PARENT is the folder that holds "
        f"{folder}; “livertumorseg compare {name}.yaml --data PARENT --folds 5 -o RUNS” cross-validates it."
    )


def _of_volumes(plans: Plans, name: str, layout: Layout) -> list[_Section]:
    seen = axial_volumes(plans, name)
    batch = seen.chosen.batch
    return [
        _head(plans, name, [{"volumes": folder_name(layout)}], layout),
        (f"{_NORMALISED} {_VOLUMES}", {"preprocessing": [_normalisation(plans)]}),
        _network(plans, "plain_conv_unet_3d", 1, seen),
        (
            f"Slices, rows and columns. {seen.remark}",
            {"patches": {"spacing_mm": seen.spacing, "size": seen.patch}},
        ),
        *_learning(seen, _shares(plans.fingerprint, batch), batch),
    ]


def _of_slices(plans: Plans, layout: Layout) -> list[_Section]:
    seen = axial_slices(plans)
    square = square_of(seen)
    steps = [_normalisation(plans), {"step": "resample", "spacing_mm": square.spacing}]
    data: dict[str, Any] = {"volumes": folder_name(layout)}
    channels, said = 1, f"{_NORMALISED} {_SLICES}"
    if layout.kind == "slices":
        data = {"folder": folder_name(layout), "default_spacing_mm": 1.0}
        note = read_note(layout.folder)
        if note:
            steps, channels, said = note.chain.model_dump(mode="json"), note.chain.channels, _DUMP
        else:
            data, said = data | {"intensities": [0, 255]}, f"{_GREYS} {said}"
    patch = " x ".join(map(str, seen.patch))
    return [
        _head(plans, "2d", [data], layout),
        (said, {"preprocessing": steps}),
        _network(plans, "plain_conv_unet_2d", channels, seen),
        (
            f"nnU-Net's patch is {patch}; a crop is square, and whole slices are segmented. {seen.remark}",
            {"crop": square.side},
        ),
        *_learning(seen, _shares_of_slices(plans.fingerprint, square.batch), square.batch),
    ]


def _head(plans: Plans, name: str, data: list[dict[str, Any]], layout: Layout) -> _Section:
    head = {
        "name": f"nnunet-{name}",
        "title": f"nnU-Net {name}, planned for {folder_name(layout)}",
        "segments": "the liver and its lesions" if "lesion" in plans.fingerprint.labels else "the liver",
        "seed": 0,
        "data": data,
        "validation": [],
    }
    return "", head


def _normalisation(plans: Plans) -> dict[str, Any]:
    found = plans.fingerprint.intensities
    numbers = {"mean": found.mean, "deviation": found.std, "low": found.low, "high": found.high}
    return {"step": "z_score", "over": "foreground", **numbers}


def _network(plans: Plans, name: str, channels: int, seen: AxialConfiguration) -> _Section:
    labels = list(plans.fingerprint.labels)
    network = {"name": name, "in_channels": channels, "classes": len(labels), "options": seen.network}
    return _NETWORK, {"network": network, "labels": labels}


def _learning(seen: AxialConfiguration, shares: dict[str, float], batch: int) -> list[_Section]:
    loss = {"name": "dice_ce", "background": False, "over_batch": seen.chosen.batch_dice}
    sampling = {name: round(share, 4) for name, share in shares.items()} | {"joined": 0}
    augmentation = {**seen.turning, **_RANGES, **dict.fromkeys(_NOT_CHANGED, 0)}
    licence = {"name": "not stated", "terms": "state the licence of the data here before sharing weights."}
    return [
        ("", {"loss": loss}),
        (_SAMPLING, {"sampling": sampling}),
        (_AUGMENTATION, {"augmentation": augmentation}),
        (_SCHEDULE, {"schedule": {"steps": _STEPS, "batch": batch, **_LEARNT}}),
        (_LICENCE, {"licence": licence}),
    ]


def _shares(fingerprint: Fingerprint, batch: int) -> dict[str, float]:
    """A third of a batch, rounded to whole samples, for what is labelled, and each label alike of it."""
    drawn = (batch - round(batch * (1 - _SHARE_OF_FOREGROUND))) / batch
    lesion = drawn / 2 if "lesion" in fingerprint.labels else 0.0
    return {"lesion": lesion, "liver": drawn - lesion, "other": 1 - drawn}


def _shares_of_slices(fingerprint: Fingerprint, batch: int) -> dict[str, float]:
    """The same of slices, where those drawn by chance are told apart by what they show."""
    shares = _shares(fingerprint, batch)
    labelled = sum(case.labelled for case in fingerprint.cases) / len(fingerprint.cases)
    by_chance = shares["other"]
    return {**shares, "liver": shares["liver"] + by_chance * labelled, "other": by_chance * (1 - labelled)}

"""Sizes that a published system is reproduced at: as published, small enough for two CPU cores, and quick.

The small size is a true training of fewer steps on coarser pixels; the quick one shows only that the road works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from ...preprocessing import Resize, named
from ...training.augmentation import NamedAugmentation

SizeName = Literal["published", "small", "quick"]
SIZE_NAMES: tuple[SizeName, ...] = ("published", "small", "quick")

_LEAST_RATES = {"sgd": 0.01, "adagrad": 0.01, "adam": 0.001, "adamw": 0.001}
"""Learning rates at which few steps train: 250 steps at 0.01 were seen to, with SGD; Adam's is PyTorch's own."""

_MIXED, _WHOLE = "bf16-mixed", "32-true"


@dataclass(frozen=True)
class Shrinking:
    """The way a size differs from what the paper says.

    Args:
        steps: of each training.
        batch: slices of a step, and patches of a step.
        side: rows and columns of a slice, and what an unpadded network sees so as to learn all of it.
        patch: voxels along each side of a patch, and their size in millimetres.
        widths: options of networks that start from random weights, by name; as published where one is not named.
        rates: learning rates at least, by optimiser; one that is not named keeps its own.
        augmented: whether patches are augmented as published.
        mixed: whether bfloat16 is used where the chain's range allows it.
        validate_every: steps from one validation to the next, of recipes that validate or end early.
        patience: validations without a better loss after which a training ends, where it validates on a part of its
            own; None for the recipe's own callbacks.
        patients: at most, None for all.
        slices: of each CT that are trained on, at most; None for all.
        folds: at most.
        validation: patients that are held out, at least, where there are twice as many.
    """

    steps: int
    batch: tuple[int, int]
    side: tuple[int, int]
    patch: tuple[int, float]
    widths: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    augmented: bool = True
    mixed: bool = False
    validate_every: int = 0
    patience: int | None = None
    patients: int | None = None
    slices: int | None = None
    folds: int | None = None
    validation: int = 1


QUICK = Shrinking(
    steps=30,
    batch=(4, 4),
    side=(96, 284),
    patch=(32, 5.0),
    widths={
        "alexnet_fcn": {"fc_channels": 256},
        "attention_unet": {"features": [8, 8, 16, 32, 64]},
        "attention_unet_ds": {"features": [8, 8, 16, 32, 64]},
        "dalu_net": {"features": [8, 8, 16, 32, 64]},
        "resnet18": {"width": 16},
        "resnet50": {"width": 16},
        "segnet": {"features": [8, 16, 32, 64, 64]},
        "unet": {"features": [8, 8, 16, 32, 64, 8]},
        "unet3d": {"features": [8, 8, 16, 32, 64, 8]},
        "unet_valid": {"features": [8, 16, 32, 64, 128]},
    },
    rates=dict.fromkeys(_LEAST_RATES, 0.01),
    augmented=False,
    validate_every=10,
    patients=6,
    slices=24,
    folds=2,
)

SMALL = Shrinking(
    steps=3000,
    batch=(8, 2),
    side=(128, 316),
    patch=(48, 3.0),
    widths={  # residual networks fit as published
        "alexnet_fcn": {"fc_channels": 512},
        "attention_unet": {"features": [16, 32, 64, 128, 256]},
        "attention_unet_ds": {"features": [16, 32, 64, 128, 256]},
        "dalu_net": {"slices": 3, "features": [8, 16, 32, 64, 128]},
        "segnet": {"features": [16, 32, 64, 128, 128]},
        "unet": {"features": [16, 32, 64, 128, 256, 16]},
        "unet3d": {"features": [16, 16, 32, 64, 128, 16]},
        "unet_valid": {"features": [8, 16, 32, 64, 128]},
    },
    rates=_LEAST_RATES,
    mixed=True,
    validate_every=250,
    patience=4,
    folds=2,
    validation=8,
)

SHRINKING: Mapping[SizeName, Shrinking | None] = {"published": None, "small": SMALL, "quick": QUICK}
"""By size; nothing of what is published is shrunk."""

_SMALL_RATES = ", ".join(f"{rate:g} with {name}" for name, rate in _LEAST_RATES.items() if name != "adamw")
NOTES: Mapping[SizeName, str] = {
    "published": "",
    "small": (
        f"Small: {SMALL.steps} steps of {SMALL.batch[0]} slices of {SMALL.side[0]} x {SMALL.side[0]} pixels, or of "
        f"{SMALL.batch[1]} patches of {SMALL.patch[0]} voxels a side at {SMALL.patch[1]:g} mm, narrower networks where "
        "random weights are started from (residual ones as published), at most "
        f"{SMALL.folds} folds and at least {SMALL.validation} held-out patients where there are twice as many. The "
        f"learning rate is the published one, but at least {_SMALL_RATES}, since the published ones are for many times "
        "more steps. A training ends earlier where a protocol holds a part back for validations, never what is "
        "measured, and the loss of that part was not better for "
        f"{SMALL.validate_every * (SMALL.patience or 0)} steps. The figures are true of this size, not of the paper's."
    ),
    "quick": (
        f"Quick: {QUICK.steps} steps of {QUICK.batch[0]} samples, a learning rate of 0.01 at least, "
        f"{QUICK.side[0]} x {QUICK.side[0]} pixels (volumes: {QUICK.patch[1]:g} mm), narrow networks where random "
        f"weights are started from, at most {QUICK.patients} patients, {QUICK.slices} slices of each CT (slice "
        f"pictures: all) and {QUICK.folds} folds. These figures show that the road works and reproduce nothing."
    ),
}
"""What a report says of each size."""

MARKS: Mapping[SizeName, str] = {"published": "", "small": "small size", "quick": "quick, no reproduction"}
"""Of each size in a title."""


def shrink(recipe: dict[str, Any], size: SizeName, *, narrow: bool) -> dict[str, Any]:
    """A recipe as a size has it.

    Args:
        recipe: as YAML has it, with its steps.
        size: which.
        narrow: whether its network gets the size's width, which weights from ImageNet do not fit.
    """
    how = SHRINKING[size]
    if how is None:
        return recipe | {"schedule": _with_precision(recipe)}
    made = recipe | (_coarse_volumes(recipe, how) if "patches" in recipe else _coarse_slices(recipe, how))
    made |= _narrowed(made, how) if narrow else {}
    made["schedule"] = _shortened(recipe, how)
    return made | _callbacks(recipe, how)


def fold_count(folds: int | None, size: SizeName) -> int | None:
    """The number of folds of a protocol at a size, None where a share is held out."""
    how = SHRINKING[size]
    return min(folds, how.folds) if folds and how and how.folds else folds


def held_out_share(share: float | None, size: SizeName, patients: int) -> float | None:
    """The share of patients that is held out at a size, which asks for some at least where enough others are left."""
    how = SHRINKING[size]
    if share is None or how is None or patients < 2 * how.validation:
        return share
    return max(share, how.validation / patients)


def _narrowed(recipe: dict[str, Any], how: Shrinking) -> dict[str, Any]:
    """Its network, and the stack of slices where that is narrower, too."""
    network = recipe["network"]
    options = dict(how.widths.get(network["name"], {}))
    made = network | ({"options": network.get("options", {}) | options} if options else {})
    if "slices" not in options:
        return {"network": made}
    channels = network["in_channels"] // recipe["stack"]["slices"] * options["slices"]
    return {"network": made | {"in_channels": channels}, "stack": recipe["stack"] | {"slices": options["slices"]}}


def _shortened(recipe: dict[str, Any], how: Shrinking) -> dict[str, Any]:
    schedule = _with_precision(recipe) if how.mixed else dict(recipe["schedule"])
    schedule.pop("micro_batch", None)  # so small a batch needs no parts
    rate = max(schedule["learning_rate"], how.rates.get(_name_of(schedule["optimizer"]), 0))
    batch, every = how.batch["patches" in recipe], _validate_every(recipe, how)
    schedule |= {"steps": how.steps, "batch": batch, "learning_rate": rate, "validate_every": every}
    lowered = _name_of(schedule.get("policy", "")) == "plateau"
    return schedule | ({"policy": "constant"} if lowered and not every else {})


def _validate_every(recipe: dict[str, Any], how: Shrinking) -> int:
    ends_early = how.patience and _holds_back(recipe)
    return how.validate_every if ends_early or recipe["schedule"].get("validate_every") else 0


def _holds_back(recipe: dict[str, Any]) -> bool:
    """Whether validations see a part of their own, which is neither trained on nor measured."""
    split = recipe.get("split") or {}
    return bool(recipe.get("test") or split.get("validation"))


def _name_of(entry: str | Mapping[str, Any]) -> str:
    return entry if isinstance(entry, str) else entry["name"]


def _with_precision(recipe: dict[str, Any]) -> dict[str, Any]:
    """The schedule with bfloat16 where its eight bits of mantissa hold what the chain's window holds, else without."""
    fits = named(recipe["preprocessing"]).fits_8_bits
    schedule: dict[str, Any] = recipe["schedule"]
    return schedule | {"precision": _MIXED if fits else _WHOLE}


def _callbacks(recipe: dict[str, Any], how: Shrinking) -> dict[str, Any]:
    """The size's own end before the last step in place of the paper's callbacks, which stay where it has none.

    Where what validations see is what is measured, training would be ended by it, and takes all of its steps instead.
    """
    if how.patience is None:
        return {"callbacks": recipe.get("callbacks", {}) if _validate_every(recipe, how) else {}}
    if not _holds_back(recipe):
        return {"callbacks": {}}
    return {"callbacks": {"early_stopping": {"monitor": "loss", "patience": how.patience}}}


def _coarse_slices(recipe: dict[str, Any], how: Shrinking) -> dict[str, Any]:
    side, unpadded = how.side
    steps = [step for step in named(recipe["preprocessing"]).root if not isinstance(step, Resize)]
    coarse = [*(step.model_dump() for step in steps), {"step": "resize", "height": side, "width": side}]
    return {"preprocessing": coarse, "crop": unpadded if recipe["network"]["name"] == "unet_valid" else side}


def _coarse_volumes(recipe: dict[str, Any], how: Shrinking) -> dict[str, Any]:
    side, spacing = how.patch
    steps = [step.model_dump() for step in named(recipe["preprocessing"]).root]
    coarse = [step | {"spacing_mm": spacing} if step["step"] == "resample" else step for step in steps]
    patches = recipe["patches"] | {"spacing_mm": [spacing] * 3, "size": [side] * 3}
    made: dict[str, Any] = {"preprocessing": coarse, "patches": patches}
    made["augmentation"] = _coarse_augmentation(recipe, spacing) if how.augmented else "none"
    if recipe.get("frame"):
        sides = zip(recipe["frame"], recipe["patches"]["spacing_mm"], strict=True)
        made["frame"] = [round(count * before / spacing) for count, before in sides]
    return made


def _coarse_augmentation(recipe: dict[str, Any], spacing: float) -> dict[str, Any]:
    """Its elastic displacements, which count voxels, in as many millimetres as before."""
    ranges = TypeAdapter(NamedAugmentation).validate_python(recipe["augmentation"])
    scale = min(recipe["patches"]["spacing_mm"]) / spacing
    return ranges.model_copy(update={"elastic": ranges.elastic * scale}).model_dump()

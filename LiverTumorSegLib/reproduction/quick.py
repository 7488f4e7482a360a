"""A reproduction made small, so that it runs on any data in minutes: a trial of the road, not of the system."""

from __future__ import annotations

from typing import Any

from ..preprocessing import Resize, named

PATIENTS, SLICES, FOLDS = 6, 24, 2
"""At most so many patients, so many slices of each CT that are trained on, and so many folds."""

_STEPS, _BATCH, _LEAST_RATE, _SIDE, _UNPADDED_SIDE = 30, 4, 0.01, 96, 284
_PATCH, _PATCH_MM = 32, 5.0
_NARROW: dict[str, dict[str, Any]] = {
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
}

SENTENCE = (
    f"Quick: {_STEPS} steps of {_BATCH} samples, a learning rate of {_LEAST_RATE:g} at least, {_SIDE} x {_SIDE} pixels "
    f"(volumes: {_PATCH_MM:g} mm), narrow networks where random weights are started from, at most {PATIENTS} patients, "
    f"{SLICES} slices of each CT (slice pictures: all) and {FOLDS} folds. These figures show that the road works and "
    "reproduce nothing."
)


def quick(recipe: dict[str, Any], *, narrow: bool) -> dict[str, Any]:
    """A recipe with few steps on coarse pixels.

    Args:
        recipe: as YAML has it.
        narrow: whether its network gets few channels, which weights from ImageNet do not fit.
    """
    network = recipe["network"]
    if narrow:
        network = network | {"options": network.get("options", {}) | _NARROW[network["name"]]}
    rate = max(recipe["schedule"]["learning_rate"], _LEAST_RATE)
    schedule = recipe["schedule"] | {"steps": _STEPS, "batch": _BATCH, "learning_rate": rate}
    small = recipe | {"network": network, "schedule": schedule}
    return small | (_coarse_volumes(recipe) if "patches" in recipe else _coarse_slices(recipe))


def _coarse_slices(recipe: dict[str, Any]) -> dict[str, Any]:
    steps = [step for step in named(recipe["preprocessing"]).root if not isinstance(step, Resize)]
    coarse = [*(step.model_dump() for step in steps), {"step": "resize", "height": _SIDE, "width": _SIDE}]
    unpadded = recipe["network"]["name"] == "unet_valid"
    return {"preprocessing": coarse, "crop": _UNPADDED_SIDE if unpadded else _SIDE}


def _coarse_volumes(recipe: dict[str, Any]) -> dict[str, Any]:
    steps = [step.model_dump() for step in named(recipe["preprocessing"]).root]
    coarse = [step | {"spacing_mm": _PATCH_MM} if step["step"] == "resample" else step for step in steps]
    patches = {"spacing_mm": [_PATCH_MM] * 3, "size": [_PATCH] * 3}
    return {"preprocessing": coarse, "patches": patches, "augmentation": "none"}

"""A preprocessing chain as MONAI's transforms, where MONAI has the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import UserError
from ..models.description import Description
from ..preprocessing import HuRange, Resample, Resize, Step, Window, ZScore

Transform = dict[str, Any]


def transforms(description: Description) -> list[Transform]:
    """Transforms of an oriented CT ``[1, slice, row, column]`` into channels ``[channel, slice, row, column]``.

    Raises:
        UserError: as :func:`check_transforms`.
    """
    check_transforms(description)
    steps = [transform for step in description.preprocessing.root for transform in _TRANSFORMS[type(step)](step)]
    return [*steps, *(_volume() if description.patches else _stack(description))]


def check_transforms(description: Description) -> None:
    """Refuse models whose inference MONAI's transforms cannot repeat.

    Raises:
        UserError: a step has no equal in MONAI, or the network lacks a margin.
    """
    steps = description.preprocessing.root
    without = sorted({step.step for step in steps if not _has_equal(step)})
    if without:
        msg = f"MONAI has no equal of the preprocessing “{without[0]}”: export the model as onnx or torch-export."
        raise UserError(msg)
    if sum(_resizes(step) for step in steps) + (description.patches is not None) > 1:
        msg = "A MONAI bundle resizes slices once, and this model does it twice: export it as onnx or torch-export."
        raise UserError(msg)
    if description.network.name == "unet_valid":
        msg = "MONAI's inferers cannot mirror the margin that unet_valid needs: export it as onnx or torch-export."
        raise UserError(msg)


def grid_size(description: Description) -> str:
    """Expression: the size to which an oriented CT ``[1, slice, row, column]`` is resized."""
    if description.patches:
        wanted = list(description.patches.spacing_mm)
        return f"$lambda ct: {_whole_pixels('ct.shape[1:]', 'ct.pixdim.tolist()', str(wanted))}"
    for step in description.preprocessing.root:
        if isinstance(step, Resample):
            mm = f"[{step.spacing_mm!r}] * 2"
            return f"$lambda ct: {_whole_pixels('ct.shape[2:]', 'ct.pixdim.tolist()[1:]', mm)}"
        if isinstance(step, Resize):
            return f"$lambda ct: [{step.height}, {step.width}]"
    return "$lambda ct: list(ct.shape[2:])"


def lambda_transform(expression: str) -> Transform:
    """MONAI's ``Lambdad`` around an expression."""
    return {"_target_": "Lambdad", "keys": "image", "func": expression}


def _whole_pixels(counts: str, spacing: str, wanted: str) -> str:
    return f"[max(1, round(n * mm / to)) for n, mm, to in zip({counts}, {spacing}, {wanted})]"


def _resizes(step: Step) -> bool:
    return isinstance(step, (Resample, Resize))


def _has_equal(step: Step) -> bool:
    if isinstance(step, ZScore):
        return step.over == "foreground" and len(step.mean or ()) == 1 and len(step.deviation or ()) == 1
    return type(step) in _TRANSFORMS


def _window(step: Window) -> list[Transform]:
    low, high = step.level - step.width / 2, step.level + step.width / 2
    limits = {"a_min": low, "a_max": high, "b_min": 0.0, "b_max": 1.0, "clip": True}
    return [{"_target_": "ScaleIntensityRanged", "keys": "image", **limits}]


def _clipped(low: float, high: float) -> list[Transform]:
    above = {"threshold": high, "above": False, "cval": high}
    below = {"threshold": low, "above": True, "cval": low}
    return [{"_target_": "ThresholdIntensityd", "keys": "image", **limit} for limit in (above, below)]


def _hu_range(step: HuRange) -> list[Transform]:
    return _clipped(step.low, step.high)


def _z_score(step: ZScore) -> list[Transform]:
    clipped = [] if step.low is None or step.high is None else _clipped(step.low, step.high)
    (mean,), (deviation,) = step.mean or (0.0,), step.deviation or (1.0,)
    return [
        *clipped,
        {"_target_": "NormalizeIntensityd", "keys": "image", "subtrahend": mean, "divisor": max(deviation, 1e-6)},
    ]


def _resized(_: Step) -> list[Transform]:
    size = "size=@size(image), mode='bilinear', antialias=True"  # which MONAI's Resized and Spacingd do not do
    return [lambda_transform(f"$lambda image: torch.nn.functional.interpolate(image, {size})")]


def _stack(description: Description) -> list[Transform]:
    half, mm = description.stack.slices // 2, description.stack.spacing_mm
    offset = f"round(n * {mm!r} / image.pixdim.tolist()[0])"
    slices = f"(torch.arange(image.shape[1]) + {offset}).clamp(0, image.shape[1] - 1)"
    stacked = f"torch.cat([image[:, {slices}] for n in range({-half}, {half + 1})])"
    edges = "(0, @padded(image.shape[3]) - image.shape[3], 0, @padded(image.shape[2]) - image.shape[2])"
    padded = f"torch.nn.functional.pad(image, {edges}, mode='replicate')"
    return [
        *([lambda_transform(f"$lambda image: {stacked}")] if half else []),
        lambda_transform(f"$lambda image: {padded}"),
    ]


def _volume() -> list[Transform]:
    interpolate = "torch.nn.functional.interpolate"
    plane = f"{interpolate}(image, size=size[1:], mode='bilinear', antialias=True).flatten(2)[None]"
    along = f"{interpolate}({plane}, size=(size[0], size[1] * size[2]), mode='bilinear', antialias=True)[0]"
    return [lambda_transform(f"$lambda image: (lambda size: {along}.unflatten(-1, size[1:]))(@size(image))")]


_TRANSFORMS: dict[type[Step], Callable[[Any], list[Transform]]] = {
    Window: _window,
    HuRange: _hu_range,
    ZScore: _z_score,
    Resample: _resized,
    Resize: _resized,
}

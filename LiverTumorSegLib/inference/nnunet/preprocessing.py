"""What nnU-Net does to a CT before its network sees it: crop, normalise, resample (Isensee et al. 2021, Methods)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import UserError
from ...core.labels import bounding_box
from ...core.volume import Box
from ...models.nnunet.settings import NnUNet, Normalisation
from .resampling import find_way, new_shape

_AIR_HU = -900.0
"""What is no denser shows nothing of a body: lungs are denser."""

_ROUNDED = 1e-3
"""What a normalised value may have gained by rounding."""

_MOST_VOXELS = 1 << 31
"""Of an image: 8 GB."""

_SMALLEST = 1e-8
"""That is divided by, where a deviation or a range is less."""

_BRIGHTEST = 255


@dataclass(frozen=True)
class Layout:
    """How an image that a network sees lies in nnU-Net's array of a CT.

    Args:
        air: the value that air has in it at most; minus infinity where none can be told.
        crop: of nnU-Net's array, outside of which all is 0 HU.
        spacing_mm: of that array.
        plan_mm: of the image.
    """

    air: float
    crop: Box
    spacing_mm: tuple[float, float, float]
    plan_mm: tuple[float, float, float]

    @property
    def cropped(self) -> tuple[int, int, int]:
        """Voxels of the crop along each axis."""
        first, second, third = (side.stop - side.start for side in self.crop)
        return first, second, third

    def affine(self, affine: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float64]:
        """From ``(c, b, a)`` of an image of this shape to RAS, by the affine of the array; outer edges stay."""
        placed = affine.copy()
        for column, (side, n, made) in enumerate(
            zip(reversed(self.crop), reversed(self.cropped), shape[::-1], strict=True)
        ):
            step = n / made
            placed[:3, 3] += affine[:3, column] * (side.start + (step - 1) / 2)
            placed[:3, column] *= step
        return placed


def prepare(
    voxels: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    settings: NnUNet,
    numbers: torch.dtype,
    device: torch.device,
) -> tuple[torch.Tensor, Layout]:
    """Crop, normalise and resample a CT.

    Args:
        voxels: int16 ``[a, b, c]`` in HU, nnU-Net's array after its transpose.
        spacing_mm: sides of a voxel.
        settings: of the network.
        numbers: that resampling computes with.
        device: that it computes on.

    Returns:
        float32 ``[a, b, c]`` on the host, at the spacing of the plans, and where it lies.

    Raises:
        UserError: the network is for other images than CTs, or for far smaller voxels.
        RuntimeError: the device failed or ran out of memory.
    """
    crop = find_crop(voxels)
    normalised, air = normalise(voxels[crop], settings.normalisation)
    plan = plan_spacing(settings, spacing_mm)
    wanted = normalised.shape if settings.image.method == "none" else new_shape(normalised.shape, spacing_mm, plan)
    if prod(wanted) > _MOST_VOXELS:
        msg = (
            f"The model would bring this volume to {' x '.join(map(str, wanted))} voxels, which no memory holds: check "
            "the volume's spacing, or use another model."
        )
        raise UserError(msg)
    way = find_way(settings.image, normalised.shape, wanted, spacing_mm, plan)
    image = torch.from_numpy(normalised)
    if way.shape != normalised.shape:
        del normalised
        image = way(image.to(device, numbers)).to("cpu", torch.float32)
    return image, Layout(air, crop, spacing_mm, plan)


def plan_spacing(settings: NnUNet, spacing_mm: Sequence[float]) -> tuple[float, float, float]:
    """Sides of the voxels that the network sees; slices that it sees one by one stay as far apart as they are."""
    first, second, third = [spacing_mm[0], *settings.spacing_mm][-3:]
    return first, second, third


def find_crop(voxels: NDArray[np.int16]) -> Box:
    """The smallest box with everything that is not exactly 0 HU; all of the array where nothing is."""
    marked = voxels != 0
    if not marked.any():
        return slice(0, voxels.shape[0]), slice(0, voxels.shape[1]), slice(0, voxels.shape[2])
    first, second, third = bounding_box(marked)
    return first, second, third


def normalise(voxels: NDArray[np.int16], rule: Normalisation) -> tuple[NDArray[np.float32], float]:
    """Normalise a cropped CT in float32, as nnU-Net's classes do, and say what air becomes.

    Args:
        voxels: int16 of any shape, in HU.
        rule: how.

    Raises:
        UserError: the rule is for images of bytes.
    """
    image = voxels.astype(np.float32, order="C")
    air = _AIR_HU
    if rule.scheme == "ct":
        np.clip(image, rule.low, rule.high, out=image)
        subtracted, divided = rule.mean, max(rule.deviation, _SMALLEST)
        air = max(air, rule.low)
    elif rule.scheme == "z_score":
        if rule.within_mask:
            return _score_within(image)
        subtracted, divided = image.mean(), max(image.std(), _SMALLEST)
    elif rule.scheme == "to_unit":
        subtracted = image.min()
        divided = max(image.max() - subtracted, _SMALLEST)
    elif rule.scheme == "of_bytes":
        _refuse_all_but_bytes(image)
        subtracted, divided = 0.0, float(_BRIGHTEST)
    else:
        return image, air
    image -= subtracted
    image /= divided
    return image, (air - float(subtracted)) / float(divided) + _ROUNDED


def keeps_contrast(rule: Normalisation) -> bool:
    """Whether numbers with 8 bits keep the contrast of a liver, whose HU lie near what becomes 0.

    So it is where the mean of what was marked in training becomes 0, and where HU stay what they are; the mean of a
    whole CT, and the least value of one, are hundreds of HU away, of which a 512th is lost.
    """
    return rule.scheme in ("ct", "none", "of_bytes")


def _score_within(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    inside = ndimage.binary_fill_holes(image != 0)
    chosen = image[inside]
    if not len(chosen):
        return image, -np.inf
    image[inside] = (chosen - chosen.mean()) / max(chosen.std(), _SMALLEST)
    return image, -np.inf


def _refuse_all_but_bytes(image: NDArray[np.float32]) -> None:
    if image.min() < 0 or image.max() > _BRIGHTEST:
        msg = f"The model expects pictures with values of 0 to {_BRIGHTEST}, and not a CT in HU: choose another model."
        raise UserError(msg)

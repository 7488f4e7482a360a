"""The liver of a scan as images to register: a distance map, and its density without lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..core.errors import UserError
from ..core.labels import LESION_LABEL, bounding_box
from ..core.volume import Volume
from ..io import itk
from .straight import straighten

SPACING_MM = 2.0
"""Of what is registered: finer voxels cost time and gain nothing on structures that move together."""

_MARGIN_MM = 20.0
DEEPEST_MM = 20.0
"""Distances are clipped to it: what lies farther from the surface says nothing about how the surface moved."""

_BESIDE_MM = 6.0
_FILLED_MM = 4.0
_PERCENTILES = (5.0, 95.0)
_CUT_VOXELS = 30
"""Voxels of liver in the first or last slice from which on the scan ends inside the liver."""


@dataclass(frozen=True)
class LiverImages:
    """What registration sees of a scan, at :data:`SPACING_MM` in a box around the liver, in LPS.

    Args:
        liver: 1 inside liver and lesions.
        distance: to the liver's surface in mm, negative inside, from -20 to 20.
        density: HU by the liver's median and spread, lesions filled, 0 away from the liver.
        cut_below, cut_above: whether the scan ends inside the liver towards the feet or the head.
    """

    liver: sitk.Image
    distance: sitk.Image
    density: sitk.Image
    cut_below: bool
    cut_above: bool


def prepare(volume: Volume, labels: NDArray[np.uint8], name: str = "a CT") -> LiverImages:
    """The images of a scan.

    Density is brought to the liver's own median and its 5th and 95th percentiles, so that another phase of contrast
    changes nothing but vessels. Lesions, and 4 mm around them, get the median: a lesion that grew would else be
    shrunk onto its earlier self.

    Args:
        volume: the CT.
        labels: uint8 ``[k, j, i]`` on its grid: 1 liver, 2 lesion.
        name: of the CT, for what goes wrong with it.

    Raises:
        UserError: what is marked is too little to be seen with voxels of :data:`SPACING_MM`.
    """
    volume, (labels,) = straighten(volume, labels)
    view = volume.axial
    seen, hounsfield = view.of(labels), view.of(volume.voxels)
    box = _widened(bounding_box(seen), seen.shape, view.spacing)
    affine = view.affine(volume.affine, labels.shape).copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in reversed(box)]
    reference = _grid(seen[box].shape, affine)
    marked, density = seen[box], hounsfield[box]
    liver = _resampled(itk.array_to_image((marked > 0).astype(np.float32), affine), reference) > 0.5
    if not sitk.GetArrayViewFromImage(liver).any():
        msg = f"Too little is marked in {name} for a comparison: segment the liver first."
        raise UserError(msg)
    lesion = _resampled(itk.array_to_image((marked == LESION_LABEL).astype(np.float32), affine), reference) > 0.5
    distance = sitk.SignedMaurerDistanceMap(liver, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    clipped = sitk.Clamp(distance, sitk.sitkFloat32, -DEEPEST_MM, DEEPEST_MM)
    smooth = _resampled(itk.array_to_image(density.astype(np.float32), affine), reference)
    return LiverImages(
        sitk.Cast(liver, sitk.sitkUInt8),
        clipped,
        _normalised(smooth, liver, lesion, distance),
        *ends_in_liver(seen),
    )


def ends_in_liver(seen: NDArray[np.uint8]) -> tuple[bool, bool]:
    """Whether a scan ends inside the liver towards the feet, and towards the head.

    Args:
        seen: labels ``[slice, row, column]``, the first slice at the feet.
    """
    below, above = (bool(np.count_nonzero(seen[end]) > _CUT_VOXELS) for end in (0, -1))
    return below, above


def _widened(box: tuple[slice, ...], shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[slice, ...]:
    margins = [int(np.ceil(_MARGIN_MM / mm)) for mm in spacing]
    return tuple(
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, margin, size in zip(box, margins, shape, strict=True)
    )


def _grid(shape: tuple[int, ...], affine: NDArray[np.float64]) -> sitk.Image:
    """An empty image of :data:`SPACING_MM` voxels over the same box."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    size = [max(1, int(np.ceil(n * mm / SPACING_MM))) for n, mm in zip(reversed(shape), spacing, strict=True)]
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] / spacing * SPACING_MM
    coarse[:3, 3] = affine[:3, 3] + affine[:3, :3] @ (0.5 * (SPACING_MM / spacing - 1))
    like = itk.array_to_image(np.zeros((1, 1, 1), np.uint8), coarse)
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetOrigin(like.GetOrigin())
    image.SetSpacing(like.GetSpacing())
    image.SetDirection(like.GetDirection())
    return image


def _resampled(image: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Smoothed by what the coarser voxels cover, then interpolated."""
    sigmas = [max(0.01, 0.42 * (SPACING_MM**2 - min(mm, SPACING_MM) ** 2) ** 0.5) for mm in image.GetSpacing()]
    blurred = sitk.DiscreteGaussian(image, [sigma**2 for sigma in sigmas])
    return sitk.Resample(blurred, reference, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)


def _normalised(smooth: sitk.Image, liver: sitk.Image, lesion: sitk.Image, distance: sitk.Image) -> sitk.Image:
    values, inside = sitk.GetArrayFromImage(smooth), sitk.GetArrayFromImage(liver) > 0
    diseased = sitk.GetArrayFromImage(lesion) > 0
    filled = (
        ndimage.binary_dilation(diseased, iterations=round(_FILLED_MM / SPACING_MM)) if diseased.any() else diseased
    )
    healthy = values[inside & ~filled] if (inside & ~filled).any() else values[inside]
    middle, (low, high) = float(np.median(healthy)), np.percentile(healthy, _PERCENTILES)
    scaled = ((values - middle) / max(1.0, float(high - low))).clip(-3, 3)
    scaled[filled] = 0.0
    scaled[sitk.GetArrayFromImage(distance) > _BESIDE_MM] = 0.0
    image = sitk.GetImageFromArray(scaled.astype(np.float32))
    image.CopyInformation(smooth)
    return image

"""Two made-up scans of one patient, of which it is known what became of each lesion."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.follow_up.comparison import compare_scans
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.io import itk
from LiverTumorSegLib.reporting.lesions import Lesion

SHAPE, SPACING = (52, 100, 110), (3.5, 3.0, 3.0)
SHIFT_MM, BENT_MM, SMOOTH_VOXELS = (8.0, -12.0, 20.0), 6.0, 10
BEFORE, AFTER = date(2026, 1, 10), date(2026, 4, 20)


def lesion(number, diameter=20.0, volume=4.0, **changes):
    """Measures of a lesion, as far as comparing needs them."""
    ends = ((0.0, 0.0, 0.0), (diameter, 0.0, 0.0))
    return replace(
        Lesion(number, volume, *(diameter,) * 3, (0.0, 0.0, 0.0), 50.0, 9.0, 5.0, 10, 1.0, ends, ends, (0, 0, 0)),
        **changes,
    )


@cache
def field():
    """Where points of the later scan lie in the earlier one, in LPS: a shift, and bends that are no splines."""
    rng = np.random.default_rng(4)
    shifts = []
    for shift in SHIFT_MM:
        bends = ndimage.gaussian_filter(rng.standard_normal(SHAPE), SMOOTH_VOXELS)
        shifts.append(shift + BENT_MM * bends / np.abs(bends).max())
    image = sitk.GetImageFromArray(np.stack(shifts, axis=-1), isVector=True)
    image.CopyInformation(itk.array_to_image(np.zeros(SHAPE, np.uint8), earlier().volume.affine))
    return sitk.DisplacementFieldTransform(image)


@cache
def earlier():
    made = phantom.create(SHAPE, SPACING, seed=3, lesions=4)
    return Scan.measured("before.nii.gz", made.volume, made.labels, taken=BEFORE)


def resampled(array, interpolator, outside):
    affine = earlier().volume.affine
    image = itk.array_to_image(array, affine)
    return sitk.GetArrayFromImage(sitk.Resample(image, image, field(), interpolator, outside))


@cache
def later():
    """The earlier one bent, brighter and noisier, with its second lesion grown, its fourth gone and a new one."""
    before = earlier()
    numbers = resampled(before.numbers.astype(np.uint8), sitk.sitkNearestNeighbor, 0)
    labels = resampled(before.labels, sitk.sitkNearestNeighbor, 0)
    voxels = resampled(before.volume.voxels.astype(np.float32), sitk.sitkLinear, -1000.0)
    grown = ndimage.binary_dilation(numbers == 2, iterations=2) & (labels > 0)
    k, j, i = np.unravel_index(ndimage.distance_transform_edt(labels == 1).argmax(), SHAPE)
    new = np.zeros(SHAPE, bool)
    new[k - 1 : k + 2, j - 2 : j + 3, i - 2 : i + 3] = True
    labels[grown | new] = 2
    labels[numbers == 4] = 1
    voxels[grown | new] = 45
    voxels[numbers == 4] = np.median(voxels[labels == 1])
    noisy = voxels * np.where(labels > 0, 1.1, 1.0) + np.random.default_rng(0).normal(0, 8, SHAPE)
    volume = Volume(np.clip(noisy, -1024, 3000).astype(np.int16), before.volume.affine)
    return Scan.measured("after.nii.gz", volume, labels.astype(np.uint8), taken=AFTER)


@cache
def compared():
    """The two scans compared."""
    return compare_scans(earlier(), later())

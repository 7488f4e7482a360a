"""Prediction and reference of a small case, as arrays, as a pair and as files."""

import nibabel
import numpy as np
import SimpleITK as sitk

from LiverTumorSegLib.evaluation.label_pair import LabelPair
from LiverTumorSegLib.io import itk

SPACING = (2.0, 0.9, 0.8)  # slices, rows, columns


def affine_of(spacing=SPACING):
    z, y, x = spacing
    return np.array([[-x, 0, 0, 100], [0, -y, 0, 90], [0, 0, z, -40], [0, 0, 0, 1.0]])


def pair_of(prediction, reference, spacing=SPACING, warnings=()):
    return LabelPair(np.asarray(prediction, np.uint8), np.asarray(reference, np.uint8), affine_of(spacing), warnings)


def box(shape, *parts):
    """Labels of a shape: each part is a value and the ranges of slices, rows and columns that hold it."""
    labels = np.zeros(shape, np.uint8)
    for value, *ranges in parts:
        labels[tuple(slice(*ends) for ends in ranges)] = value
    return labels


def small_pair():
    """A liver found one row too far down, one of two lesions found, and a false one."""
    shape = (8, 20, 20)
    reference = box(shape, (1, (1, 7), (2, 16), (2, 16)), (2, (2, 4), (4, 8), (4, 8)), (2, (4, 6), (10, 12), (10, 12)))
    prediction = box(shape, (1, (1, 7), (3, 17), (2, 16)), (2, (2, 4), (4, 8), (4, 9)), (2, (5, 6), (14, 16), (3, 5)))
    return pair_of(prediction, reference)


def save(path, labels, spacing=SPACING, dtype=np.uint8, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(
        nibabel.Nifti1Image(
            np.asarray(labels, dtype).transpose(2, 1, 0), affine_of(spacing) if affine is None else affine
        ),
        path,
    )
    return path


def write_values(path, values, affine):
    """Write ``[k, j, i]`` as NIfTI or, by the file's ending, as ITK does."""
    if ".nii" in path.name:
        nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), affine, dtype=values.dtype), path)
    else:
        sitk.WriteImage(itk.array_to_image(values, affine), str(path))
    return path


def save_pair(folder, name, pair):
    """Write a pair into ``predictions`` and ``references`` of a folder."""
    save(folder / "predictions" / f"{name}.nii.gz", pair.prediction)
    save(folder / "references" / f"{name}.nii.gz", pair.reference)

"""Probabilities of lesions by a model that never saw the patient, beside the patient's slices.

They are those of the folder ``probabilities`` that ``livertumorseg calibrate -o FOLDER`` writes, ``NAME_lesion.nii.gz``
a patient: each from the model of the fold that held the patient out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.labels import FULL_PROBABILITY
from ..core.volume import axial_view
from ..io import volumes
from ..io.probability_maps import paths
from ..io.raw_image import RawImage
from .slices import AutomaticMap, Patient, longest_even_run

_LESION = "lesion"
_BYTE = 255
_TOLERANCE_PIXELS = 1.0


def read_levels(folder: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.uint16] | None:
    """The map of a patient in parts of :data:`LiverTumorSegLib.core.labels.FULL_PROBABILITY`; None where there is none.

    Args:
        folder: of the maps.
        name: of the patient.
        shape: ``[k, j, i]`` of the CT.

    Raises:
        UserError: the file is damaged, or on another grid.
    """
    path = _path(folder, name)
    if not path.exists():
        return None
    stored = volumes.read_stored(path)
    if stored.values.shape != tuple(shape):
        msg = f"{path} is not on the grid of {name}: make it again with livertumorseg calibrate."
        raise UserError(msg)
    return np.rint(_probabilities(stored).clip(0, 1) * FULL_PROBABILITY).astype(np.uint16)


def with_maps(patients: Iterable[Patient], folder: Path, pixel_mm: float | None) -> list[Patient]:
    """Patients with their maps; those without one, or whose map is of other slices, stay as they are.

    A map is of all slices of a patient, or of the longest run of evenly spaced ones, as patients are measured.

    Args:
        patients: preprocessed to a fixed spacing.
        folder: of the maps.
        pixel_mm: of the preprocessing; None where it has no fixed spacing.

    Raises:
        UserError: there is no map of anybody, or one is damaged.
    """
    given = list(patients)
    if pixel_mm is None or not any(_path(folder, patient.name).exists() for patient in given):
        msg = f"{folder} holds no map of a patient of the recipe: name the folder probabilities of calibrate's output."
        raise UserError(msg)
    return [_with_map(patient, folder, pixel_mm) for patient in given]


def _with_map(patient: Patient, folder: Path, pixel_mm: float) -> Patient:
    path = _path(folder, patient.name)
    if not path.exists():
        return patient
    stored = volumes.read_stored(path)
    view = axial_view(stored.affine)
    seen = view.of(_probabilities(stored))
    known = _slices_of(patient, len(seen))
    if known is None or not _same_plane(patient, seen, view.spacing, pixel_mm):
        return patient
    size = patient.pixels.shape[-2:]
    levels = torch.zeros(len(patient.numbers), *size, dtype=torch.uint8)
    for at, plane in zip(known, seen, strict=True):
        one = torch.from_numpy(np.ascontiguousarray(plane))[None, None]
        resized = F.interpolate(one, size=size, mode="bilinear", antialias=True)
        levels[int(at)] = (resized[0, 0].clamp(0, 1) * _BYTE).round().to(torch.uint8)
    shown = np.isin(np.arange(len(patient.numbers)), known)
    return replace(patient, automatic=AutomaticMap(levels, shown))


def _slices_of(patient: Patient, count: int) -> NDArray[np.intp] | None:
    """Positions of the slices that a map of so many shows; None where it is of others."""
    runs = np.arange(len(patient.numbers)), longest_even_run(patient.numbers)
    return next((run for run in runs if len(run) == count), None)


def _probabilities(stored: RawImage) -> NDArray[np.floating]:
    """From 0 to 1, as the file has them."""
    return np.asarray(stored.values, np.float32) * stored.slope + stored.intercept


def _same_plane(
    patient: Patient, seen: NDArray[np.floating], spacing: tuple[float, float, float], pixel_mm: float
) -> bool:
    """Whether a map's slices are as large as the patient's."""
    sizes = zip(seen.shape[1:], spacing[1:], patient.pixels.shape[-2:], strict=True)
    return all(abs(count * mm / pixel_mm - own) <= _TOLERANCE_PIXELS for count, mm, own in sizes)


def _path(folder: Path, name: str) -> Path:
    return paths(folder, name, [_LESION])[_LESION]

"""The files of a case read onto the axial slices of its reference, masks as 0 background, 1 liver and 2 lesion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.ct_quality import to_int16
from ..core.errors import UserError
from ..core.labels import LESION_LABEL, LIVER_LABEL
from ..datasets.scans import values_from_segments, whole_labels
from ..io.raw_image import RawImage
from ..io.volumes import read_stored
from . import grids
from .label_pair import LESION_NAME, LIVER_NAME, LabelPair
from .pairing import EvaluationPair

_LABELS = {LIVER_NAME: LIVER_LABEL, LESION_NAME: LESION_LABEL}
_GIVEN = re.compile(rf"\s*({LIVER_NAME}|{LESION_NAME})\s*=\s*(\d+(?:\s*\+\s*\d+)*)\s*", re.ASCII | re.IGNORECASE)


def parse_values(text: str) -> dict[int, int]:
    """Read which values are which structure.

    Args:
        text: such as ``liver=5,lesion=7``, only one of the two, or ``liver=5+6`` where several values are liver.

    Returns:
        Label, 1 or 2, by value.

    Raises:
        UserError: it is something else, or gives 0 (background) or anything twice.
    """
    parts = [_GIVEN.fullmatch(part) for part in text.split(",")]
    pairs = [(int(value), _LABELS[part[1].lower()]) for part in parts if part for value in part[2].split("+")]
    found = dict(pairs)
    names = {part[1].lower() for part in parts if part}
    if len(names) < len(parts) or len(found) < len(pairs) or 0 in found:
        msg = (
            f"“{text}” does not say which values are liver and which lesion: write such as liver=5,lesion=7, or "
            "liver=5+6 for several, each value once and 0 always background."
        )
        raise UserError(msg)
    return found


def values_in_words(values: Mapping[int, int]) -> str:
    """Such as ``liver 5, lesion 7``."""
    names = {label: name for name, label in _LABELS.items()}
    return ", ".join(f"{names[label]} {value}" for value, label in sorted(values.items()))


def to_labels(
    stored: RawImage, path: Path, option: str, values: Mapping[int, int] | None = None, *, accept_float: bool = False
) -> RawImage:
    """Turn what is stored into labels.

    Args:
        stored: of the file.
        path: file that errors name, whose header may name segments.
        option: of the command line, with which a user would give ``values``.
        values: label of each value, others being background; the names of segments then say nothing.
        accept_float: take floating-point numbers, if they are whole.

    Returns:
        uint8, with a warning more where a name or nothing at all decided.

    Raises:
        UserError: it holds other numbers than labels, or stores them as floating point.
    """
    if stored.values.dtype.kind == "f" and not accept_float:
        msg = f"{path} stores floating-point numbers, as probabilities are: give labels, or use --accept-float."
        raise UserError(msg)
    advice = f"say which are which with {option}, such as {option} liver=5,lesion=7"
    taken, doubt = (values, "") if values is not None else values_from_segments(stored, path, advice)
    labels = whole_labels(stored, path, taken, advice=advice)
    if values is not None and not labels.any() and stored.values.any():
        doubt = f"it is marked somewhere, but nowhere with a value given ({values_in_words(values)})."
    return replace(stored, values=labels, warnings=(*stored.warnings, doubt) if doubt else stored.warnings)


_AIR = -1000
_OUTSIDE = 255
_ROUNDING = 1e-3


def read_pair(
    pair: EvaluationPair,
    *,
    resample: bool = False,
    accept_float: bool = False,
    prediction_values: Mapping[int, int] | None = None,
    reference_values: Mapping[int, int] | None = None,
) -> LabelPair:
    """Read prediction and reference.

    Args:
        pair: their files.
        resample: put a prediction on another grid on the reference's by nearest neighbour; a warning says so.
        accept_float: take floating-point numbers, if they are whole.
        prediction_values: label, 1 or 2, of each value in the file where its values are no labels; all others are
            background, since files of many organs hold them as well. Without, the names of segments decide where the
            file has some that tell all its values, as 3D Slicer's do; a warning says so.
        reference_values: the same of the reference.

    Returns:
        Axial slices of the reference's grid, decided by its affine alone: flips and orders of axes in the files make
        no difference. Where a file leaves out empty slices, as DICOM segmentations do, and its grid is a part of the
        other's, they are on all of that; where both do, on what the two cover grids.

    Raises:
        UserError: a file cannot be read, holds numbers that are no labels or stores them as floating point; or the
            grids differ, by their size or by corners that lie more than a tenth of the reference's smallest
            spacing apart.
    """
    stored = grids.to_axial(read_stored(pair.reference))
    reference = to_labels(stored, pair.reference, "--reference-values", reference_values, accept_float=accept_float)
    stored = grids.reorient(read_stored(pair.prediction), reference.affine)
    own = to_labels(stored, pair.prediction, "--prediction-values", prediction_values, accept_float=accept_float)
    own, reference = grids.fill_empty_slices(own, reference)
    shape, affine = reference.values.shape, reference.affine
    prediction, moved = _fitted(own, pair.prediction, shape, affine, resample=resample, outside=_OUTSIDE)
    warnings = [f"Reference: {sentence}" for sentence in reference.warnings]
    warnings += [f"Prediction: {sentence}" for sentence in own.warnings]
    if moved:
        warnings.append(f"The prediction was put on the reference's grid by nearest neighbour: it had {moved}.")
        warnings += _missed(prediction == _OUTSIDE, reference.values)
        prediction[prediction == _OUTSIDE] = 0
    if own.omits_empty and reference.omits_empty:
        warnings.append(grids.SLICES_FROM_FIRST_MARKED)
    if pair.prediction.samefile(pair.reference):
        warnings.append("Prediction and reference are the same file.")
    return LabelPair(prediction, reference.values, affine, tuple(warnings), reference.omits_empty)


def read_values(path: Path, pair: LabelPair, *, resample: bool = False) -> NDArray[np.float32]:
    """Read probabilities.

    Args:
        path: file of numbers from 0 to 1; what is outside by a thousandth, as rounding leaves it, is clipped.
        pair: the case they belong to.
        resample: as for :func:`read_pair`; 0 outside of the file's grid.

    Returns:
        float32 ``[slice, row, column]`` on the pair's grid.

    Raises:
        UserError: the file cannot be read, holds other numbers, or lies on another grid.
    """
    stored = grids.crop_to_pair(grids.reorient(read_stored(path), pair.affine), pair)
    values = np.empty(stored.values.shape, np.float32)
    for out, plane in zip(values, stored.values, strict=True):
        scaled = plane * np.float64(stored.slope) + stored.intercept
        if not ((scaled >= -_ROUNDING) & (scaled <= 1 + _ROUNDING)).all():  # NaN is neither
            msg = f"{path} holds numbers outside 0 to 1, which are not probabilities: export probabilities."
            raise UserError(msg)
        out[:] = np.clip(scaled, 0, 1)
    return _fitted(replace(stored, values=values), path, pair.reference.shape, pair.affine, resample=resample)[0]


def read_image(path: Path, pair: LabelPair, *, resample: bool = False) -> NDArray[np.int16]:
    """Read a CT, whether or not it looks like Hounsfield units.

    Args:
        path: file, or folder of DICOM files.
        pair: the case it belongs to.
        resample: as for :func:`read_pair`; air outside of the file's grid.

    Returns:
        int16 ``[slice, row, column]`` in HU on the pair's grid.

    Raises:
        UserError: it cannot be read, or lies on another grid.
    """
    stored = grids.crop_to_pair(grids.reorient(read_stored(path), pair.affine), pair)
    values = to_int16(stored.values, path, slope=stored.slope, intercept=stored.intercept)
    seen = replace(stored, values=values)
    return _fitted(seen, path, pair.reference.shape, pair.affine, resample=resample, outside=_AIR)[0]


def _missed(outside: NDArray[np.bool_], reference: NDArray[np.uint8]) -> list[str]:
    """A sentence about what of the reference a prediction's grid does not reach."""
    marked = np.count_nonzero(reference)
    missed = np.count_nonzero(reference[outside])
    if not missed:
        return []
    of = f"{missed} of the reference's {marked} marked voxels ({missed / marked:.1%})"
    return [f"{of} lie outside of the prediction's grid and count as missed."]


def _fitted(
    stored: RawImage,
    path: Path,
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    *,
    resample: bool,
    outside: float = 0,
) -> tuple[NDArray, str]:
    """The values on a grid, and what had to be resampled for that."""
    found = grids.differences(stored, shape, affine)
    if found and not resample:
        msg = f"{path} does not lie on the grid of its reference ({found}): {_advice(stored, shape, affine)}"
        raise UserError(msg)
    return (grids.resampled(stored, shape, affine, outside) if found else stored.values), found


def _advice(stored: RawImage, shape: tuple[int, ...], affine: NDArray[np.float64]) -> str:
    ways = "use --resample to put it there"
    if stored.values.shape == shape:
        ways = (
            "copy the reference's geometry if the voxels are the same and its header was lost, use --resample if it is "
            "truly another grid"
        )
    return f"{ways}{'.' if grids.covers(stored, shape, affine) else ', or is it another patient?'}"

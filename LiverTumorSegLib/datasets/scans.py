"""CTs with their labels, wherever a data set keeps the two.

In segmentations of 3D Slicer and of DICOM, the names of the segments decide what is a liver and what a lesion, and not
their values, which follow from the order in which somebody made them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.ct_quality import Damage
from ..core.errors import UserError
from ..core.label_layers import structure_from_name
from ..core.labels import LESION, LIVER
from ..core.volume import Volume, axial_view
from ..io import nifti, raw_image, volumes
from ..io.dicom_seg import BESIDE, label_from_name
from ..io.raw_image import RawImage
from ..io.volumes import read_stored, segment_names
from .splits import WRONG_SPACING, has_wrong_spacing, patient_of

_NAMED = 5


def values_from_segments(stored: RawImage, path: Path, advice: str) -> tuple[dict[int, int] | None, str]:
    """Labels by value where the file's segments tell other ones than the values do, and a sentence about it.

    Args:
        stored: of the file, in planes of integers.
        path: the file.
        advice: what an error tells to do.

    Returns:
        As :func:`values_from_names`, but for DICOM files, whose values nobody takes for labels, without a sentence.

    Raises:
        UserError: the values are the order of a DICOM file's segments, and one of those marked tells no label.
    """
    names = segment_names(path)
    if not stored.omits_empty:
        return values_from_names(stored.values, names)
    refuse_unnamed_segments(stored.values, names, path, advice)
    return values_from_names(stored.values, names)[0], ""


def values_from_names(values: NDArray, names: Mapping[int, str]) -> tuple[dict[int, int] | None, str]:
    """Labels by value where the names tell other ones than the values do, and a sentence about it.

    Args:
        values: of the file, planes of integers.
        names: of its segments, by value; none for other files.

    Returns:
        None where values are labels themselves, or the names do not tell all of them; and a sentence or nothing.
    """
    said = {value: _label_of(name) for value, name in names.items()}
    if all(label in (None, value) for value, label in said.items()):
        return None, ""
    present = set().union(*(np.unique(plane).tolist() for plane in values)) - {0}
    told = {value: label for value in present if (label := said.get(value)) is not None}
    if all(value == label for value, label in told.items()):
        return None, ""
    listed = _list_segments(sorted(present & names.keys()), names)
    if told.keys() == present:
        return told, f"labels were taken from the names of its segments ({listed})."
    return None, f"its values were taken as labels, though the names of its segments differ ({listed})."


def _label_of(name: str) -> int | None:
    """Label that a name tells; of structures that files of this program hold, liver where they lie in it, else 0."""
    known = structure_from_name(name)
    return label_from_name(name) if known is None else (LIVER.label if known[1] else 0)


def refuse_unnamed_segments(values: NDArray, names: Mapping[int, str], path: Path, advice: str) -> None:
    """Refuse a file whose values are the order of its segments and nothing else, where a segment's name tells no label.

    Args:
        values: of the file, planes of integers.
        names: of its segments, by value.
        path: that an error names.
        advice: what an error tells to do.

    Raises:
        UserError: a segment that is marked somewhere is neither called liver nor lesion.
    """
    present = set().union(*(np.unique(plane).tolist() for plane in values)) - {0}
    untold = sorted(value for value in present if label_from_name(names.get(value, "")) is None)
    if untold:
        listed = _list_segments(untold, names)
        msg = f"{path} has segments that are neither called liver nor lesion ({listed}): {advice}."
        raise UserError(msg)


def _list_segments(values: Sequence[int], names: Mapping[int, str]) -> str:
    named = ", ".join(f"{names.get(value, '')} {value}" for value in values[:_NAMED])
    return f"{named} and {len(values) - _NAMED} more" if len(values) > _NAMED else named


_OFF_MM = 0.01
_ROUNDING = 1e-3
_MISPLACED = "CT and labels state different places or spacings; they were taken voxel by voxel."


def read_labels(path: Path, volume: Volume) -> tuple[NDArray[np.uint8], str]:
    """Labels on the CT's voxels, and sentences where they state another place than it, or where names decided.

    Args:
        path: file of 0 background, 1 liver, 2 lesion, or a segmentation of 3D Slicer or in DICOM with such segments; a
            DICOM one may leave out slices that are empty.
        volume: the CT.

    Returns:
        ``[k, j, i]`` as the CT's voxels, and the sentences or nothing.

    Raises:
        UserError: they lie on other voxels, or are other numbers.
    """
    stored = _with_empty_slices(read_stored(path), volume)
    axial = axial_view(stored.affine)
    ways, own = (axial.axes, axial.flips), (volume.axial.axes, volume.axial.flips)
    if stored.values.shape != volume.voxels.shape or ways != own:
        msg = f"{path} does not lie on its CT's voxels: resample the labels to the CT first."
        raise UserError(msg)
    values, by_name = values_from_segments(stored, path, "leave them out or rename them first")
    misplaced = "" if np.allclose(stored.affine, volume.affine, atol=_OFF_MM) else _MISPLACED
    left_out = next((f"{path.name}: {words}" for words in stored.warnings if words.startswith(BESIDE)), "")
    return whole_labels(stored, path, values), " ".join(
        filter(None, (misplaced, left_out, by_name and f"{path.name}: {by_name}"))
    )


def _with_empty_slices(stored: RawImage, volume: Volume) -> RawImage:
    """A stored image with the empty slices that its file leaves out, if it lies on a part of the CT's voxels."""
    found = raw_image.align_to_grid(stored, volume.affine) if stored.omits_empty else None
    if found is None or not raw_image.is_within_grid(*found, volume.voxels.shape):
        return stored
    return replace(stored, values=raw_image.fill_grid(*found, volume.voxels.shape), affine=volume.affine)


def whole_labels(
    stored: RawImage,
    path: Path,
    values: Mapping[int, int] | None = None,
    *,
    advice: str = "rename or merge them first",
) -> NDArray[np.uint8]:
    """Turn the values that a file stores into labels, plane by plane to spare memory.

    Args:
        stored: numbers of any real type; within a thousandth of a whole number after the file's own scaling they count
            as that.
        path: file that an error names.
        values: the label of each number, where they are not labels themselves; all others are then background.
        advice: what an error tells to do about other labels.

    Returns:
        uint8 of the shape stored, C-contiguous: 0 background, 1 liver, 2 lesion.

    Raises:
        UserError: a number is not whole, or no label.
    """
    labels = np.empty(stored.values.shape, np.uint8)
    others: set[int] = set()
    for out, plane in zip(labels, _planes(stored, path, values), strict=True):
        wrong = (plane < 0) | (plane > LESION.label)
        if wrong.any():
            others |= {int(value) for value in np.unique(plane[wrong])}
            if len(others) > _NAMED:
                break
        out[:] = plane
    if others:
        msg = f"{path} holds labels other than 0 background, 1 liver and 2 lesion ({_list_values(others)}): {advice}."
        raise UserError(msg)
    return labels


def _planes(stored: RawImage, path: Path, values: Mapping[int, int] | None) -> Iterator[NDArray]:
    for plane in _whole_planes(stored, path):
        if values is None:
            yield plane
            continue
        labels = np.zeros(plane.shape, np.uint8)
        for value, label in values.items():
            labels[plane == value] = label
        yield labels


def _whole_planes(stored: RawImage, path: Path) -> Iterator[NDArray]:
    """Planes after scaling, none of which rounding would turn into labels where they are none, as of probabilities."""
    as_they_are = stored.values.dtype.kind in "bui" and (stored.slope, stored.intercept) == (1, 0)
    for plane in stored.values:
        if as_they_are:
            yield plane
            continue
        scaled = plane * np.float64(stored.slope) + stored.intercept
        whole = np.rint(scaled)
        with np.errstate(invalid="ignore"):  # infinity less itself
            is_whole = (np.abs(scaled - whole) <= _ROUNDING).all()  # NaN is not
        if not is_whole:
            msg = f"{path} holds numbers that are not whole, so they cannot be labels: give 0, 1 and 2 for each voxel."
            raise UserError(msg)
        yield whole


def _list_values(values: set[int]) -> str:
    named = ", ".join(map(str, sorted(values)[:_NAMED]))
    return f"{named} and others" if len(values) > _NAMED else named


class ScanGrid(NamedTuple):
    """The shape of a CT, seen as axial slices, and the millimetres between its slices, rows and columns."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]


class ExaminedScan(NamedTuple):
    """A scan read to be looked at.

    Args:
        volume: the CT, its damaged slices interpolated so that they can be told of instead of refused.
        labels: uint8 ``[k, j, i]`` on its voxels: 0 background, 1 liver, 2 lesion.
        damage: which slices these were.
        unit: what the voxels count: ``HU``, or ``grey`` values where pictures do not say their HU.
    """

    volume: Volume
    labels: NDArray[np.uint8]
    damage: Damage
    unit: str = "HU"


@dataclass(frozen=True)
class LabelledScan(ABC):
    """One CT of a data set.

    Args:
        name: as the data set calls it.
        ct: file or folder of the CT.
    """

    name: str
    ct: Path

    @property
    def patient(self) -> str:
        """Whom it shows, comparable across data sets."""
        return patient_of(self.name)

    @abstractmethod
    def read(self) -> tuple[Volume, NDArray[np.uint8]]:
        """The CT as it is, and its labels ``[k, j, i]``; the volume's warnings name what is doubtful about either.

        Raises:
            UserError: a file cannot be read, or the labels are none or lie on other voxels.
        """

    @abstractmethod
    def examine(self) -> ExaminedScan:
        """As :meth:`read`, but damaged slices, also of NaN, are told of."""


@dataclass(frozen=True)
class VolumeScan(LabelledScan):
    """A CT of Hounsfield units and the place of its labels; CTs that do not look like HU are taken with a warning."""

    def read(self) -> tuple[Volume, NDArray[np.uint8]]:
        return self._with_labels(volumes.read_volume(self.ct, force=True))

    def examine(self) -> ExaminedScan:
        volume, damage = volumes.read_repaired(self.ct, force=True)
        return ExaminedScan(*self._with_labels(volume), damage)

    @abstractmethod
    def read_labels(self, volume: Volume) -> tuple[NDArray[np.uint8], str]:
        """Labels on the CT's voxels, and a sentence where they state another place than it, else nothing."""

    @property
    @abstractmethod
    def sources(self) -> tuple[Path, ...]:
        """Every file or folder that CT and labels are read from."""

    @abstractmethod
    def grid(self) -> ScanGrid:
        """Facts that the headers tell, at the cost of reading these alone.

        Raises:
            UserError: they cannot be read.
        """

    def _with_labels(self, volume: Volume) -> tuple[Volume, NDArray[np.uint8]]:
        labels, doubt = self.read_labels(volume)
        wrong = WRONG_SPACING if has_wrong_spacing(self.patient, *volume.axial.spacing[1:]) else ""
        return replace(volume, warnings=tuple(filter(None, (*volume.warnings, doubt, wrong)))), labels


@dataclass(frozen=True)
class FileScan(VolumeScan):
    """A CT whose labels are one file of 0 background, 1 liver, 2 lesion.

    Args:
        labels: that file.
    """

    labels: Path

    def read_labels(self, volume: Volume) -> tuple[NDArray[np.uint8], str]:
        return read_labels(self.labels, volume)

    @property
    def sources(self) -> tuple[Path, ...]:
        return self.ct, self.labels

    def grid(self) -> ScanGrid:
        shape, affine = nifti.read_grid(self.ct)
        axial = axial_view(affine)
        slices, rows, columns = (shape[axis] for axis in axial.axes)
        return ScanGrid((slices, rows, columns), axial.spacing)

"""A CT with its labels, wherever a data set keeps the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..damaged import Damage
from ..files import nifti
from ..volume import Volume, axial_view
from .labels import read_labels
from .patients import WRONG_SPACING, has_wrong_spacing, patient_of


class Grid(NamedTuple):
    """How large a CT is, seen as axial slices, and the millimetres between its slices, rows and columns."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]


class Examined(NamedTuple):
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
class Scan(ABC):
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
    def examine(self) -> Examined:
        """As :meth:`read`, but damaged slices, also of NaN, are told of."""


@dataclass(frozen=True)
class VolumeScan(Scan):
    """A CT of Hounsfield units and the place of its labels; CTs that do not look like HU are taken with a warning."""

    def read(self) -> tuple[Volume, NDArray[np.uint8]]:
        return self._with_labels(files.read_volume(self.ct, force=True))

    def examine(self) -> Examined:
        volume, damage = files.read_repaired(self.ct, force=True)
        return Examined(*self._with_labels(volume), damage)

    @abstractmethod
    def read_labels(self, volume: Volume) -> tuple[NDArray[np.uint8], str]:
        """Labels on the CT's voxels, and a sentence where they state another place than it, else nothing."""

    @property
    @abstractmethod
    def sources(self) -> tuple[Path, ...]:
        """Every file or folder that CT and labels are read from."""

    @abstractmethod
    def grid(self) -> Grid:
        """What the headers say, at the cost of reading these alone.

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

    def grid(self) -> Grid:
        shape, affine = nifti.grid(self.ct)
        axial = axial_view(affine)
        slices, rows, columns = (shape[axis] for axis in axial.axes)
        return Grid((slices, rows, columns), axial.spacing)

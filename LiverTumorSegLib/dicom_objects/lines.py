"""Lines in the patient, as a Structured Report draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.sr import CoordinatesForMeasurement, CoordinatesForMeasurement3D, SourceImageForRegion
from pydicom.dataset import Dataset

from ..lesions import Lesion, Point
from ..volume import Volume

_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


class Lines:
    """Draws lines of lesions, on the images that were segmented where these are the axial slices.

    Args:
        images: one for each index ``k`` of the volume.
        volume: their place in the patient.
    """

    def __init__(self, images: Sequence[Dataset], volume: Volume) -> None:
        self._images, self._volume = images, volume
        self._to_voxels = np.linalg.inv(volume.affine)

    @property
    def flat(self) -> bool:
        """Whether lines lie on the images, not in space as in a coronal series."""
        return self._volume.axial.axes[0] == 0

    def draw(
        self, lesion: Lesion, line: tuple[Point, Point]
    ) -> CoordinatesForMeasurement | CoordinatesForMeasurement3D:
        """A polyline between the ends, in RAS mm, of a line in the lesion's axial slice."""
        if not self.flat:
            ends = np.array(line) * _RAS_TO_LPS
            return CoordinatesForMeasurement3D("POLYLINE", ends, self._images[0].FrameOfReferenceUID)
        image = self._images[self._at(lesion)]
        reference = SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
        return CoordinatesForMeasurement("POLYLINE", self._pixels(line, image), reference)

    def _at(self, lesion: Lesion) -> int:
        return len(self._images) - lesion.slice if self._volume.axial.flips[0] else lesion.slice - 1

    def _pixels(self, line: tuple[Point, Point], image: Dataset) -> np.ndarray:
        """``[end, (column, row)]``; the centre of the first pixel is at 0.5 (PS3.3, section C.18.6.1.1)."""
        ends = np.column_stack([line, np.ones(2)]) @ self._to_voxels.T
        pixels: np.ndarray = (ends[:, :2] + 0.5).clip(0, (image.Columns, image.Rows))
        return pixels

"""The candidates of a segmentation with their probabilities: others can be taken for lesions without the network.

They are kept as text beside a result, so that a panel can do so later, and what was painted meanwhile stays.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ..core.errors import UserError
from ..core.labels import LESION_LABEL
from ..core.volume import Volume
from .candidates import FoundCandidates
from .lesion_scores import OperatingPoint, point_for

LARGEST_TEXT = 20 << 20
"""Characters that candidates may take in a scene; real ones take a hundredth."""

_POINTS = TypeAdapter(tuple[OperatingPoint, ...])


@dataclass(frozen=True)
class LesionChoice:
    """The candidates of a volume.

    Args:
        voxels: rising flat indices into the volume's ``[k, j, i]``.
        owners: index of the candidate that each of them belongs to.
        probabilities: ``[candidate]``, to be a lesion.
        otherwise: uint8 ``[candidate]``, label where it is taken for none.
        points: what is known of the choices.
        shape: of the volume.
    """

    voxels: NDArray[np.int64]
    owners: NDArray[np.int32]
    probabilities: NDArray[np.float64]
    otherwise: NDArray[np.uint8]
    points: tuple[OperatingPoint, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls,
        found: FoundCandidates,
        volume: Volume,
        probabilities: NDArray[np.float64],
        points: tuple[OperatingPoint, ...],
    ) -> LesionChoice:
        """Candidates in a volume's axial view, with their probabilities."""
        numbers, whole = volume.axial.back(found.numbers), volume.voxels.shape
        flat = numbers.reshape(-1)
        voxels = np.flatnonzero(flat)
        near = cls(voxels, flat[voxels] - 1, probabilities, found.otherwise, points, numbers.shape)
        return near.moved(volume.axial.array_box(found.box, whole), whole)

    def labels_at(self, sensitivity: float) -> NDArray[np.uint8]:
        """Label of each of the voxels where so many false lesions a patient are put up with."""
        taken = self.probabilities >= point_for(self.points, sensitivity).least_probability
        return np.where(taken, LESION_LABEL, self.otherwise).astype(np.uint8)[self.owners]

    def lesions_at(self, sensitivity: float) -> NDArray[np.int64]:
        """The voxels that are lesion where so many false lesions a patient are put up with."""
        return self.voxels[self.labels_at(sensitivity) == LESION_LABEL]

    def choose(self, labels: NDArray[np.uint8], sensitivity: float) -> None:
        """Write into labels ``[k, j, i]`` which candidates are lesions.

        Args:
            labels: 0 background, 1 liver, 2 lesion; changed in place.
            sensitivity: false lesions a patient that are put up with.
        """
        labels.reshape(-1)[self.voxels] = self.labels_at(sensitivity)

    def unpainted(self, labels: NDArray[np.uint8], sensitivity: float) -> LesionChoice:
        """The voxels that are as this sensitivity left them: what was painted is the user's from now on."""
        return self._only(labels.reshape(-1)[self.voxels] == self.labels_at(sensitivity))

    def inside(self, part: NDArray[np.bool_]) -> LesionChoice:
        """The voxels where ``[k, j, i]`` is True."""
        return self._only(part.reshape(-1)[self.voxels])

    def _only(self, kept: NDArray[np.bool_]) -> LesionChoice:
        return replace(self, voxels=self.voxels[kept], owners=self.owners[kept])

    def moved(self, part: tuple[slice, ...], whole: tuple[int, ...]) -> LesionChoice:
        """The same in a whole of which the volume was a part."""
        starts = [side.start or 0 for side in part]
        at = [index + start for index, start in zip(np.unravel_index(self.voxels, self.shape), starts, strict=True)]
        return replace(self, voxels=np.ravel_multi_index(tuple(at), whole).astype(np.int64), shape=whole)

    def spread(self) -> NDArray[np.float32]:
        """Probability of the candidate that each voxel belongs to, ``[k, j, i]``; 0 where there is none."""
        levels = np.zeros(self.shape, np.float32)  # pages that are never written take no memory
        levels.reshape(-1)[self.voxels] = self.probabilities[self.owners]
        return levels

    def to_text(self) -> str:
        """As :meth:`from_text` reads it; empty where it would be larger than :data:`LARGEST_TEXT`."""
        content = {
            "shape": list(self.shape),
            "probabilities": self.probabilities.tolist(),
            "otherwise": self.otherwise.tolist(),
            "points": [point.model_dump() for point in self.points],
            "voxels": _packed(np.diff(self.voxels, prepend=0)),
            "owners": _packed(self.owners),
        }
        text = json.dumps(content)
        return text if len(text) <= LARGEST_TEXT else ""

    @classmethod
    def from_text(cls, text: str, shape: tuple[int, ...]) -> LesionChoice:
        """Read what :meth:`to_text` wrote, of a volume of this shape.

        Raises:
            UserError: it is damaged, or of another volume.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            size = prod(shape)
            voxels = np.cumsum(_unpacked(content["voxels"], size))
            owners = _unpacked(content["owners"], size)
            read = cls(
                voxels,
                owners.astype(np.int32),
                np.array(content["probabilities"], np.float64),
                np.array(content["otherwise"], np.uint8),
                _POINTS.validate_python(content["points"]),
                tuple(content["shape"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, zlib.error, binascii.Error, ValidationError) as error:
            raise UserError(_DAMAGED) from error
        if read.shape != tuple(shape) or not read._fits(size):
            raise UserError(_DAMAGED)
        return read

    def _fits(self, size: int) -> bool:
        count = len(self.probabilities)
        within = not len(self.voxels) or (
            self.voxels[0] >= 0 and self.voxels[-1] < size and bool((np.diff(self.voxels) > 0).all())
        )
        known = not len(self.owners) or (self.owners.min() >= 0 and self.owners.max() < count)
        fitting = len(self.voxels) == len(self.owners) and len(self.otherwise) == count
        sure = self.probabilities.ndim == 1 and bool(np.isfinite(self.probabilities).all())
        return bool(within and known and fitting and sure and (self.otherwise < LESION_LABEL).all() and self.points)


_DAMAGED = "The candidates that were kept with this result are damaged or of another CT: segment the CT again."


def _packed(numbers: NDArray) -> str:
    return base64.b64encode(zlib.compress(numbers.astype("<i8").tobytes(), 1)).decode()


def _unpacked(text: str, most: int) -> NDArray[np.int64]:
    """At most so many numbers, however little text they are packed into."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text, validate=True), max(8 * most, 1))
    if unpacker.unconsumed_tail:
        raise ValueError(most)
    return np.frombuffer(data, "<i8")

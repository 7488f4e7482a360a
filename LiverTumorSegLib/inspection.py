"""What looks wrong with a CT before it is segmented: damaged slices and a suspicious geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .damaged import find, is_constant
from .hounsfield import doubt
from .volume import Volume

_THICK_MM, _WIDE_MM, _SHORT_MM = 10.0, 3.0, 60.0


def inspect(volume: Volume, *, mended: bool = False) -> tuple[str, ...]:
    """Say what is suspicious about a volume, a sentence each.

    Args:
        volume: CT in HU.
        mended: its damaged slices have been seen to and need no mention.
    """
    reason = doubt(volume.voxels)
    units = f"This does not look like a CT in Hounsfield units: {reason}." if reason else ""
    found = (units, _slices(volume.axial.of(volume.voxels), mended=mended), *_geometry(volume))
    return tuple(sentence for sentence in found if sentence)


def _slices(view: NDArray[np.int16], *, mended: bool) -> str:
    if all(is_constant(plane) for plane in view):
        return "All slices hold a single number each."
    return "" if mended else find(view).in_words()


def _geometry(volume: Volume) -> list[str]:
    slice_mm, row_mm, column_mm = volume.axial.spacing
    length = slice_mm * volume.axial.of(volume.voxels).shape[0]
    doubts = {
        "It states 1 mm voxels at the origin, as files do that lost their geometry: millimetres may be wrong.": (
            _is_identity(volume.affine)
        ),
        f"Its slices lie {slice_mm:.1f} mm apart: small lesions are missed.": slice_mm > _THICK_MM,
        f"Its pixels are {max(row_mm, column_mm):.1f} mm wide: small lesions are missed.": (
            max(row_mm, column_mm) > _WIDE_MM
        ),
        f"It covers {length:.0f} mm from feet to head: too little for a whole liver.": length < _SHORT_MM,
        "Its slices are tilted against their stacking direction (gantry tilt).": volume.is_sheared,
        "Its slices are not axial; they are segmented in the axial planes nearest to them.": (
            _is_oblique(volume.affine, volume.axial.axes)
        ),
    }
    return [sentence for sentence, applies in doubts.items() if applies]


def _is_identity(affine: NDArray[np.float64]) -> bool:
    return bool(np.allclose(np.abs(affine), np.eye(4), atol=1e-6))


def _is_oblique(affine: NDArray[np.float64], axes: tuple[int, int, int]) -> bool:
    """True where the slice axis leans more than some 26 degrees from head to feet."""
    along = affine[:3, 2 - axes[0]]
    return bool(abs(along[2]) < 0.9 * np.linalg.norm(along))

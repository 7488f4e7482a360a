"""NRRD files as they are written without ITK, which copies the voxels twice on their way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .raw_image import LPS_TO_RAS

_TYPES = {"float32": "float", "float64": "double"}
"""By NumPy's name, where NRRD has another."""


def write_uncompressed(path: Path, array: NDArray, affine: NDArray[np.float64]) -> None:
    """Write ``[k, j, i]`` of integers or floats as it is, which takes no memory beside that of a slice.

    Args:
        path: of the file.
        array: its voxels.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS; it may be sheared.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    native = array.dtype.newbyteorder("=")
    with path.open("wb") as file:
        file.write(header_text(array.dtype, array.shape, affine, "raw").encode())
        for plane in array:
            file.write(np.ascontiguousarray(plane, native).data)


def header_text(
    kind: np.dtype,
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    encoding: str,
    pairs: Mapping[str, str] | None = None,
) -> str:
    """The header of a file that holds its voxels itself, up to the empty line before them.

    Args:
        kind: of the voxels.
        shape: ``[k, j, i]``, or ``[k, j, i, layer]``.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        encoding: ``raw`` or ``gzip``.
        pairs: that stand beside the fields.
    """
    lps, layered = LPS_TO_RAS @ affine[:3], len(shape) > 3
    directions = " ".join(_vector(column) for column in lps[:, :3].T)
    fields = {
        "type": _TYPES.get(kind.name, kind.name),
        "dimension": f"{len(shape)}",
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, reversed(shape))),
        "space directions": f"none {directions}" if layered else directions,
        "kinds": "list domain domain domain" if layered else "domain domain domain",
        "endian": sys.byteorder,
        "encoding": encoding,
        "space origin": _vector(lps[:, 3]),
    }
    lines = ["NRRD0004", *(f"{name}: {value}" for name, value in fields.items())]
    return "\n".join([*lines, *(f"{name}:={value}" for name, value in (pairs or {}).items()), "", ""])


def _vector(numbers: NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(number)) for number in numbers)})"

"""What an NRRD or MetaImage header states, held against what ITK made of it.

ITK takes numbers that it cannot read, or that are not finite, for others, knows no unit but the millimetre, and puts
a volume that does not say how the patient lies where it likes.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from .detached import voxel_place
from .gzip_file import DENSEST
from .stored import UNPLACED
from .text_header import TextHeader

_MM = {"", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "none", "???"}
_SPACES = {"leftposteriorsuperior", "lps", "rightanteriorsuperior", "ras", "leftanteriorsuperior", "las"}
_BETWEEN_NUMBERS = re.compile(r"[\s(),]+")


def check(reader: sitk.ImageFileReader, header: TextHeader) -> tuple[str, ...]:
    """Warnings about what a header leaves open.

    Args:
        reader: what has read the header of a volume with one number a voxel.
        header: of the same file.

    Raises:
        UserError: ITK read other numbers than it states, it states other units than mm, or more voxels than its file
            can hold.
    """
    path, fields = header.path, header.fields
    _refuse_units(fields, path)
    for stated, read in (_metaimage if header.is_metaimage else _nrrd)(fields, reader):
        if len(stated) != len(read) or not np.allclose(stated, read, rtol=1e-5, atol=1e-6):
            msg = f"{path} states sizes or a geometry that cannot be read as numbers: mend its header."
            raise UserError(msg)
    place, start = voxel_place(header)
    if prod(reader.GetSize()) > DENSEST * (place.stat().st_size - start):
        msg = f"{path} ends too early for the {' x '.join(map(str, reader.GetSize()))} voxels it states: get it again."
        raise UserError(msg)
    placed = _first(fields, "transformmatrix", "rotation", "orientation") if header.is_metaimage else _space(fields)
    return () if placed else (UNPLACED,)


def _first(fields: dict[str, str], *names: str) -> str:
    return next((fields[name] for name in names if name in fields), "")


def _space(fields: dict[str, str]) -> bool:
    return _first(fields, "space").lower().replace("-", "") in _SPACES


def _refuse_units(fields: dict[str, str], path: Path) -> None:
    units = re.findall(r'"([^"]*)"', _first(fields, "spaceunits", "units"))
    other = next((unit for unit in units if unit.strip().lower() not in _MM), None)
    if other is not None:
        msg = f"{path} states lengths in {other[:20]!a}, not in mm: export it in mm."
        raise UserError(msg)


def _nrrd(fields: dict[str, str], reader: sitk.ImageFileReader) -> list[tuple[NDArray, NDArray]]:
    """Pairs of what is stated and read; ITK turns some signs round, for LPS."""
    spacing, axes, origin = _geometry(reader)
    pairs = [(_long(_numbers(fields.get("sizes", ""))), _long(np.array(reader.GetSize())))]
    if "spacedirections" in fields:
        pairs.append((abs(_numbers(fields["spacedirections"])), abs(axes * spacing).T.ravel()))
    if "spacings" in fields:
        pairs.append((_numbers(fields["spacings"])[:3], spacing))
    if "spaceorigin" in fields:
        pairs.append((abs(_numbers(fields["spaceorigin"])), abs(origin)))
    return pairs


def _metaimage(fields: dict[str, str], reader: sitk.ImageFileReader) -> list[tuple[NDArray, NDArray]]:
    spacing, axes, origin = _geometry(reader)
    pairs = [(_long(_numbers(fields.get("dimsize", ""))), _long(np.array(reader.GetSize())))]
    if matrix := _first(fields, "transformmatrix", "rotation", "orientation"):
        pairs.append((_corner(_numbers(matrix)), axes.T.ravel()))
    if "elementspacing" in fields:
        pairs.append((_numbers(fields["elementspacing"])[:3], spacing))
    if place := _first(fields, "offset", "position", "origin"):
        pairs.append((_numbers(place)[:3], origin))
    return pairs


def _geometry(reader: sitk.ImageFileReader) -> tuple[NDArray, NDArray, NDArray]:
    """Spacing, axes in columns, and origin, of the first three dimensions."""
    count = reader.GetDimension()
    axes = np.reshape(reader.GetDirection(), (count, count))[:3, :3]
    return np.array(reader.GetSpacing()[:3]), axes, np.array(reader.GetOrigin()[:3])


def _numbers(text: str) -> NDArray[np.float64]:
    """Numbers of a field; NaN for what is none, nothing for axes that have no place in space."""
    words = [word for word in _BETWEEN_NUMBERS.split(text) if word and word.lower() != "none"]
    return np.array([_number(word) for word in words])


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _corner(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first three rows and columns of a square matrix, one after the other."""
    side = int(len(matrix) ** 0.5)
    return matrix if side * side != len(matrix) else matrix.reshape(side, side)[:3, :3].ravel()


def _long(sizes: NDArray) -> NDArray:
    """Sizes but for those of 1, whose axes ITK may leave out or move."""
    return sizes[sizes != 1]

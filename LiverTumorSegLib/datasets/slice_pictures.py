"""Slice pictures on disk: ``images/P_slice_K.jpg``, ``masks/P_slice_K.png`` and ``slices.csv``."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError

_NAME = re.compile(r"(?P<patient>[^.].*)_slice_(?P<number>\d+)[a-z]?$")


class Slice(NamedTuple):
    """One slice's number, counted from the feet, and its pictures."""

    number: int
    image: Path
    mask: Path


def pictures(folder: Path, ending: str) -> dict[str, Path]:
    """Slices by the stem of their names."""
    return {path.stem: path for path in sorted(folder.glob(f"*_slice_*{ending}")) if _NAME.match(path.stem)}


def by_patient(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, tuple[Slice, ...]]:
    """The slices of each patient that have both, ascending."""
    found: defaultdict[str, list[Slice]] = defaultdict(list)
    for stem in images.keys() & masks.keys():
        match = _NAME.match(stem)
        if match:
            found[match["patient"]].append(Slice(int(match["number"]), images[stem], masks[stem]))
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def spacings(table: Path) -> dict[str, tuple[float, float, float]]:
    """Millimetres between slice numbers, rows and columns by patient.

    A table names patients as ``patient`` or, in LiTS, by the number of the ``volume``; without one nobody is stated.

    Raises:
        UserError: the table is damaged.
    """
    if not table.exists():
        return {}
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["dx_mm"]]
        return {row.get("patient") or f"volume-{row['volume']}": _spacing(row) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{table} states no dx_mm, dy_mm and dz_native_mm by patient: mend it, or export the slices again."
        raise UserError(msg) from error


def _spacing(row: dict[str, str]) -> tuple[float, float, float]:
    z, y, x = (float(row[key]) for key in ("dz_native_mm", "dy_mm", "dx_mm"))
    if not all(0 < mm < inf for mm in (z, y, x)):
        raise ValueError(row)
    return z, y, x


def read_numbers(path: Path) -> NDArray:
    """Greys of a JPG; of a mask the numbers as they are stored: cast to 8 bits, those of 16 would turn into labels.

    Raises:
        UserError: it cannot be read, or has colours.
    """
    try:
        with Image.open(path) as image:
            values = np.array(image.convert("L") if path.suffix == ".jpg" else image)
    except (OSError, ValueError, TypeError, Image.DecompressionBombError) as error:
        msg = f"{path} is no picture that can be read: export it again."
        raise UserError(msg) from error
    if values.ndim != 2:
        msg = f"{path} has colours, and a mask has one number a pixel: export it again."
        raise UserError(msg)
    return values

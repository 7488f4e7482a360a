"""Tables beside folders of slice pictures that state each patient's spacing."""

from __future__ import annotations

import csv
from math import inf
from pathlib import Path

from ..core import text_files
from ..core.errors import UserError


def read_spacings(table: Path) -> dict[str, tuple[float, float, float]]:
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
        return {_patient(row): _spacing(row) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{table} states no dx_mm, dy_mm and dz_native_mm by patient: correct it, or export the slices again."
        raise UserError(msg) from error


def read_true_spacings(table: Path) -> dict[str, tuple[float, float, float]]:
    """The same as :func:`read_spacings`, of a table of ``in_plane_mm`` and ``slice_mm`` by patient.

    Raises:
        UserError: the table is missing or damaged.
    """
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = [(_patient(row), float(row["slice_mm"]), float(row["in_plane_mm"])) for row in csv.DictReader(lines)]
        return {name: _positive(z, in_plane, in_plane) for name, z, in_plane in rows}
    except FileNotFoundError as error:
        folder = table.parent.name
        msg = f"{table} does not exist: give the folder that holds {folder} as the data, or take the table out of it."
        raise UserError(msg) from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = f"{table} states no in_plane_mm and slice_mm by patient: correct it, or take it out of the recipe's data."
        raise UserError(msg) from error


def _patient(row: dict[str, str]) -> str:
    return text_files.unmarked(row.get("patient") or f"volume-{row['volume']}")


def _spacing(row: dict[str, str]) -> tuple[float, float, float]:
    z, y, x = (float(row[key]) for key in ("dz_native_mm", "dy_mm", "dx_mm"))
    return _positive(z, y, x)


def _positive(z: float, y: float, x: float) -> tuple[float, float, float]:
    if not all(0 < mm < inf for mm in (z, y, x)):
        raise ValueError((z, y, x))
    return z, y, x

"""Points in and beside lesions, from words, CSV files and markups of 3D Slicer."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import text_files
from ..core.errors import UserError

Point = tuple[float, float, float]

_MOST_CHARACTERS = 10 << 20
_COORDINATES = {("r", "a", "s"): (1.0, 1.0, 1.0), ("l", "p", "s"): (-1.0, -1.0, 1.0)}
"""Columns of a CSV file, and the signs that make RAS of them."""

_SIDES = {
    word: inside
    for inside, words in ((True, ("1", "yes", "true", "inside", "")), (False, ("0", "no", "false", "outside")))
    for word in words
}


@dataclass(frozen=True)
class LesionPoint:
    """A point as a user gave it.

    Args:
        point: RAS in mm.
        inside: whether it lies in the lesion, or beside it.
        lesion: its name; without one, a point inside is a lesion of its own, and one outside is beside all lesions.
        place: where it stands, for errors.
    """

    point: Point
    inside: bool
    lesion: str
    place: str


def point_of_words(words: str, option: str, *, inside: bool) -> LesionPoint:
    """A point from ``R,A,S`` or ``R,A,S,NAME``.

    Args:
        words: numbers in mm, and perhaps the lesion's name.
        option: of the command line, for errors.
        inside: whether it lies in the lesion.

    Raises:
        UserError: these are no three numbers.
    """
    place = f"{option} {words}"
    *_, name = parts = [*words.split(",", 3), ""][:4]
    if len(parts) < 4:
        msg = (
            f"{place} is not a point: give three numbers in mm, "
            f"to the right, front and head, as in {option} 12.5,-30,85."
        )
        raise UserError(msg)
    return LesionPoint(_numbers(parts[:3], place), inside, name.strip(), place)


def points_of_csv(text: str, name: str) -> list[LesionPoint]:
    """Points of a table with columns ``r``, ``a``, ``s`` or ``l``, ``p``, ``s`` in mm.

    Columns ``lesion`` or ``label``, for points of the same lesion, and ``inside`` (1 or 0) may be there.

    Args:
        text: of the file; cells are parted by commas, or by semicolons.
        name: of the file, for errors.

    Raises:
        UserError: a column is missing, or a line is wrong.
    """
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    try:
        head = [cell.strip().lower() for cell in next(rows, [])]
        axes = next((axes for axes in _COORDINATES if set(axes) <= set(head)), None)
        if axes is None:
            msg = f"{name} has no columns r, a and s, or l, p and s: name them in its first line."
            raise UserError(msg)
        return [
            _of_row(dict(zip(head, row, strict=False)), axes, f"{name}, line {rows.line_num}") for row in rows if row
        ]
    except csv.Error as error:
        msg = f"{name}, line {rows.line_num}, is not a line of a table ({error}): correct it."
        raise UserError(msg) from error


def _of_row(row: Mapping[str, str], axes: tuple[str, str, str], place: str) -> LesionPoint:
    signs = _COORDINATES[axes]
    numbers = _numbers([row.get(axis, "") for axis in axes], place)
    r, a, s = (sign * number for sign, number in zip(signs, numbers, strict=True))
    side = row.get("inside", "").strip().lower()
    if side not in _SIDES:
        msg = f"{place}: “{side}” is neither inside nor outside: write 1 or 0."
        raise UserError(msg)
    return LesionPoint((r, a, s), _SIDES[side], (row.get("lesion") or row.get("label") or "").strip(), place)


def points_of_markups(text: str, name: str) -> list[LesionPoint]:
    """Control points of 3D Slicer's markups; those of the same label are of one lesion.

    A point whose description, or whose list's name, is ``outside`` lies beside the lesion that its label names.

    Args:
        text: JSON, with coordinates in LPS or RAS as it says.
        name: of the file, for errors.

    Raises:
        UserError: it is no such file, or a point has no place.
    """
    try:
        lists = json.loads(text)["markups"]
        return [point for number, markup in enumerate(lists, start=1) for point in _of_list(markup, number, name)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{name} is not a markups file of 3D Slicer: save the points as .mrk.json again."
        raise UserError(msg) from error


def _of_list(markup: Mapping[str, Any], number: int, name: str) -> Iterable[LesionPoint]:
    system = str(markup.get("coordinateSystem", "LPS")).upper()
    signs = {"LPS": (-1.0, -1.0, 1.0), "0": (1.0, 1.0, 1.0), "1": (-1.0, -1.0, 1.0), "RAS": (1.0, 1.0, 1.0)}.get(system)
    unit = markup.get("coordinateUnits", "mm")
    if signs is None or unit not in ("mm", ["mm", "mm"]):
        msg = f"{name} has points in {system} and {unit}: save them in LPS or RAS, in mm."
        raise UserError(msg)
    away = str(markup.get("name", "")).strip().lower() == "outside"
    for at, control in enumerate(markup["controlPoints"], start=1):
        label = str(control.get("label", "")).strip()
        place = f"{name}, point {label or at}" + (f" of list {number}" if number > 1 else "")
        if control.get("positionStatus", "defined") != "defined":
            msg = f"{place} has no position: place it, or delete it."
            raise UserError(msg)
        r, a, s = (sign * x for sign, x in zip(signs, _numbers(control["position"], place), strict=True))
        outside = away or str(control.get("description", "")).strip().lower() == "outside"
        yield LesionPoint((r, a, s), not outside, label, place)


def _numbers(words: Sequence[Any], place: str) -> Point:
    try:
        r, a, s = (float(word) for word in words)
    except (TypeError, ValueError) as error:
        msg = f"{place} is not a point: give three numbers in mm."
        raise UserError(msg) from error
    if not all(map(math.isfinite, (r, a, s))):
        msg = f"{place} is not a point: give three numbers in mm that are finite."
        raise UserError(msg)
    return r, a, s


def read_text(path: Path) -> str:
    """The text of a file of points.

    Raises:
        UserError: it is too large, or no text.
    """
    if path.stat().st_size > _MOST_CHARACTERS:
        msg = f"{path} is larger than any list of points: choose another file."
        raise UserError(msg)
    try:
        return text_files.read_text(path)
    except UnicodeDecodeError as error:
        msg = f"{path} is not text in UTF-8: save it as UTF-8."
        raise UserError(msg) from error


def by_lesion(points: Sequence[LesionPoint]) -> list[list[LesionPoint]]:
    """The points of each lesion, those inside first, in the order of the lesions' first points.

    Raises:
        UserError: no point is inside a lesion, or one is beside a lesion that no point is in.
    """
    lesions: dict[object, list[LesionPoint]] = {}
    for number, each in enumerate(points):
        if each.inside:
            lesions.setdefault(each.lesion or number, []).append(each)
    if not lesions:
        msg = "No point in a lesion was given: give one with --at, or in the file of --points."
        raise UserError(msg)
    for each in points:
        if not each.inside and each.lesion and each.lesion not in lesions:
            msg = f"{each.place} is beside the lesion “{each.lesion}”, which no point is in: give it one, or no name."
            raise UserError(msg)
        if not each.inside:
            for own in [lesions[each.lesion]] if each.lesion else lesions.values():
                own.append(each)
    return list(lesions.values())

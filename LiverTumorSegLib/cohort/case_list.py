"""A list of CTs: a text file with a path a line, or a CSV with the columns ``image``, ``case`` and ``series``.

Paths may be relative to the folder of the list. In text, empty lines and those that begin with ``#`` say nothing.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from .. import text_file
from ..errors import UserError
from ..evaluation.pairs import case_names
from ..files import stem
from . import contents
from .case import CohortCase

_COLUMNS = ("image", "case", "series")


def read(path: Path) -> list[CohortCase]:
    """Read a list; whether its CTs can be read is seen when it is their turn.

    Raises:
        UserError: it is no list, cannot be read, or has other columns or a row that does not fit them.
    """
    if path.suffix.lower() not in (".csv", ".txt"):
        msg = f"{path} is neither a folder nor a list that ends in .csv or .txt: give one of these."
        raise UserError(msg)
    try:
        lines = io.StringIO(text_file.read(path), newline="")
        rows = _table(csv.reader(lines), path) if path.suffix.lower() == ".csv" else _lines(lines)
        return [_case(path.parent, **row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read as text in UTF-8 ({getattr(error, 'strerror', None) or error}): save it again."
        raise UserError(msg) from error


def _lines(text: Iterator[str]) -> Iterator[dict[str, str]]:
    for line in text:
        if line.strip() and not line.startswith("#"):
            yield {"image": line.strip()}


def _table(lines: Iterator[list[str]], path: Path) -> Iterator[dict[str, str]]:
    columns = [name.strip() for name in next(lines, [])]
    if "image" not in columns or len(set(columns)) < len(columns) or set(columns) - set(_COLUMNS):
        own = ", ".join(columns) or "none"
        msg = f"{path} has the columns {own}: use {', '.join(_COLUMNS)}, of which image is needed."
        raise UserError(msg)
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        if len(cells) > len(columns) or not row.get("image"):
            msg = f"Row {number} of {path} does not fit the header {','.join(columns)}: mend it."
            raise UserError(msg)
        yield row


def _case(folder: Path, image: str, case: str = "", series: str = "") -> CohortCase:
    if "\0" in image:
        msg = f"“{image}” cannot be a file's name: save the list again."
        raise UserError(msg)
    path = folder / image
    files = tuple(_files(path))
    name = case or case_names.read(Path(os.path.realpath(path)).name if files else stem(path)).case
    return CohortCase(name, path, contents.size(files or (path,)), series or None, files)


def _files(path: Path) -> Iterator[Path]:
    """All in a folder but what is hidden, which programs that show folders leave there."""
    for place, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))

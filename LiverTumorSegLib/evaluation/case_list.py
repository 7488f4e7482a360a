"""A CSV that says which prediction belongs to which reference."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from ..core import text_files
from ..core.errors import UserError


@dataclass(frozen=True)
class CaseListRow:
    """One row as it is written; empty where nothing is.

    Args:
        prediction, reference: files.
        case: what the case is called.
        patient: whom it shows.
        image: the CT.
    """

    prediction: str
    reference: str
    case: str = ""
    patient: str = ""
    image: str = ""


_NEEDED = ("prediction", "reference")
_KNOWN = tuple(field.name for field in fields(CaseListRow))


def read(path: Path) -> list[CaseListRow]:
    """Read a list in UTF-8 with a header: ``prediction``, ``reference`` and, if wanted, the other fields of a row.

    Raises:
        UserError: it cannot be read, has an unknown or a missing column, or a row that does not fit them; or it has
            no row.
    """
    try:
        rows = list(_rows(csv.reader(io.StringIO(text_files.read_text(path), newline="")), path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read as CSV in UTF-8 ({getattr(error, 'strerror', None) or error}): export it again."
        raise UserError(msg) from error
    if not rows:
        msg = f"{path} lists no pairs: give it a row for each case."
        raise UserError(msg)
    return rows


def _rows(lines: Iterator[list[str]], path: Path) -> Iterator[CaseListRow]:
    columns = [name.strip() for name in next(lines, [])]
    _check(columns, path)
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue
        given = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        if len(cells) > len(columns) or not all(given.get(name) for name in _NEEDED):
            msg = f"Row {number} of {path} does not fit the header {','.join(columns)}: correct it."
            raise UserError(msg)
        yield CaseListRow(**given)


def _check(columns: list[str], path: Path) -> None:
    wrong = [name for name in columns if name not in _KNOWN or columns.count(name) > 1]
    missing = [name for name in _NEEDED if name not in columns]
    if wrong or missing:
        fault = f"“{wrong[0]}” is unknown or there twice" if wrong else f"“{missing[0]}” is missing"
        msg = f"The columns of {path} are wrong ({fault}): use {', '.join(_KNOWN)}, separated by commas."
        raise UserError(msg)

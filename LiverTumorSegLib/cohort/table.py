"""``cohort.csv``: a row a case."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .. import spreadsheet
from . import records
from .records import Record, State
from .unfinished import whole_files

NAME = "cohort.csv"
_COLUMNS = {
    "case": "case",
    "device": "device",
    "liver_ml": "liver_ml",
    "lesion_ml": "lesion_ml",
    "burden_percent": "burden_percent",
    "lesions": "lesion_count",
    "warnings": "warnings",
    "failure": "failure",
}


def write(output: Path, rank: int) -> None:
    """Put the table together from the records.

    Every rank does so when it ends, and again where records changed meanwhile: whichever writes last has seen all
    records that were there, since no rank ends before it has written after its own last record.
    """
    written = None
    while (text := as_csv(records.read_all(output))) != written:
        with whole_files(output, f"{NAME}-{rank}") as scratch:
            (scratch / NAME).write_text(text, encoding="utf-8")
        written = text


def as_csv(rows: Iterable[Record]) -> str:
    """A header and a row for each case that is done or failed; a cell is empty where nothing is known."""
    return spreadsheet.as_csv(_COLUMNS, (_row(record) for record in rows if record.state is not State.UNFINISHED))


def _row(record: Record) -> spreadsheet.Row:
    fields = record.model_dump() | {"warnings": " ".join(record.warnings)}
    return {column: fields[name] for column, name in _COLUMNS.items()}

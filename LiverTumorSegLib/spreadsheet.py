"""Tables as CSV that a spreadsheet may open, whatever names are in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from .visible import visible

Row = Mapping[str, Any]

_FORMULA = ("=", "+", "-", "@", "\t")
_DIGITS = 6


def as_csv(names: Iterable[str], rows: Iterable[Row]) -> str:
    """Rows under a header of names; numbers rounded, and no cell that a spreadsheet would run as a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Words that a spreadsheet would run as a formula get an apostrophe before them, which it takes for text."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if not isinstance(value, str):
        return value
    words = visible(value)  # a carriage return, which csv does not quote, would begin a cell
    return f"'{words}" if words.startswith(_FORMULA) else words

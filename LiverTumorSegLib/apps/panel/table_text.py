"""The lesion table as text, for a clipboard or a file: in the names of the headless library's CSV, in no language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import text_files
from .panel import LESION_COLUMNS

_CSV_NAMES = {"r": "centroid_r_mm", "a": "centroid_a_mm", "s": "centroid_s_mm"}
_BEFORE_THE_CENTROID = "diameter_mm"


def table_text(
    rows: Sequence[Mapping[str, float]],
    delimiter: str,
    notes: Sequence[str] = (),
    origins: Sequence[str] = (),
    liver_segments: Sequence[str] = (),
) -> str:
    """All measures of all lesions as text, with the columns of the headless library's CSV, in their order.

    Args:
        rows: the lesions.
        delimiter: of cells.
        notes: a lesion's each; where all are empty there is no column for them, as in that CSV.
        origins: how each came about, in the CSV's words; likewise.
        liver_segments: that each lies in; likewise.
    """
    keys = _keys_in_order()
    head: list[str] = [_CSV_NAMES.get(key, key) for key in keys]
    cells: list[list[Any]] = [[_cell(row[key]) for key in keys] for row in rows]
    for name, words in (("liver_segments", liver_segments), ("origin", origins), ("note", notes)):
        if any(words):
            head.append(name)
            cells = [[*row, text] for row, text in zip(cells, words, strict=True)]
    return text_files.lines([head, *cells], delimiter)


def _keys_in_order() -> list[str]:
    """Keys of a row in the order of the CSV's columns: the panel shows the centroid further behind."""
    measures = [key for _heading, key, _kind in LESION_COLUMNS if key not in _CSV_NAMES]
    at = measures.index(_BEFORE_THE_CENTROID) + 1
    return [*measures[:at], *_CSV_NAMES, *measures[at:]]


def _cell(value: float) -> float | None:
    """Ten digits of a number, a whole one without a point; None where it is not known."""
    if math.isnan(value):
        return None
    kept = float(f"{value:.10g}")
    return int(kept) if kept.is_integer() else kept

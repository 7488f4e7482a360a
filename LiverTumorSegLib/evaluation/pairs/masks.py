"""From what a mask stores to 0 background, 1 liver and 2 lesion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...datasets.labels import whole_labels
from ...datasets.segment_values import by_segments
from ...errors import UserError
from ...files.stored import Stored
from . import label_values


def labelled(
    stored: Stored, path: Path, option: str, values: Mapping[int, int] | None = None, *, accept_float: bool = False
) -> Stored:
    """Turn what is stored into labels.

    Args:
        stored: of the file.
        path: file that errors name, whose header may name segments.
        option: of the command line, with which a user would give ``values``.
        values: label of each value, others being background; the names of segments then say nothing.
        accept_float: take floating-point numbers, if they are whole.

    Returns:
        uint8, with a warning more where a name or nothing at all decided.

    Raises:
        UserError: it holds other numbers than labels, or stores them as floating point.
    """
    if stored.values.dtype.kind == "f" and not accept_float:
        msg = f"{path} stores floating-point numbers, as probabilities are: give labels, or use --accept-float."
        raise UserError(msg)
    advice = f"say which are which with {option}, such as {option} liver=5,lesion=7"
    taken, doubt = (values, "") if values is not None else by_segments(stored, path, advice)
    labels = whole_labels(stored, path, taken, advice=advice)
    if values is not None and not labels.any() and stored.values.any():
        doubt = f"it is marked somewhere, but nowhere with a value given ({label_values.in_words(values)})."
    return replace(stored, values=labels, warnings=(*stored.warnings, doubt) if doubt else stored.warnings)

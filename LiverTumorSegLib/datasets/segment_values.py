"""Labels from the names of segments.

In segmentations of 3D Slicer and of DICOM, the names of the segments decide and not their values, which follow from the
order in which somebody made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import segment_names
from ..files.segment_words import said_by
from ..files.stored import Stored

_NAMED = 5


def by_segments(stored: Stored, path: Path, advice: str) -> tuple[dict[int, int] | None, str]:
    """Labels by value where the file's segments tell other ones than the values do, and a sentence about it.

    Args:
        stored: of the file, in planes of integers.
        path: the file.
        advice: what an error tells to do.

    Returns:
        As :func:`by_names`, but for DICOM files, whose values nobody takes for labels, without a sentence.

    Raises:
        UserError: the values are the order of a DICOM file's segments, and one of those marked tells no label.
    """
    names = segment_names(path)
    if not stored.omits_empty:
        return by_names(stored.values, names)
    refuse_untold(stored.values, names, path, advice)
    return by_names(stored.values, names)[0], ""


def by_names(values: NDArray, names: Mapping[int, str]) -> tuple[dict[int, int] | None, str]:
    """Labels by value where the names tell other ones than the values do, and a sentence about it.

    Args:
        values: of the file, planes of integers.
        names: of its segments, by value; none for other files.

    Returns:
        None where values are labels themselves, or the names do not tell all of them; and a sentence or nothing.
    """
    said = {value: said_by(name) for value, name in names.items()}
    if all(label in (None, value) for value, label in said.items()):
        return None, ""
    present = set().union(*(np.unique(plane).tolist() for plane in values)) - {0}
    told = {value: label for value in present if (label := said.get(value))}
    if all(value == label for value, label in told.items()):
        return None, ""
    listed = _listed(sorted(present & names.keys()), names)
    if told.keys() == present:
        return told, f"labels were taken from the names of its segments ({listed})."
    return None, f"its values were taken as labels, though the names of its segments differ ({listed})."


def refuse_untold(values: NDArray, names: Mapping[int, str], path: Path, advice: str) -> None:
    """Refuse a file whose values are the order of its segments and nothing else, where a segment's name tells no label.

    Args:
        values: of the file, planes of integers.
        names: of its segments, by value.
        path: that an error names.
        advice: what an error tells to do.

    Raises:
        UserError: a segment that is marked somewhere is neither called liver nor lesion.
    """
    present = set().union(*(np.unique(plane).tolist() for plane in values)) - {0}
    untold = sorted(value for value in present if said_by(names.get(value, "")) is None)
    if untold:
        listed = _listed(untold, names)
        msg = f"{path} has segments that are neither called liver nor lesion ({listed}): {advice}."
        raise UserError(msg)


def _listed(values: Sequence[int], names: Mapping[int, str]) -> str:
    named = ", ".join(f"{names.get(value, '')} {value}" for value in values[:_NAMED])
    return f"{named} and {len(values) - _NAMED} more" if len(values) > _NAMED else named

"""Labels from the names of segments.

In segmentations of 3D Slicer, the names of the segments decide and not their values, which follow from the order in
which somebody made them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..postprocessing import LESION, LIVER

_LESION_WORDS = re.compile(r"lesion|tumou?r|metastas|(?<![a-z])hcc(?![a-z])", re.IGNORECASE)
_LIVER_WORDS = re.compile(r"(?<![a-z])liver(?![a-z])", re.IGNORECASE)
_OTHER_WORDS = re.compile(
    r"[+&]|(?<![a-z])(and|with(out)?|incl\w*|plus|minus|no|non|not|free)(?![a-z])|vessel|vein|arter|duct|cyst",
    re.IGNORECASE,
)
"""What makes a name one of both, of neither or of another structure: “liver with tumour”, “tumour-free liver”."""


def said_by(name: str) -> int | None:
    """Label that a segment's name tells in English; none where it tells of both, neither or another structure."""
    if _OTHER_WORDS.search(name):
        return None
    if _LESION_WORDS.search(name):
        return LESION
    return LIVER if _LIVER_WORDS.search(name) else None


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
    listed = ", ".join(f"{names[value]} {value}" for value in sorted(present & names.keys()))
    if told.keys() == present:
        return told, f"labels were taken from the names of its segments ({listed})."
    return None, f"its values were taken as labels, though the names of its segments differ ({listed})."

"""What the numbers of a mask mean, where they are not 0 background, 1 liver and 2 lesion."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import UserError
from ...postprocessing import LESION, LIVER
from ..structures import LESION_NAME, LIVER_NAME

_LABELS = {LIVER_NAME: LIVER, LESION_NAME: LESION}
_GIVEN = re.compile(rf"\s*({LIVER_NAME}|{LESION_NAME})\s*=\s*(\d+(?:\s*\+\s*\d+)*)\s*", re.ASCII | re.IGNORECASE)


def parse_values(text: str) -> dict[int, int]:
    """Read which values are which structure.

    Args:
        text: such as ``liver=5,lesion=7``, only one of the two, or ``liver=5+6`` where several values are liver.

    Returns:
        Label, 1 or 2, by value.

    Raises:
        UserError: it is something else, or gives 0 (background) or anything twice.
    """
    parts = [_GIVEN.fullmatch(part) for part in text.split(",")]
    pairs = [(int(value), _LABELS[part[1].lower()]) for part in parts if part for value in part[2].split("+")]
    found = dict(pairs)
    names = {part[1].lower() for part in parts if part}
    if len(names) < len(parts) or len(found) < len(pairs) or 0 in found:
        msg = (
            f"“{text}” does not say which values are liver and which lesion: write such as liver=5,lesion=7, or "
            "liver=5+6 for several, each value once and 0 always background."
        )
        raise UserError(msg)
    return found


def in_words(values: Mapping[int, int]) -> str:
    """Such as ``liver 5, lesion 7``."""
    names = {label: name for name, label in _LABELS.items()}
    return ", ".join(f"{names[label]} {value}" for value, label in sorted(values.items()))

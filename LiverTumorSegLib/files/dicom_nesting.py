"""Sequences in sequences in a DICOM file: GDCM's time grows without bounds with their depth."""

from __future__ import annotations

import re
from pathlib import Path

_ITEM = re.compile(rb"\xfe\xff(?:(\x00\xe0)\xff\xff\xff\xff|\x0d\xe0\0\0\0\0)")
"""An item of undefined length begins, or one ends, in little endian."""

_DEEPEST, _LONGEST = 50, 1 << 20


def is_too_deep(file: Path) -> bool:
    """Whether items of undefined length lie in one another deeper than in any image, in the first megabyte."""
    depth = 0
    with file.open("rb") as content:
        for found in _ITEM.finditer(content.read(_LONGEST)):
            depth += 1 if found[1] else -1
            if depth > _DEEPEST:
                return True
    return False

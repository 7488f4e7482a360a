"""What the name of a segment says that it is."""

from __future__ import annotations

import re

from ..segments import LESION, LIVER

_LESION_WORDS = re.compile(
    r"lesion|tumou?r|metastas|neoplas|carcinom|(?<![a-z])(hcc|mass(es)?)(?![a-z])", re.IGNORECASE
)
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
        return LESION.label
    return LIVER.label if _LIVER_WORDS.search(name) else None


def is_of_liver(name: str) -> bool:
    """Whether a place in the body is the liver or a part of it."""
    return bool(_LIVER_WORDS.search(name))

"""Which case a file shows, by its name.

A case is called by the file's name without its ending and without what marks a mask at the end of it, which is one or
more of ``seg``, ``segmentation``, ``label``, ``labels``, ``mask``, ``pred`` and ``prediction`` after ``_`` or ``-``.
What LiTS calls ``volume-N``, ``segmentation-N`` and ``test-segmentation-N`` is the case ``volume-N``; the names of MSD
(``liver_N``) need no rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MASK = re.compile(r"(.+?)(?:[_-](?:seg|segmentation|labels?|mask|pred|prediction))+", re.IGNORECASE)
_LITS = re.compile(r"(?:test-)?(volume|segmentation)-(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class CaseName:
    """The parts of a file's name that tell a case.

    Args:
        case: the case's name.
        is_mask: whether the name says that the file is a mask; where it does not, the file may still be one.
    """

    case: str
    is_mask: bool


def parse_case_name(stem: str) -> CaseName:
    """Read a file's name without its ending."""
    marked = _MASK.fullmatch(stem)
    plain = marked[1] if marked else stem
    lits = _LITS.fullmatch(plain)
    if lits is None:
        return CaseName(plain, bool(marked))
    return CaseName(f"volume-{int(lits[2])}", bool(marked) or lits[1].lower() == "segmentation")


def natural_sort_key(name: str) -> tuple[list[tuple[str, int]], str]:
    """Key that sorts ``volume-2`` before ``volume-10``."""
    parts = re.findall(r"(\D*)(\d*)", name)
    return [(text, int(digits or -1)) for text, digits in parts], name

"""Sentences without identifiers: what the worker says names files and quotes them."""

from __future__ import annotations

import re
from pathlib import Path

from ..visible import on_one_line

_QUOTED = re.compile("“[^”]*”")
_UID = re.compile(r"\b\d+(\.\d+){3,}\b")
_LONGEST = 500


def impersonal(sentence: str, folder: Path) -> str:
    """A sentence on one line, without the node's folder, without what it quotes, and without UIDs.

    Args:
        sentence: of an error.
        folder: of the series' images; of a file in it the number stays.
    """
    plain = sentence.replace(f"{folder}/", "image ").replace(f"{folder}\\", "image ").replace(str(folder), "The series")
    return _UID.sub("…", _QUOTED.sub("“…”", on_one_line(plain)))[:_LONGEST]

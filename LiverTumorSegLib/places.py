"""Sentences and commands without the folders of this machine, for files that are passed on.

A path tells who works where, and may name a patient. What a user reads on their own screen has whole paths; what goes
into reports, records, models and their cards has the last name of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

_ELSEWHERE = re.compile(
    r"(?P<before>(?:--?[\w-]+=?|[\w.]+=)?)(?P<path>(?:[/~]|[A-Za-z]:[\\/]|\\\\).*|.*\.\.[\\/].*)", re.DOTALL
)
"""A word of a command that is a path to somewhere beyond the working folder, with its option where that is glued on."""

_FOLDERS = re.compile(r"(?<![\w.:/\\~])(?:[A-Za-z]:[\\/]|\\\\|~?/)(?:[^\s/\\]+[\\/])+")
"""Folders of an absolute path within a text, so far as they have no blanks."""


def of_word(word: str) -> str:
    """A word of a command line: of a path to beyond the working folder, its name alone."""
    found = _ELSEWHERE.fullmatch(word)
    if found is None or "://" in word:
        return _FOLDERS.sub("", word)
    path = found["path"]
    kind = PureWindowsPath if "\\" in path else PurePosixPath
    return found["before"] + (kind(path).name or path)


def of_sentence(sentence: str, folders: Iterable[Path] = ()) -> str:
    """A sentence that names files without folders.

    Args:
        sentence: with paths in it.
        folders: those that may be in it; of others, only such without blanks are found.
    """
    for folder in folders:
        for place in (folder.resolve(), folder.absolute(), *([folder] if folder.name else [])):
            sentence = sentence.replace(f"{place}{os.sep}", "")
    return _FOLDERS.sub("", sentence)


def of_content(content: Any) -> Any:
    """Content as of JSON, every text of it as :func:`of_word`."""
    if isinstance(content, dict):
        return {key: of_content(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(of_content(value) for value in content)
    return of_word(content) if isinstance(content, str) else content

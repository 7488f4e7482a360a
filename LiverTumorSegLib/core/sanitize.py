"""Texts made safe to show and to pass on: no control characters, no folders, no identifiers.

Nothing in a shown text commands a terminal or turns the order of reading. A path tells who works where, and may name
a patient: a user reads whole paths on their own screen, while reports, records, models and their cards have the last
name of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

_COMMANDS = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tabulator and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides and isolates
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # what a file name has instead of bytes that are no UTF-8; no terminal takes it
    "]"
)


def escape_invisible(text: str) -> str:
    r"""The text with escape codes in place of invisible characters that do something, such as ``\x1b`` and ``\u202e``.

    Tabulators and line feeds stay as they are.

    Example:
        >>> print(escape_invisible("liver\x1b[2J"))
        liver\x1b[2J
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def to_one_line(text: str) -> str:
    """One visible line of a text, its line feeds and tabulators turned into spaces: a name cannot add a sentence."""
    return escape_invisible(text).replace("\n", " ").replace("\t", " ")


def escape_for_page(value: object) -> object:
    """A value as a template writes it: plain text visibly, anything else, such as a chart, as it is."""
    return escape_invisible(value) if type(value) is str else value


_ELSEWHERE = re.compile(
    r"(?P<before>(?:--?[\w-]+=?|[\w.]+=)?)(?P<path>(?:[/~]|[A-Za-z]:[\\/]|\\\\).*|.*\.\.[\\/].*)", re.DOTALL
)
"""A word of a command that is a path to somewhere beyond the working folder, with its option where that is glued on."""

_FOLDERS = re.compile(r"(?<![\w.:/\\~])(?:[A-Za-z]:[\\/]|\\\\|~?/)(?:[^\s/\\]+[\\/])+")
"""Folders of an absolute path within a text, so far as they have no blanks."""


def strip_folders_of_word(word: str) -> str:
    """A word of a command line: of a path to beyond the working folder, its name alone."""
    found = _ELSEWHERE.fullmatch(word)
    if found is None or "://" in word:
        return _FOLDERS.sub("", word)
    path = found["path"]
    kind = PureWindowsPath if "\\" in path else PurePosixPath
    return found["before"] + (kind(path).name or path)


def strip_folders(sentence: str, folders: Iterable[Path] = ()) -> str:
    """A sentence that names files without folders.

    Args:
        sentence: with paths in it.
        folders: those that may be in it; of others, only such without blanks are found.
    """
    for folder in folders:
        for place in (folder.resolve(), folder.absolute(), *([folder] if folder.name else [])):
            sentence = sentence.replace(f"{place}{os.sep}", "")
    return _FOLDERS.sub("", sentence)


def strip_folders_of_content(content: Any) -> Any:
    """Content as of JSON, every text of it as :func:`strip_folders_of_word`."""
    if isinstance(content, dict):
        return {key: strip_folders_of_content(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(strip_folders_of_content(value) for value in content)
    return strip_folders_of_word(content) if isinstance(content, str) else content


_QUOTED = re.compile("“[^”]*”")
_UID = re.compile(r"\b\d+(\.\d+){3,}\b")
_LONGEST = 500


def anonymise_sentence(sentence: str, folder: Path) -> str:
    """A sentence on one line, without the service's folder, without what it quotes, and without UIDs.

    Args:
        sentence: of an error.
        folder: of the series' images; of a file in it the number stays.
    """
    plain = sentence.replace(f"{folder}/", "image ").replace(f"{folder}\\", "image ").replace(str(folder), "The series")
    return _UID.sub("…", _QUOTED.sub("“…”", to_one_line(plain)))[:_LONGEST]

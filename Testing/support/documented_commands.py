"""The commands that a page of the documentation prints, as a shell would take them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

MODULE = "LiverTumorSegLib.apps.cli"


@cache
def tokens(page: Path) -> list[Token]:
    """All tokens of a page; those within a line follow the line."""
    found = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    return [each for token in found for each in (token, *(token.children or []))]


def fences(page: Path, language: str) -> list[str]:
    """The blocks of code in a language."""
    return [token.content for token in tokens(page) if token.type == "fence" and token.info == language]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command in the shell blocks of a page."""
    for block in fences(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while "&&" in words:
                yield words[: words.index("&&")]
                words = words[words.index("&&") + 1 :]
            if words:
                yield words


def of_program(words: Sequence[str]) -> list[str] | None:
    """What follows ``livertumorseg`` in a command's words; None where another program is called."""
    words = words[: words.index(">")] if ">" in words else words
    if MODULE in words:
        return list(words[words.index(MODULE) + 1 :])
    return list(words[1:]) if Path(words[0]).name == "livertumorseg" else None

"""Words from files as they can be shown: nothing in them commands a terminal or turns the order of reading."""

from __future__ import annotations

import re

_COMMANDS = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tabulator and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides and isolates
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # what a file name has instead of bytes that are no UTF-8; no terminal takes it
    "]"
)


def visible(text: str) -> str:
    r"""The text with escape codes in place of invisible characters that do something, such as ``\x1b`` and ``\u202e``.

    Tabulators and line feeds stay as they are.

    Example:
        >>> print(visible("liver\x1b[2J"))
        liver\x1b[2J
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def on_one_line(text: str) -> str:
    """:func:`visible` words, with spaces in place of line feeds and tabulators: a name cannot add a sentence."""
    return visible(text).replace("\n", " ").replace("\t", " ")


def in_page(value: object) -> object:
    """What a template is about to write: plain text visibly, anything else, such as a chart, as it is."""
    return visible(value) if type(value) is str else value

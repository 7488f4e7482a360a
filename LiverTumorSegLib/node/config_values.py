"""Kinds of values that ``node.toml`` may hold."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_LONGEST_TITLE, _MOST_DAYS = 16, 36_500
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Seconds = Annotated[Number, Field(gt=0, le=7 * 24 * 3600)]
Days = Annotated[Number, Field(ge=0, le=_MOST_DAYS)]


def _is_title(text: str) -> str:
    if not 1 <= len(text.strip()) <= _LONGEST_TITLE or not (text.isascii() and text.isprintable()) or "\\" in text:
        msg = "an AE title has 1 to 16 letters of ASCII, not all of them spaces, and no backslash"
        raise ValueError(msg)
    return text.strip()


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        msg = f"“{text}” is no regular expression ({error})"
        raise ValueError(msg) from error
    return text


def _is_web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+", text):
        msg = "an address begins with http:// or https://, and has no name or password in it"
        raise ValueError(msg)
    return text


def _is_database(text: str) -> str:
    if not re.fullmatch(r"postgres(ql)?://\S+", text):
        msg = "a database is given as postgresql://user@host/name"
        raise ValueError(msg)
    return text


def _none_if_false(value: object) -> object:
    return None if value is False else value


Host = Annotated[str, Field(min_length=1)]
"""An empty one would be taken for all addresses of this machine."""

AeTitle = Annotated[str, AfterValidator(_is_title)]
Pattern = Annotated[str, AfterValidator(_is_pattern)]
WebAddress = Annotated[str, AfterValidator(_is_web_address)]
Database = Annotated[str, AfterValidator(_is_database)]
OrNone = BeforeValidator(_none_if_false)
"""TOML has no null: ``false`` says that there is none."""

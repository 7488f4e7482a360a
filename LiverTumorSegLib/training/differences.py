"""Where two sets of entries differ, in words: what became of a recipe or of its data since a training began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import Any

_LONGEST = 60


def entries(content: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested entries by their dotted keys."""
    return dict(_flat(content, ""))


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Keys whose values differ, or that one of the two lacks."""
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def shown(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    return "not given" if value is None else shorten(str(value), _LONGEST, placeholder=" …")


def more(others: Sequence[str]) -> str:
    """What is added to a sentence about the first of several differences."""
    return f" (and {len(others)} more)" if others else ""


def _flat(content: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, content

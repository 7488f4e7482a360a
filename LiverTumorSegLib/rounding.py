"""Numbers with the digits that a reader can use."""

from __future__ import annotations

from typing import Any


def rounded(content: Any, digits: int) -> Any:
    """Mappings, lists and tuples, however nested, with every float rounded to digits after the point."""
    if isinstance(content, float):
        return round(content, digits)
    if isinstance(content, dict):
        return {key: rounded(value, digits) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [rounded(value, digits) for value in content]
    return content

"""Attributes for screen readers: trame's widgets leave out every ``role`` and ``aria-…`` that they do not know."""

from __future__ import annotations

import html


def aria(role: str = "", **said: str | tuple[str]) -> list[str]:
    """Attributes that say what an element is, for a widget's ``raw_attrs``.

    Args:
        role: of the element; empty leaves it as it is.
        said: values by name without ``aria-``: text, or as a tuple of one a JavaScript expression.
    """
    given = {"role": role} if role else {}
    return [_attribute(name, value) for name, value in (given | {f"aria-{name}": said[name] for name in said}).items()]


def _attribute(name: str, value: str | tuple[str]) -> str:
    if isinstance(value, tuple):
        return f':{name}="{html.escape(value[0])}"'
    return f'{name}="{html.escape(value)}"'

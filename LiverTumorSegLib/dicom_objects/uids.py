"""Unique identifiers that follow from what they are for."""

from __future__ import annotations

from uuid import UUID, uuid5

_OURS = UUID("5b0f1d0e-3c55-4a0c-9d0a-6f6d1f2f8a41")
"""The name space of all these; a random one."""


class Uids:
    """Equal for equal content: objects that are made again have the UIDs of the first ones.

    An archive then holds them once. They are UUIDs of names (RFC 9562, section 5.5) under the root 2.25 (PS3.5,
    section B.2).

    Args:
        content: what the objects are made from, as text.
    """

    def __init__(self, *content: str) -> None:
        self._space = uuid5(_OURS, "\n".join(content))

    def __call__(self, of: str) -> str:
        """The UID of one thing among those that are made from this content."""
        return f"2.25.{uuid5(self._space, of).int}"

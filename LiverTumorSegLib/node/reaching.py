"""Why another machine did not do what it was asked for."""

from __future__ import annotations


class Unreachable(Exception):
    """It may do so later; the words say why, without identifiers."""


class Rejected(Exception):
    """It will not, however often it is asked; the words say why, without identifiers."""

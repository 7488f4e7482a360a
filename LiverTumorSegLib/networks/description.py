"""What a network is, in the words of its own class: what papers say of it, and what was chosen where they do not."""

from __future__ import annotations

import re
from inspect import cleandoc

from .base import SliceNetwork
from .imagenet import ImageNetNetwork

_POINTER = re.compile(r"[,;] see :class:`[^`]*`")
_ROLE = re.compile(r":\w+:`~?\.?([^`]*)`")
_ABSTRACT = (SliceNetwork, ImageNetNetwork)


def describe_network(kind: type[SliceNetwork]) -> str:
    """The class's text with that of the class it is a variant of, and what their options are."""
    kinds = [each for each in kind.__mro__ if issubclass(each, SliceNetwork) and each not in _ABSTRACT]
    return "\n\n".join(_plain(cleandoc(each.__doc__)) for each in kinds if each.__doc__)


def _plain(text: str) -> str:
    """Without what is meant for who reads the code."""
    before, _, _ = text.partition("\nRaises:")
    plain = _ROLE.sub(r"\1", _POINTER.sub("", before)).replace("``", "")
    return plain.replace("\nArgs:", "\nOptions:").strip()

"""Where a recipe's patients come from: slice pictures (``folder``) or CTs (``volumes``)."""

from __future__ import annotations

from typing import Annotated, Any, Union

from pydantic import Discriminator, Tag

from .slices import SliceSource
from .volumes import VolumeSource

Source = Union[SliceSource, VolumeSource]


def _key(entry: Any) -> str:
    """Which of the two is meant: the key that only it has."""
    return (
        "volumes" if isinstance(entry, VolumeSource) or (isinstance(entry, dict) and "volumes" in entry) else "folder"
    )


AnySource = Annotated[
    Union[Annotated[SliceSource, Tag("folder")], Annotated[VolumeSource, Tag("volumes")]], Discriminator(_key)
]

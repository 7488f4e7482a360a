"""Clicks of lesions as a result's table keeps them, so that they can be gone on with once a saved scene is loaded."""

from __future__ import annotations

import binascii
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import slicer

from ...core.boxed import Boxed, unpacked
from ...core.errors import UserError
from ...reporting.lesion_origins import LesionMark, read_marks

CLICKS = "LiverTumorSeg.kept_clicks"
_SAME_VOXELS = 1e-6
_MOST = 200
"""Lesions whose clicks are kept, the last ones: of those that are gone, too, as they may come back by an undo."""

VoxelClick = tuple[tuple[float, float, float], bool]
"""A place ``(i, j, k)`` of the volume, not rounded, and whether it is inside: true also after the CT was moved."""


def same_clicks(some: Sequence[VoxelClick], others: Sequence[VoxelClick]) -> bool:
    """Whether clicks are the same, but for the last digits that a way into the world and back costs."""
    return len(some) == len(others) and all(
        inside == other_inside and math.dist(place, other) < _SAME_VOXELS
        for (place, inside), (other, other_inside) in zip(some, others, strict=True)
    )


@dataclass(frozen=True)
class KeptClicks:
    """A lesion as clicks have left it, and what else one needs to go on with them.

    Args:
        clicks: in their order.
        segment: that holds the lesion.
        lesion: its voxels, bool.
        base: the same before the first click; None for a new lesion.
        liver: which voxels of both are liver without it; None for none.
        marks: of the base.
    """

    clicks: tuple[VoxelClick, ...]
    segment: str
    lesion: Boxed
    base: Boxed | None
    liver: Boxed | None
    marks: tuple[LesionMark, ...]


def kept_clicks(table: slicer.vtkMRMLTableNode, shape: tuple[int, ...]) -> list[KeptClicks]:
    """What a table keeps of a CT with an array of this shape; nothing where it keeps none, or it is damaged."""
    try:
        return [_read(each, shape) for each in json.loads(table.GetAttribute(CLICKS) or "[]")]
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error, binascii.Error, UserError):
        return []


def keep_clicks(table: slicer.vtkMRMLTableNode, kept: Iterable[KeptClicks]) -> None:
    """Let a table keep these, in place of all that it kept."""
    table.SetAttribute(CLICKS, json.dumps([_written(each) for each in tuple(kept)[-_MOST:]]))


def _written(kept: KeptClicks) -> dict[str, Any]:
    return {
        "clicks": kept.clicks,
        "segment": kept.segment,
        "lesion": kept.lesion.packed(),
        "base": kept.base and kept.base.packed(),
        "liver": kept.liver and kept.liver.packed(),
        "marks": kept.marks,
    }


def _read(content: Any, shape: tuple[int, ...]) -> KeptClicks:
    lesion = unpacked(content["lesion"], shape)
    base, liver = (content[name] and unpacked(content[name], shape) for name in ("base", "liver"))
    clicks = tuple(_read_click(*click) for click in content["clicks"])
    return KeptClicks(clicks, str(content["segment"]), lesion, base, liver, read_marks(content["marks"]) or ())


def _read_click(place: Any, inside: Any) -> VoxelClick:
    i, j, k = map(float, place)
    if not all(map(math.isfinite, (i, j, k))):
        raise ValueError(place)
    return (i, j, k), bool(inside)

"""What models found beside liver and lesions: as layers of labels, and as volumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.label_layers import LabelLayer
from ..core.labels import Segment
from ..core.structures import BY_LABEL, LIVER_SEGMENTS, STRUCTURES
from ..core.text_files import round_floats
from ..inference.model_set import is_same
from ..inference.segment import OtherStructures, Segmentation
from ..models.description import Description

_DIGITS = 3


@dataclass(frozen=True)
class MeasuredStructure:
    """One structure that a model looked for.

    Args:
        name: of :data:`LiverTumorSegLib.core.structures.STRUCTURES`.
        title: shown to users; that of no other.
        model: which looked for it.
        volume_ml: 0 where it was not found.
    """

    name: str
    title: str
    model: str
    volume_ml: float

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, rounded to 3 digits after the point."""
        content: dict[str, Any] = round_floats(asdict(self), _DIGITS)
        return content


def layers_of(found: Segmentation) -> tuple[LabelLayer, ...]:
    """A layer for each model that looked for more than liver and lesions; each name of a segment is there once."""
    taken: set[str] = set()
    return tuple(LabelLayer(each.labels, tuple(_segments(each, taken))) for each in found.others)


def _segments(other: OtherStructures, taken: set[str]) -> Iterator[Segment]:
    for name in other.names:
        segment = STRUCTURES[name]
        if segment.name in taken:
            segment = replace(segment, name=f"{segment.name} ({other.model.name})")
        taken.add(segment.name)
        yield segment


def measure_structures(found: Segmentation) -> tuple[MeasuredStructure, ...]:
    """Volumes of all structures that were looked for, in the order of the models."""
    measured = []
    for layer, other in zip(layers_of(found), found.others, strict=True):
        sizes = np.sum([np.bincount(plane.ravel(), minlength=256) for plane in other.labels], axis=0)
        for each in layer.segments:
            ml = float(sizes[each.label]) * found.volume.voxel_ml
            measured.append(MeasuredStructure(BY_LABEL[each.label], each.name, other.model.name, ml))
    return tuple(measured)


def map_of_liver_segments(others: Sequence[OtherStructures]) -> NDArray[np.uint8] | None:
    """Labels of the first model that looked for the liver's segments; None where none did."""
    return next((each.labels for each in others if set(each.names) & set(LIVER_SEGMENTS)), None)


def by_restriction(models: Sequence[Description]) -> tuple[Description, ...]:
    """Models with those first whose licence allows least: research alone, then licences that are not known as free."""
    return tuple(sorted(models, key=lambda each: -_restriction(each)))


def part_of(model: Description, found: Segmentation) -> str:
    """What a model marked in a segmentation, for a reader."""
    parts = []
    if is_same(model, found.model):
        own = [name for name in model.labels[1:] if name == "lesion" or found.liver_model is None]
        parts += ["lesions" if name == "lesion" else name for name in own]
    if found.liver_model and is_same(model, found.liver_model):
        parts.append("liver")
    if any(is_same(model, other.model) for other in found.others):
        parts.append("other structures")
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _restriction(model: Description) -> int:
    licence = model.licence
    return 2 if licence.research_only else int(not licence.name.upper().startswith(_FREE))


_FREE = ("APACHE-", "BSD-", "CC0-", "CC-BY-3", "CC-BY-4", "MIT", "ISC", "UNLICENSE")
"""Beginnings of SPDX names of licences that allow any use, if need be with the authors named."""

"""Structures beside liver and lesions as layers of labels, and all of them in one where a file holds no layers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .labels import LESION, LIVER, Segment
from .structures import LIVER_SEGMENTS, STRUCTURES

_GROUPS = (
    tuple(STRUCTURES[name].label for name in LIVER_SEGMENTS),
    tuple(STRUCTURES[name].label for name in ("gallbladder", "spleen")),
    tuple(STRUCTURES[name].label for name in ("liver_vessels", "hepatic_veins", "portal_vein")),
)
"""What lies over the liver in one layer, the lowest first; lesions lie over all of them."""

NAMES = "LiverTumorSeg_labels"
"""What headers of files call the names of their values."""

_NAMES = {segment.label: segment.name for segment in STRUCTURES.values()}
_LABELS = {name.lower(): label for label, name in _NAMES.items()}
_IN_LIVER = ", in the liver"
_MOSTLY = 0.5


@dataclass(frozen=True)
class LabelLayer:
    """Structures that one model found.

    Args:
        labels: uint8 ``[k, j, i]``: labels of the segments, 0 elsewhere.
        segments: what may stand in it; names are those of no other layer.
    """

    labels: NDArray[np.uint8]
    segments: tuple[Segment, ...]


def in_one_layer(labels: NDArray[np.uint8], layers: Sequence[LabelLayer]) -> NDArray[np.uint8]:
    """Labels of one value a voxel.

    Lesions lie over vessels and veins, these over gallbladder and spleen, these over the liver's segments, and these
    over the liver; of two layers with one kind of structure the first lies over the other.

    Args:
        labels: ``[k, j, i]``: 0 background, 1 liver, 2 lesion.
        layers: of the same shape.

    Returns:
        ``labels`` themselves where there are no layers.
    """
    if not layers:
        return labels
    made = labels.copy()
    for k, plane in enumerate(made):
        for group in _GROUPS:
            for layer in reversed(layers):
                own = layer.labels[k]
                np.copyto(plane, own, where=np.isin(own, group))
        plane[labels[k] == LESION.label] = LESION.label
    return made


def value_names(labels: NDArray[np.uint8], layers: Sequence[LabelLayer]) -> dict[int, str]:
    """Names of the values of :func:`in_one_layer`, with a remark at what lies mostly in the liver.

    Whoever reads liver and lesions alone from such a file takes what lies there for liver, and all else for none.
    """
    names = {LIVER.label: LIVER.name, LESION.label: LESION.name}
    for layer in layers:
        inside = np.bincount(layer.labels[labels > 0], minlength=256)
        everywhere = np.sum([np.bincount(plane.ravel(), minlength=256) for plane in layer.labels], axis=0)
        for segment in layer.segments:
            at = segment.label
            mostly = inside[at] > 0 and inside[at] >= _MOSTLY * everywhere[at]
            names.setdefault(at, _NAMES[at] + (_IN_LIVER if mostly else ""))
    return names


def names_as_text(names: Mapping[int, str]) -> str:
    """Names of values as headers of files hold them, on one line."""
    return json.dumps({str(value): name for value, name in names.items()})


def names_from_text(text: str) -> dict[int, str]:
    """What :func:`names_as_text` wrote; nothing where it is something else."""
    try:
        content = json.loads(text)
        return {int(value): str(name) for value, name in content.items()}
    except (AttributeError, ValueError, RecursionError):
        return {}


def structure_from_name(name: str) -> tuple[int, bool] | None:
    """Label of a structure that files of this program name so, and whether it says that it lies in the liver."""
    plain = name.strip().lower().partition(" (")[0]
    inside = plain.endswith(_IN_LIVER)
    label = _LABELS.get(plain.removesuffix(_IN_LIVER))
    return None if label is None else (label, inside or label in _GROUPS[0])

"""Structures beside liver and lesions, handed between worker and client: a file for each model that looked for some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.label_layers import LabelLayer
from ...core.structures import LIVER_SEGMENTS, STRUCTURES
from ...inference.segment import OtherStructures, Segmentation
from ...models.description import Description
from ...reporting.other_structures import layers_of
from . import arrays

Entry = dict[str, Any]
"""``file``, the ``model`` that looked for them, names of ``structures``, and the ``names`` that segments show."""


def write_others(path: Path, found: Segmentation) -> list[Entry]:
    """Write what the models found to files named after ``path``; the entries go into the answer."""
    entries = []
    for number, (layer, other) in enumerate(zip(layers_of(found), found.others, strict=True)):
        file = path.with_name(f"{path.stem}-{number}{path.suffix}")
        arrays.write(file, layer.labels, found.volume.affine)
        names = [segment.name for segment in layer.segments]
        entries.append({"file": str(file), "model": other.model.name, "structures": list(other.names), "names": names})
    return entries


def read_layer(entry: Mapping[str, Any]) -> LabelLayer:
    """What :func:`write_others` wrote."""
    pairs = zip(entry["structures"], entry["names"], strict=True)
    segments = tuple(replace(STRUCTURES[structure], name=name) for structure, name in pairs)
    return LabelLayer(arrays.read(Path(entry["file"]))[0], segments)


def read_others(
    entries: Sequence[Mapping[str, Any]], shape: tuple[int, ...], describe: Callable[[str], Description]
) -> tuple[OtherStructures, ...]:
    """Structures as the client has them now.

    Raises:
        UserError: a model is not there any more, or a file is of another grid.
    """
    return tuple(OtherStructures(describe(entry["model"]), _labels(entry, shape)) for entry in entries)


def read_liver_segments(entries: Sequence[Mapping[str, Any]], shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Labels of the first model that looked for the liver's segments, whether the model is there or not."""
    told = next((entry for entry in entries if set(entry["structures"]) & set(LIVER_SEGMENTS)), None)
    return None if told is None else _labels(told, shape)


def _labels(entry: Mapping[str, Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    labels, _ = arrays.read(Path(entry["file"]))
    if labels.shape != shape:
        msg = f"{entry['file']} is not on the grid of the CT: segment it again."
        raise UserError(msg)
    known = np.zeros(256, np.uint8)
    for name in entry["structures"]:
        known[STRUCTURES[name].label] = STRUCTURES[name].label
    return known[labels.astype(np.uint8)]

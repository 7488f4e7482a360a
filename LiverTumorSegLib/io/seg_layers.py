"""Segmentations of 3D Slicer whose segments overlap: a ``.seg.nrrd`` with a layer for each set that does not."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from .dicom_seg import label_from_name, left_out_in_words, other_structures
from .nrrd_output import header_text

_FASTEST = 1
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_MOST_VALUES = 1 << 16
"""Values in a layer that are read; Slicer counts segments."""


def write_layers(
    path: Path, layers: Sequence[NDArray[np.uint8]], affine: NDArray[np.float64], pairs: Mapping[str, str]
) -> None:
    """Write layers as Slicer does: NRRD of four dimensions, a voxel's labels in all layers side by side.

    Args:
        path: of the file.
        layers: ``[k, j, i]`` each.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        pairs: that stand beside the fields of the header.
    """
    shape = (*layers[0].shape, len(layers))
    with path.open("wb") as file:
        file.write(header_text(layers[0].dtype, shape, affine, "gzip", pairs).encode())
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_FASTEST, fileobj=file, mtime=0) as content:
            for planes in zip(*layers, strict=True):
                content.write(np.stack(planes, axis=-1).tobytes())


def merged(values: NDArray, pairs: Mapping[str, str], path: Path) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Liver and lesions of layers, by the names of their segments; a lesion lies over the liver.

    Args:
        values: ``[k, j, i, layer]``.
        pairs: of the header, which say what the values in each layer are.
        path: that an error names.

    Returns:
        ``[k, j, i]``: 0 background, 1 liver, 2 lesion, and a sentence about what was left out.

    Raises:
        UserError: a segment is neither liver nor lesion, and no structure of which files of this program have some.
    """
    segments = dict(enumerate(_segments(pairs)))
    left_out = other_structures({number: name for number, (name, *_) in segments.items()})
    shown = [
        (label_from_name(name), layer, value)
        for number, (name, layer, value) in segments.items()
        if number not in left_out
    ]
    if not shown or any(label is None for label, *_ in shown):
        raise overlapping(path, values.shape[-1])
    labels_in: dict[int, dict[int, int]] = {}
    for label, layer, value in shown:
        known = labels_in.setdefault(layer, {})
        known[value] = max(known.get(value, 0), label or 0)
    made = np.zeros(values.shape[:3], np.uint8)
    for layer in sorted(set(labels_in) & set(range(values.shape[-1]))):
        _put(made, values[..., layer], labels_in[layer])
    return made, left_out_in_words(left_out.values())


def _put(made: NDArray[np.uint8], values: NDArray, labels: Mapping[int, int]) -> None:
    """Put the labels of a layer's values into what was made of others; the larger label lies over the other."""
    table = np.zeros(_MOST_VALUES, np.uint8)
    for value, label in labels.items():
        if 0 < value < _MOST_VALUES:
            table[value] = label
    for plane, own in zip(made, values, strict=True):
        known = np.where((own > 0) & (own < _MOST_VALUES), own, 0).astype(np.uint16)
        np.maximum(plane, table[known], out=plane)


def overlapping(path: Path, layers: int) -> UserError:
    """The error of layers that cannot be told to be liver and lesions."""
    return UserError(f"{path} holds {layers} layers, as its segments overlap: export them as one labelmap.")


def _segments(pairs: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """Name, layer and value of each segment that states all three."""
    found = []
    for key, name in pairs.items():
        stem, _, what = key.partition("_")
        if what != "Name" or not stem.startswith("Segment"):
            continue
        layer, value = (pairs.get(f"{stem}_{each}", "").strip() for each in ("Layer", "LabelValue"))
        if _NUMBER.fullmatch(layer) and _NUMBER.fullmatch(value):
            found.append((name.strip(), int(layer), int(value)))
    return found

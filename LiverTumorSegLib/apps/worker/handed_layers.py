"""Structures beside liver and lesions between worker and client; nothing is imported that Slicer does not bring.

Labels of all models that looked for some are one array in one file, ``[model * k, j, i]``: a layer behind the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.label_layers import LabelLayer
from ...core.structures import STRUCTURES
from . import arrays

Entry = dict[str, Any]
"""The ``model`` that looked for structures, their ``structures``, and the ``names`` that their segments show."""


@dataclass(frozen=True)
class HandedLayer:
    """Structures of one model, as a client keeps them.

    Args:
        model: its name.
        structures: names of :data:`LiverTumorSegLib.core.structures.STRUCTURES`.
        layer: labels and the segments that show them, in the order of the structures.
    """

    model: str
    structures: tuple[str, ...]
    layer: LabelLayer

    @property
    def entry(self) -> Entry:
        """What is said of it beside the file."""
        names = [segment.name for segment in self.layer.segments]
        return {"model": self.model, "structures": list(self.structures), "names": names}


def stacked(layers: Sequence[HandedLayer]) -> NDArray[np.uint8]:
    """The labels of all layers, one behind the other."""
    return np.concatenate([each.layer.labels for each in layers])


def unstacked(path: Path, entries: Sequence[Mapping[str, Any]]) -> tuple[HandedLayer, ...]:
    """The layers of a file that :func:`stacked` made."""
    if not entries:
        return ()
    made = []
    for entry, labels in zip(entries, np.split(arrays.read(path)[0], len(entries)), strict=True):
        pairs = zip(entry["structures"], entry["names"], strict=True)
        segments = tuple(replace(STRUCTURES[structure], name=name) for structure, name in pairs)
        made.append(HandedLayer(entry["model"], tuple(entry["structures"]), LabelLayer(labels, segments)))
    return tuple(made)

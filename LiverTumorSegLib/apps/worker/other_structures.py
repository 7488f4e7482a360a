"""Structures beside liver and lesions as the worker hands them over, and as it gets them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.structures import LIVER_SEGMENTS
from ...inference.segment import OtherStructures, Segmentation
from ...models.description import Description
from ...reporting.other_structures import layers_of
from . import arrays
from .handed_layers import HandedLayer


def layers_found(found: Segmentation) -> tuple[HandedLayer, ...]:
    """What the models of a segmentation found."""
    pairs = zip(found.others, layers_of(found), strict=True)
    return tuple(HandedLayer(other.model.name, other.names, layer) for other, layer in pairs)


@dataclass(frozen=True)
class ClientLayers:
    """Structures as the client has them now, perhaps corrected by hand.

    Args:
        file: of :func:`.handed_layers.stacked` labels; empty where there are none.
        entries: what is said of each layer.
        shape: of the CT.
    """

    file: str
    entries: Sequence[Mapping[str, Any]]
    shape: tuple[int, ...]

    @property
    def liver_segments(self) -> NDArray[np.uint8] | None:
        """Labels of the first model that looked for the liver's segments, whether the model is there or not.

        Raises:
            UserError: the file is of another grid.
        """
        told = (number for number, entry in enumerate(self.entries) if set(entry["structures"]) & set(LIVER_SEGMENTS))
        number = next(told, None)
        return None if number is None else self._labels()[number]

    def others(self, describe: Callable[[str], Description]) -> tuple[OtherStructures, ...]:
        """The structures with the descriptions of their models.

        Raises:
            UserError: a model is not there any more, or the file is of another grid.
        """
        if not self.entries:
            return ()
        pairs = zip(self.entries, self._labels(), strict=True)
        return tuple(OtherStructures(describe(entry["model"]), labels) for entry, labels in pairs)

    def _labels(self) -> list[NDArray[np.uint8]]:
        labels, _ = arrays.read(Path(self.file))
        if labels.shape != (len(self.entries) * self.shape[0], *self.shape[1:]):
            msg = f"{self.file} is not on the grid of the CT: segment it again."
            raise UserError(msg)
        return np.split(labels.astype(np.uint8, copy=False), len(self.entries))

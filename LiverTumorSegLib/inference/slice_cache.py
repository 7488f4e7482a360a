"""Axial slices of a volume, preprocessed on the device when they are first asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import DevicePlacement
from ..models.description import Description
from ..preprocessing import Slices
from .label_assembly import Axis


class SliceCache:
    """Preprocessed slices and the stacks of neighbours a network takes.

    Args:
        view: int16 ``[slice, row, column]``, axial.
        spacing: millimetres between slices, rows and columns.
        description: of the model whose preprocessing and stack apply.
        placement: where the slices are kept, and in which precision.

    Attributes:
        view, full_spacing: as they were given.
        spacing: millimetres between rows and columns after preprocessing.
        head: what the network's logits stand for.
        count: slices of the volume.
    """

    def __init__(
        self,
        view: NDArray[np.int16],
        spacing: tuple[float, float, float],
        description: Description,
        placement: DevicePlacement,
    ) -> None:
        self.view, self.full_spacing = view, spacing
        self._chain, self._stack = description.preprocessing.fitted(view, spacing, placement.device), description.stack
        self.head, self.count = description.head, len(view)
        self._begin(placement)

    def _begin(self, placement: DevicePlacement) -> None:
        self._ready = np.zeros(self.count, bool)
        self._placement = placement
        first = self._preprocess(np.array([0]))
        self.spacing, self._places = first.spacing, (first.scale, first.origin)
        self._pixels = first.pixels.new_empty((self.count, *first.pixels.shape[1:]), dtype=placement.dtype)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after preprocessing."""
        return self._pixels.shape[-2], self._pixels.shape[-1]

    @property
    def slice_mm(self) -> float:
        """Millimetres between slices."""
        return self.full_spacing[0]

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Places of preprocessed rows and columns in the volume."""
        scale, origin = self._places
        rows, columns = (Axis(*axis) for axis in zip(self.view.shape[1:], scale, origin, strict=True))
        return rows, columns

    def channels(self, centres: Sequence[int], placement: DevicePlacement) -> torch.Tensor:
        """Network channels ``[batch, channel, row, column]`` of these slices; at the ends the last slice repeats."""
        if placement != self._placement:  # nothing is fetched from there: a GPU that failed gives nothing back
            self._begin(placement)
        wanted = np.add.outer(np.asarray(centres), self._stack.offsets(self.full_spacing[0]))
        wanted = wanted.clip(0, len(self.view) - 1)
        missing = np.setdiff1d(wanted, np.flatnonzero(self._ready))
        for chunk in np.array_split(missing, max(1, len(missing) // 8)):
            if len(chunk):
                self._pixels[self._indices(chunk)] = self._preprocess(chunk).pixels.to(self._placement.dtype)
                self._ready[chunk] = True
        return self._pixels[self._indices(wanted)].flatten(1, 2)

    def _indices(self, numbers: NDArray[np.intp]) -> torch.Tensor:
        """Numbers of slices where the slices are: from the host's usual memory a GPU's upload would be waited for."""
        return _upload(torch.from_numpy(numbers), self._placement.device)

    def _preprocess(self, numbers: NDArray[np.intp]) -> Slices:
        chosen = torch.from_numpy(np.ascontiguousarray(self.view[numbers])[:, None])
        hounsfield = _upload(chosen, self._placement.device).float()
        return self._chain(Slices(hounsfield, self.full_spacing[1:]))


def _upload(chosen: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device; a CUDA GPU fetches it by itself, from memory that stays where it is, while others go on."""
    if device.type != "cuda":
        return chosen.to(device)
    return chosen.pin_memory().to(device, non_blocking=True)

"""Axial slices of a volume, preprocessed on the device when they are first asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .device import Placement
from .model import Description
from .preprocessing import Slices


class SliceStore:
    """Preprocessed slices and the stacks of neighbours a network takes.

    Args:
        view: int16 ``[slice, row, column]``, axial.
        spacing: millimetres between slices, rows and columns.
        description: of the model whose preprocessing and stack apply.
        placement: where the slices are kept, and in which precision.
    """

    def __init__(
        self,
        view: NDArray[np.int16],
        spacing: tuple[float, float, float],
        description: Description,
        placement: Placement,
    ) -> None:
        self._view, self._spacing = view, spacing
        self._chain, self._stack = description.preprocessing, description.stack
        self._ready = np.zeros(len(view), bool)
        self._placement = placement
        first = self._preprocess(np.array([0]))
        self._pixels = first.new_empty((len(view), *first.shape[1:]))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after preprocessing."""
        return self._pixels.shape[-2], self._pixels.shape[-1]

    @property
    def spacing(self) -> tuple[float, float]:
        """Millimetres between rows and columns after preprocessing."""
        rows, columns = (
            mm * before / after
            for mm, before, after in zip(self._spacing[1:], self._view.shape[1:], self.size, strict=True)
        )
        return rows, columns

    def channels(self, centres: Sequence[int], placement: Placement) -> torch.Tensor:
        """Network channels ``[batch, channel, row, column]`` of these slices; at the ends the last slice repeats."""
        if placement != self._placement:
            self._placement = placement
            self._pixels = self._pixels.to(placement.device, placement.dtype)
        reach = np.arange(self._stack.slices) - self._stack.slices // 2
        wanted = np.add.outer(np.asarray(centres), reach * self._stack.stride(self._spacing[0]))
        wanted = wanted.clip(0, len(self._view) - 1)
        missing = np.setdiff1d(wanted, np.flatnonzero(self._ready))
        for chunk in np.array_split(missing, max(1, len(missing) // 8)):
            if len(chunk):
                self._pixels[torch.from_numpy(chunk)] = self._preprocess(chunk)
                self._ready[chunk] = True
        return self._pixels[torch.from_numpy(wanted)].flatten(1, 2)

    def _preprocess(self, numbers: NDArray[np.intp]) -> torch.Tensor:
        chosen = torch.from_numpy(np.ascontiguousarray(self._view[numbers])[:, None])
        hounsfield = chosen.to(self._placement.device).float()
        return self._chain(Slices(hounsfield, self._spacing[1:])).pixels.to(self._placement.dtype)

"""Outlines filled again, by the even-odd rule at the centres of pixels, by no code of the program."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def filled(polygon: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centres lie in a polygon ``[point, (row, column)]``."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for (row, column), (next_row, next_column) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if abs(row - next_row) < 1e-3:  # along the row, of which a ray to the right crosses nothing
            continue
        crossing = column + (rows - row) / (next_row - row) * (next_column - column)
        inside ^= (rows > min(row, next_row)) & (rows < max(row, next_row)) & (columns < crossing)
    return inside

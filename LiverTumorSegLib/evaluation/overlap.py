"""Overlap of two label volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dice(result: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float | None:
    """Dice coefficient 2|A∩B| / (|A|+|B|); None where both are empty."""
    total = int(np.count_nonzero(result)) + int(np.count_nonzero(reference))
    return 2 * int(np.count_nonzero(result & reference)) / total if total else None

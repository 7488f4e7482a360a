"""The definitions that a user can choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .empties import Empties

CONNECTIVITIES = (6, 18, 26)


@dataclass(frozen=True)
class Settings:
    """How cases are measured.

    Args:
        connectivity: neighbours by which a voxel is on the surface: 18 as LiTS, 6 as MONAI and MedPy, or 26.
        tolerance_mm: of the surface Dice.
        empties: how empty masks count.
        iou: a lesion is found where its overlap is above this.
        resample: whether a prediction on another grid is put on the reference's.
        accept_float: whether masks of floating-point numbers that are whole are taken.
        prediction_values, reference_values: label 0, 1 or 2 for each value of the files, where these are others.
        bootstrap: resamples.
        seed: of the bootstrap.

    Raises:
        UserError: a choice is out of its range.
    """

    connectivity: int = 18
    tolerance_mm: float = 2.0
    empties: Empties = Empties.LITS
    iou: float = 0.5
    resample: bool = False
    accept_float: bool = False
    prediction_values: Mapping[int, int] | None = None
    reference_values: Mapping[int, int] | None = None
    bootstrap: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.connectivity not in CONNECTIVITIES:
            msg = f"A connectivity of {self.connectivity} is not known: choose {', '.join(map(str, CONNECTIVITIES))}."
            raise UserError(msg)
        if not 0 <= self.tolerance_mm < float("inf"):
            msg = f"A tolerance of {self.tolerance_mm} mm cannot be: choose 0 or more."
            raise UserError(msg)
        if not 0 <= self.iou < 1:
            msg = f"No overlap can be above {self.iou}: choose an IoU from 0 to below 1."
            raise UserError(msg)
        if self.bootstrap < 1:
            msg = f"A bootstrap of {self.bootstrap} resamples says nothing: choose 1 or more."
            raise UserError(msg)

    def to_dict(self) -> dict[str, Any]:
        """By name, ready for JSON."""
        return {name: getattr(value, "value", value) for name, value in vars(self).items()}

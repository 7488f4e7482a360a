"""Damaged slices of a CT: found, interpolated or left out, and reported.

Ahmad ("Liver Lesion Segmentation Using UNet", Data Preprocessing) interpolates missing or corrupted data or discards
it, and says neither what counts as damage nor how it is interpolated. Here a slice is damaged where it holds voxels
that are NaN or infinite, or where it lies between slices that show something and holds a single number, or where it
repeats the slice below it. Slices of a single number at either end pad a scan: they are no damage, and nothing is
interpolated from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

_STEP, _LISTED = 4, 5


class Reason(str, Enum):
    """Why a slice counts as damaged."""

    NOT_FINITE = "NaN or infinite"
    CONSTANT = "a single number"
    REPEATED = "repeats its neighbour"


class Treatment(str, Enum):
    """What is done about damaged slices; as they are, NaN is refused and the rest is warned about."""

    AS_IS = "as-is"
    INTERPOLATE = "interpolate"
    LEAVE_OUT = "leave-out"

    @classmethod
    def of(cls, word: str, *, whole: bool = True) -> Treatment:
        """The treatment that a word names.

        Args:
            word: one of the values.
            whole: whether every slice is needed, so that none can be left out.

        Raises:
            UserError: it names none that works.
        """
        choices = [each for each in cls if not (whole and each is cls.LEAVE_OUT)]
        if word not in [each.value for each in choices]:
            listed = " or ".join(each.value for each in choices)
            msg = f"“{word}” is nothing to do about damaged slices here: choose {listed}."
            raise UserError(msg)
        return cls(word)


_DONE = {Treatment.AS_IS: "", Treatment.INTERPOLATE: " were interpolated", Treatment.LEAVE_OUT: " were left out"}


@dataclass(frozen=True)
class Damage:
    """The damaged slices of a scan.

    Args:
        reasons: why, by the number of the slice, ascending, counted from 0 at the feet.
    """

    reasons: dict[int, Reason] = field(default_factory=dict)

    def in_words(self, treatment: Treatment = Treatment.AS_IS) -> str:
        """One sentence, its slices counted from 1; nothing where no slice is damaged."""
        if not self.reasons:
            return ""
        listed = "; ".join(
            f"{_listed([n for n, why in self.reasons.items() if why is reason])} ({reason.value})"
            for reason in dict.fromkeys(self.reasons.values())
        )
        return f"Damaged slices{_DONE[treatment]}, counted from the feet: {listed}."


def find(view: NDArray) -> Damage:
    """Find the damaged slices of ``[slice, row, column]`` of any real type."""
    finite = [bool(np.isfinite(plane).all()) for plane in view]
    varied = [not is_constant(plane) for plane in view]
    repeats = [False, *(_are_equal(below, plane) for below, plane in pairwise(view))]
    showing = np.flatnonzero(np.logical_and(finite, varied))
    inside = range(showing[0], showing[-1]) if len(showing) else range(0)
    reasons = {}
    for number in range(len(view)):
        if not finite[number]:
            reasons[number] = Reason.NOT_FINITE
        elif not varied[number] and number in inside:
            reasons[number] = Reason.CONSTANT
        elif varied[number] and repeats[number]:
            reasons[number] = Reason.REPEATED
    return Damage(reasons)


def interpolate(view: NDArray, damage: Damage, path: Path) -> None:
    """Fill damaged slices in place, linearly between the nearest whole ones below and above, at the ends from the one.

    Of a slice that is NaN or infinite in part, the other voxels stay: what was measured is worth more than a mean of
    two slices some millimetres away.

    Args:
        view: ``[slice, row, column]`` of any real type; integers are rounded.
        damage: what :func:`find` says of it.
        path: file that an error names.

    Raises:
        UserError: no slice is whole.
    """
    whole = [n for n, plane in enumerate(view) if n not in damage.reasons and not is_constant(plane)]
    if damage.reasons and not whole:
        msg = f"{path} has no whole slice to interpolate from: replace NaN and infinity, for example by -1000 HU (air)."
        raise UserError(msg)
    for number, reason in damage.reasons.items():
        between = _between(view, number, whole)
        if np.issubdtype(view.dtype, np.integer):
            between = np.rint(between)
        lost = ~np.isfinite(view[number]) if reason is Reason.NOT_FINITE else ...
        view[number][lost] = between[lost]


def is_constant(plane: NDArray) -> bool:
    """True where a slice holds one number."""
    sample = plane[::_STEP, ::_STEP]  # settles it for nearly all slices
    return bool(sample.min() == sample.max() and plane.min() == plane.max())


def _between(view: NDArray, number: int, whole: list[int]) -> NDArray:
    after = int(np.searchsorted(whole, number))
    below, above = whole[max(after - 1, 0)], whole[min(after, len(whole) - 1)]
    share = (number - below) / (above - below) if above > below else 0.0
    return view[below] * (1 - share) + view[above] * share


def _are_equal(one: NDArray, other: NDArray) -> bool:
    few = np.s_[::_STEP, ::_STEP]
    return np.array_equal(one[few], other[few]) and np.array_equal(one, other)


def _listed(numbers: list[int]) -> str:
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers, 1), key=lambda entry: entry[1] - entry[0])]
    words = [f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs]
    return ", ".join(words[:_LISTED]) + (" and others" if len(words) > _LISTED else "")

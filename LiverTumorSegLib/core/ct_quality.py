"""Quality of a CT: damaged slices, numbers that are no Hounsfield units, and a suspicious geometry.

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
from .volume import Volume

_STEP, _LISTED = 4, 5


class DamageReason(str, Enum):
    """Why a slice counts as damaged."""

    NOT_FINITE = "NaN or infinite"
    CONSTANT = "a single number"
    REPEATED = "repeats its neighbour"


class DamageTreatment(str, Enum):
    """Ways to treat damaged slices; as they are, NaN is refused and the rest is warned about."""

    AS_IS = "as-is"
    INTERPOLATE = "interpolate"
    LEAVE_OUT = "leave-out"

    @classmethod
    def of(cls, word: str, *, whole: bool = True) -> DamageTreatment:
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
            msg = f"“{word}” is not a way to treat damaged slices: choose {listed}."
            raise UserError(msg)
        return cls(word)


_DONE = {
    DamageTreatment.AS_IS: "",
    DamageTreatment.INTERPOLATE: " were interpolated",
    DamageTreatment.LEAVE_OUT: " were left out",
}


@dataclass(frozen=True)
class Damage:
    """The damaged slices of a scan.

    Args:
        reasons: why, by the number of the slice, ascending, counted from 0 at the feet.
    """

    reasons: dict[int, DamageReason] = field(default_factory=dict)

    def in_words(self, treatment: DamageTreatment = DamageTreatment.AS_IS) -> str:
        """One sentence, its slices counted from 1; nothing where no slice is damaged."""
        if not self.reasons:
            return ""
        listed = "; ".join(
            f"{_slice_ranges([n for n, why in self.reasons.items() if why is reason])} ({reason.value})"
            for reason in dict.fromkeys(self.reasons.values())
        )
        return f"Damaged slices{_DONE[treatment]}, counted from the feet: {listed}."


def find_damaged_slices(view: NDArray) -> Damage:
    """Find the damaged slices of ``[slice, row, column]`` of any real type."""
    finite = [bool(np.isfinite(plane).all()) for plane in view]
    varied = [not is_constant(plane) for plane in view]
    repeats = [False, *(_are_equal(below, plane) for below, plane in pairwise(view))]
    showing = np.flatnonzero(np.logical_and(finite, varied))
    inside = range(showing[0], showing[-1]) if len(showing) else range(0)
    reasons = {}
    for number in range(len(view)):
        if not finite[number]:
            reasons[number] = DamageReason.NOT_FINITE
        elif not varied[number] and number in inside:
            reasons[number] = DamageReason.CONSTANT
        elif varied[number] and repeats[number]:
            reasons[number] = DamageReason.REPEATED
    return Damage(reasons)


def interpolate_damaged_slices(view: NDArray, damage: Damage, path: Path) -> None:
    """Fill damaged slices in place, linearly between the nearest whole ones below and above, at the ends from the one.

    Of a slice that is NaN or infinite in part, the other voxels stay: what was measured is worth more than a mean of
    two slices some millimetres away.

    Args:
        view: ``[slice, row, column]`` of any real type; integers are rounded.
        damage: what :func:`find_damaged_slices` says of it.
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
        lost = ~np.isfinite(view[number]) if reason is DamageReason.NOT_FINITE else ...
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


def _slice_ranges(numbers: list[int]) -> str:
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers, 1), key=lambda entry: entry[1] - entry[0])]
    words = [f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs]
    return ", ".join(words[:_LISTED]) + (" and others" if len(words) > _LISTED else "")


_AIR, _FAT, _FEW = -500, (-200, -20), 0.005
_LIMITS = np.iinfo(np.int16)


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is refused below, in words
def to_int16(stored: NDArray, path: Path, *, slope: float = 1.0, intercept: float = 0.0) -> NDArray[np.int16]:
    """Turn stored voxels into HU, rounded and clipped to int16, one slice at a time to spare memory.

    Args:
        stored: ``[k, j, i]`` of any real type; returned as it is when nothing has to be done.
        path: file that an error names.
        slope: what stored numbers are multiplied by.
        intercept: what is then added.

    Raises:
        UserError: a voxel is NaN or infinite.
    """
    if stored.dtype.newbyteorder("=") == np.int16 and slope == 1 and intercept == 0:
        return stored.astype(np.int16, copy=False)
    hounsfield = np.empty(stored.shape, np.int16)
    for values, out in zip(stored, hounsfield, strict=True):
        scaled = values.astype(np.float64) * slope + intercept
        if not np.isfinite(scaled).all():
            msg = (
                f"{path} holds voxels that are NaN or infinite: have them interpolated (--damaged interpolate, which "
                "most commands take), or replace them, for example by -1000 HU (air)."
            )
            raise UserError(msg)
        out[:] = np.clip(np.rint(scaled), _LIMITS.min, _LIMITS.max)
    return hounsfield


def why_not_hounsfield(voxels: NDArray[np.int16]) -> str | None:
    """Say why voxels do not look like Hounsfield units, or None where they may be.

    Below water, CT has fat between its organs, also where a window was clipped; MR, probability maps and CT stored
    without its offset have nothing there, whatever they were padded with. Volumes that are constant or all air pass.
    """
    sample = voxels[:: max(1, voxels.shape[0] // 64), ::2, ::2]
    tissue = sample[sample > _AIR]
    if tissue.size < _FEW * sample.size or tissue.min() == tissue.max():
        return None
    low, middle, high = (float(x) for x in np.percentile(tissue, (0.5, 50, 99.5)))
    if np.mean((tissue >= _FAT[0]) & (tissue <= _FAT[1])) < _FEW:
        return f"almost no voxel lies between {_FAT[0]} and {_FAT[1]}, where fat is in CT"
    if high - low < 60 and abs(middle) < 60:
        return f"the voxels span only {low:.0f} to {high:.0f}, as if they had been normalised"
    return None


_THICK_MM, _WIDE_MM, _SHORT_MM = 10.0, 3.0, 60.0


def inspect_ct(volume: Volume, *, mended: bool = False) -> tuple[str, ...]:
    """Say what is suspicious about a volume, a sentence each.

    Args:
        volume: CT in HU.
        mended: its damaged slices have been seen to and need no mention.
    """
    reason = why_not_hounsfield(volume.voxels)
    units = f"This does not look like a CT in Hounsfield units: {reason}." if reason else ""
    found = (units, _slices(volume.axial.of(volume.voxels), mended=mended), *_geometry(volume))
    return tuple(sentence for sentence in found if sentence)


def _slices(view: NDArray[np.int16], *, mended: bool) -> str:
    if all(is_constant(plane) for plane in view):
        return "All slices hold a single number each."
    return "" if mended else find_damaged_slices(view).in_words()


def _geometry(volume: Volume) -> list[str]:
    slice_mm, row_mm, column_mm = volume.axial.spacing
    length = slice_mm * volume.axial.of(volume.voxels).shape[0]
    doubts = {
        "It states 1 mm voxels at the origin, as files do that lost their geometry: millimetres may be wrong.": (
            _is_identity(volume.affine)
        ),
        f"Its slices lie {slice_mm:.1f} mm apart: small lesions are missed.": slice_mm > _THICK_MM,
        f"Its pixels are {max(row_mm, column_mm):.1f} mm wide: small lesions are missed.": (
            max(row_mm, column_mm) > _WIDE_MM
        ),
        f"It covers {length:.0f} mm from feet to head: too little for a whole liver.": length < _SHORT_MM,
        "Its slices are tilted against their stacking direction (gantry tilt).": volume.is_sheared,
        "Its slices are not axial; they are segmented in the axial planes nearest to them.": (
            _is_oblique(volume.affine, volume.axial.axes)
        ),
    }
    return [sentence for sentence, applies in doubts.items() if applies]


def _is_identity(affine: NDArray[np.float64]) -> bool:
    return bool(np.allclose(np.abs(affine), np.eye(4), atol=1e-6))


def _is_oblique(affine: NDArray[np.float64], axes: tuple[int, int, int]) -> bool:
    """True where the slice axis leans more than some 26 degrees from head to feet."""
    along = affine[:3, 2 - axes[0]]
    return bool(abs(along[2]) < 0.9 * np.linalg.norm(along))

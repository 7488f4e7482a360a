"""A simulated reader: clicks into a lesion, then where the answer is most wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...inference.clicks.patches import Millimetres
from .options import ClickSampling

_RIM_MM = 2.0
_MOST_DEEP = 0.7
"""Share of later clicks that are in the very middle of what is wrong; the others are anywhere inside it."""


@dataclass
class Clicks:
    """Clicks into a patch, in voxels of it that need not be whole."""

    inside: list[Millimetres] = field(default_factory=list)
    outside: list[Millimetres] = field(default_factory=list)


def first_click(
    mask: NDArray[np.bool_], step_mm: Millimetres, options: ClickSampling, random: np.random.Generator
) -> Millimetres:
    """A voxel of a lesion, mostly near its middle.

    Half of the clicks are deep inside, a fifth near the rim and the others anywhere, unless the options say otherwise.

    Args:
        mask: bool ``[slice, row, column]`` with at least one voxel.
        step_mm: between its voxels.
        options: how the reader clicks.
        random: source of random numbers.
    """
    depth = depths(mask, step_mm)
    drawn = random.random()
    if drawn < options.deep:
        weights = np.expm1(depth / max(1e-6, float(depth.max())) * 3)
    elif drawn < options.deep + options.rim:
        weights = (mask & (depth <= _RIM_MM)).astype(float)
    else:
        weights = mask.astype(float)
    return _drawn(weights if weights.any() else mask.astype(float), random)


def scattered(point: Millimetres, step_mm: Millimetres, scatter_mm: float, random: np.random.Generator) -> Millimetres:
    """A click that misses where it was meant, by a normal distance along each axis."""
    moved = [at + random.normal(0, scatter_mm) / step for at, step in zip(point, step_mm, strict=True)]
    return moved[0], moved[1], moved[2]


def mend(
    clicks: Clicks,
    found: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    step_mm: Millimetres,
    options: ClickSampling,
    random: np.random.Generator,
) -> None:
    """Add a click in the largest connected part of what is wrong; none where nothing is.

    Args:
        clicks: of the patch; the new one is added.
        found: the answer to them.
        wanted: the lesion.
        step_mm: between voxels.
        options: how the reader clicks.
        random: source of random numbers.
    """
    wrong = largest_part(found != wanted)
    if wrong is None:
        return
    depth = depths(wrong, step_mm)
    if random.random() < _MOST_DEEP:
        at = np.unravel_index(int(depth.argmax()), depth.shape)
        point = (float(at[0]), float(at[1]), float(at[2]))
    else:
        point = _drawn((depth > depth.max() / 2).astype(float), random)
    missed = bool(wanted[tuple(round(n) for n in point)])
    scatter = min(options.scatter_mm, float(depth.max()) / 2)
    (clicks.inside if missed else clicks.outside).append(scattered(point, step_mm, scatter, random))


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest connected part by faces; None where there is none."""
    parts, count = ndimage.label(mask)
    if not count:
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()


def depths(mask: NDArray[np.bool_], step_mm: Millimetres) -> NDArray[np.float64]:
    """Millimetres of each voxel of a mask to what is not; the edge of the array is no end of it."""
    rows = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(max(0, int(r[0]) - 1), int(r[-1]) + 2) for r in rows)
    depth = np.zeros(mask.shape)
    part = mask[box]
    depth[box] = np.where(part, 1.0, 0.0) if part.all() else ndimage.distance_transform_edt(part, step_mm)
    return depth


def _drawn(weights: NDArray[np.float64], random: np.random.Generator) -> Millimetres:
    sums = weights.ravel().cumsum()
    at = np.unravel_index(int(np.searchsorted(sums, random.random() * sums[-1], side="right")), weights.shape)
    return float(at[0]), float(at[1]), float(at[2])

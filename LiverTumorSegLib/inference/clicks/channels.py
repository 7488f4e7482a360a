"""What a network for clicks sees: the CT relative to the liver, the clicks, and what was segmented before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from .patches import Millimetres, Patch, Slab, Voxels, cut

_RADIUS_MM, _LEAST_VOXELS = 3.0, 1.5
_CONTRAST = 0.5
"""Of the preprocessing window, which is 1 in the image channel."""

_SOFT_TISSUE = (0.2, 0.95)
"""Values between fat and bright bone, in the preprocessing window, of which the liver's are guessed."""

_AROUND_MM = 30.0


class Surroundings(NamedTuple):
    """Channels that clicks do not change.

    Args:
        image: ``[slice, row, column]``, in the unit of the preprocessing.
        liver: median of the liver in it.
        zoom: how much larger the voxels are than the finest.
        automatic: probability of a lesion by another model, ``[slice, row, column]``; None where it is not known.
    """

    image: torch.Tensor
    liver: float
    zoom: float
    automatic: torch.Tensor | None = None


def stack_channels(
    around: Surroundings,
    inside: Iterable[Millimetres],
    outside: Iterable[Millimetres],
    previous: torch.Tensor | None,
    step_mm: Millimetres,
) -> torch.Tensor:
    """The input of a network for clicks.

    Args:
        around: what the clicks are in.
        inside: clicks into the lesion, as slices, rows and columns of the patch.
        outside: clicks beside it.
        previous: probability by the clicks before, ``[slice, row, column]``; None where there were none.
        step_mm: of the patch's voxels.

    Returns:
        Float32 ``[channel, slice, row, column]``, in the order of
        :data:`LiverTumorSegLib.models.description.CLICK_CHANNELS`.
    """
    image = around.image
    size = (image.shape[0], image.shape[1], image.shape[2])
    nothing = torch.zeros_like(image)
    known = around.automatic is not None
    return torch.stack(
        [
            (image - around.liver) / _CONTRAST,
            draw_balls(inside, size, step_mm).to(image),
            draw_balls(outside, size, step_mm).to(image),
            nothing if previous is None else previous.to(image),
            nothing if around.automatic is None else around.automatic.to(image),
            torch.full_like(image, float(known)),
            torch.full_like(image, float(np.log2(around.zoom)) / 2),
        ]
    )


def draw_balls(points: Iterable[Millimetres], size: Voxels, step_mm: Millimetres) -> torch.Tensor:
    """Balls of 3 mm about points, 1 in the middle and falling to 0 at the rim, ``[slice, row, column]``.

    Distance maps do better than discs and Gaussians (Rokuss et al. 2025, autoPET IV). A ball has a radius of one and a
    half voxels at least, so that none is lost between them.

    Args:
        points: slices, rows and columns of the patch, which need not be whole.
        size: of the patch.
        step_mm: of its voxels.
    """
    drawn = np.zeros(size, np.float32)
    axes = [np.arange(n, dtype=np.float32) for n in size]
    radii = [max(_RADIUS_MM / step, _LEAST_VOXELS) for step in step_mm]
    for point in points:
        far = [((axis - at) / radius) ** 2 for axis, at, radius in zip(axes, point, radii, strict=True)]
        distance = np.sqrt(far[0][:, None, None] + far[1][:, None] + far[2])
        np.maximum(drawn, 1 - distance, out=drawn)
    return torch.from_numpy(drawn)


def guess_liver(slab: Slab, centre: Millimetres, step_mm: Sequence[float] = (3.0, 3.0, 3.0)) -> float:
    """The liver's median, guessed from the soft tissue around a click where no liver is marked.

    Args:
        slab: preprocessed slices in [0, 1].
        centre: the click.
        step_mm: of the voxels that are looked at.

    Returns:
        In the unit of the preprocessing; the middle of soft tissue where there is none.
    """
    size = tuple(max(1, round(2 * _AROUND_MM / step)) for step in step_mm)
    around = cut(slab, Patch(centre, (size[0], size[1], size[2]), (step_mm[0], step_mm[1], step_mm[2])))
    low, high = _SOFT_TISSUE
    soft = around[(around > low) & (around < high)]
    return float(soft.median()) if len(soft) else (low + high) / 2

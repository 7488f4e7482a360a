"""Overlapping tiles of an image, and how much each counts (Isensee et al. 2021, nnU-Net, Methods, "Inference")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, combinations, product
from math import ceil, prod

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from ...core.errors import UserError
from ...models.nnunet.settings import NnUNet

_SIGMA = 1 / 8
"""Standard deviation of the weights, in parts of a tile's side."""

_PEAK = 10.0
_MOST = 100_000

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Tiles:
    """Places of the tiles in an image.

    Args:
        starts: first voxel of each along the three axes; the last axis changes first.
        size: of each.
        padding: voxels before and after the image along each axis, where it is smaller than a tile.
        shape: of the image with them.
    """

    starts: tuple[Triple, ...]
    size: Triple
    padding: tuple[tuple[int, int], ...]
    shape: Triple

    def pad(self, image: torch.Tensor) -> torch.Tensor:
        """An image ``[a, b, c]`` with zeros around it, where it is smaller than a tile."""
        pads = list(chain.from_iterable(reversed(self.padding)))
        return F.pad(image, pads) if any(pads) else image

    def unpad(self, values: torch.Tensor) -> torch.Tensor:
        """The image's own part of ``[..., a, b, c]``."""
        for axis, (before, after) in enumerate(self.padding, start=values.ndim - 3):
            values = values.narrow(axis, before, values.shape[axis] - before - after)
        return values

    def patch(self, padded: torch.Tensor, number: int) -> torch.Tensor:
        """What a tile shows of a padded image."""
        first, second, third = (slice(at, at + n) for at, n in zip(self.starts[number], self.size, strict=True))
        return padded[first, second, third]

    def showing(self, image: torch.Tensor, air: float) -> Tiles:
        """Those that show more than air and what was padded."""
        denser = self.pad(image > air)
        shown = tuple(at for number, at in enumerate(self.starts) if self.patch(denser, number).any())
        return replace(self, starts=shown)


def find_tiles(shape: Sequence[int], settings: NnUNet) -> Tiles:
    """Where the tiles of an image lie.

    Args:
        shape: of the image ``[a, b, c]``.
        settings: of the network; one for slices has tiles one voxel deep.

    Raises:
        UserError: there are more than anybody would wait for.
    """
    flat = len(settings.patch) < len(shape)
    first, second, third = (1, *settings.patch)[-3:]
    size = (first, second, third)
    whole_first, whole_second, whole_third = (max(n, side) for n, side in zip(shape, size, strict=True))
    whole = (whole_first, whole_second, whole_third)
    shares = (1.0 if flat else settings.step, settings.step, settings.step)
    places = [_places(n, side, share) for n, side, share in zip(whole, size, shares, strict=True)]
    if (count := prod(map(len, places))) > _MOST:
        msg = (
            f"The model would look at {count:,} parts of this volume, which takes days: its patches are too small for "
            "it, so use another model, or cut the volume."
        )
        raise UserError(msg)
    missing = [n - own for n, own in zip(whole, shape, strict=True)]
    starts = tuple((at, row, column) for at, row, column in product(*places))
    return Tiles(starts, size, tuple((n // 2, n - n // 2) for n in missing), whole)


def _places(length: int, side: int, share: float) -> list[int]:
    """Starts of tiles along an axis, as evenly as whole voxels can be, and at most a share of a side apart."""
    count = ceil((length - side) / (side * share)) + 1
    step = (length - side) / max(1, count - 1)
    return [round(step * number) for number in range(count)]


@lru_cache(maxsize=4)
def gaussian(size: Triple, numbers: torch.dtype) -> torch.Tensor:
    """How much each voxel of a tile counts, the middle most; nowhere nothing at all.

    Args:
        size: of a tile.
        numbers: of the result; where float16 rounds to 0, its least number that occurs stands.
    """
    sides = []
    for side in size:
        impulse = np.zeros(side)
        impulse[side // 2] = 1
        sides.append(ndimage.gaussian_filter1d(impulse, side * _SIGMA, mode="constant") if side > 1 else impulse)
    first, second, third = sides
    weights = first[:, None, None] * second[None, :, None] * third
    rounded = torch.from_numpy(weights / (weights.max() / _PEAK)).to(numbers)
    rounded[rounded == 0] = rounded[rounded > 0].min()
    return rounded


def mirrors(settings: NnUNet) -> list[tuple[int, ...]]:
    """Axes of ``[batch, channel, *patch]`` that each mirrored pass turns round, the fewest first."""
    axes = [axis + 2 for axis in settings.mirror_axes]
    return [chosen for count in range(1, len(axes) + 1) for chosen in combinations(axes, count)]

"""Parts of arrays in the boxes that hold them; panels load it before PyTorch and SciPy are there."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .labels import absolute_box, bounding_box, relative_box
from .volume import Box, Volume


class Boxed(NamedTuple):
    """A part of an array, which is 0 beyond it.

    Args:
        box: along each axis.
        values: in the box.
    """

    box: Box
    values: NDArray

    @classmethod
    def around(cls, mask: NDArray) -> Boxed | None:
        """The part of an array that holds what is not 0; None where nothing is."""
        if not mask.any():
            return None
        first, second, third = bounding_box(mask)
        return cls((first, second, third), mask[first, second, third])

    def inside(self, box: Box) -> NDArray:
        """The values of another box of the array."""
        values = np.zeros([side.stop - side.start for side in box], self.values.dtype)
        shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(self.box, box, strict=True)]
        if all(side.start < side.stop for side in shared):
            values[relative_box(shared, box)] = self.values[relative_box(shared, self.box)]
        return values

    def whole(self, shape: Sequence[int]) -> NDArray:
        """The whole array, of this shape."""
        first, second, third = (slice(0, size) for size in shape)
        return self.inside((first, second, third))

    def holds(self, voxel: Sequence[int]) -> bool:
        """Whether the value at a voxel ``(i, j, k)`` of an array ``[k, j, i]`` is not 0."""
        k, j, i = (slice(at, at + 1) for at in reversed(voxel))
        return bool(self.inside((k, j, i)).any())

    @property
    def voxel(self) -> tuple[int, int, int]:
        """The middle one, ``(i, j, k)``, of an array ``[k, j, i]``, of those that are not 0; there is one."""
        places = np.argwhere(self.values)
        middle = places[len(places) // 2].tolist()
        k, j, i = (at + side.start for at, side in zip(middle, self.box, strict=True))
        return i, j, k

    @property
    def trimmed(self) -> Boxed | None:
        """The same in the smallest box that holds what is not 0; None where nothing is."""
        near = Boxed.around(self.values)
        if near is None:
            return None
        return Boxed(absolute_box(near.box, self.box), near.values)

    def seen(self, volume: Volume) -> Boxed:
        """A part of ``[k, j, i]`` as part of a CT's axial view."""
        return Boxed(volume.axial.box(self.box, volume.voxels.shape), volume.axial.of(self.values))

    def back(self, volume: Volume) -> Boxed:
        """The inverse of :meth:`seen`."""
        return Boxed(volume.axial.array_box(self.box, volume.voxels.shape), volume.axial.back(self.values))

    def packed(self) -> list[Any]:
        """A mask as JSON holds it, as :func:`unpacked` reads it."""
        ends = [end for side in self.box for end in (side.start, side.stop)]
        return [ends, base64.b64encode(zlib.compress(np.packbits(self.values).tobytes(), 1)).decode()]


def inside_box(part: Boxed | None, box: Box) -> NDArray[np.bool_]:
    """A mask's values in a box; None is an empty mask."""
    if part is None:
        return np.zeros([side.stop - side.start for side in box], np.bool_)
    values: NDArray[np.bool_] = part.inside(box)
    return values


def unpacked(content: Any, shape: Sequence[int]) -> Boxed:
    """A mask, bool, of which there is a voxel, that :meth:`Boxed.packed` packed.

    Args:
        content: of JSON.
        shape: of the whole array.

    Raises:
        ValueError: it is none of an array of this shape, or damaged.
        TypeError, zlib.error: likewise.
    """
    ends, text = content
    sides = list(zip(ends[::2], ends[1::2], strict=True))
    if not all(0 <= start < stop <= length for (start, stop), length in zip(sides, shape, strict=True)):
        raise ValueError(ends)
    size = [stop - start for start, stop in sides]
    count = prod(size)
    bits = np.frombuffer(zlib.decompressobj().decompress(base64.b64decode(text, validate=True), count), np.uint8)
    mask = np.unpackbits(bits, count=count).reshape(size).astype(np.bool_)
    if len(bits) != (count + 7) // 8 or not mask.any():
        raise ValueError(ends)
    first, second, third = (slice(start, stop) for start, stop in sides)
    return Boxed((first, second, third), mask)

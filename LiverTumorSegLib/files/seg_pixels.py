"""The frames of a DICOM segmentation as planes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .dicom_dataset import DAMAGED

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_PIXELS = 1 << 26
"""Of a frame: 8192 x 8192."""

_BIG_ENDIAN = "1.2.840.10008.1.2.2"


def shape(dataset: Dataset, path: Path) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        UserError: there are none, or too many.
    """
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if not 0 < rows * columns <= _MOST_PIXELS:
        msg = f"{path} states frames of {rows} x {columns} pixels, more or less than an image has: export it again."
        raise UserError(msg)
    return rows, columns


def planes(dataset: Dataset, count: int, path: Path) -> Iterator[NDArray]:
    """Frames ``[row, column]`` one after the other: bool, or the integers of a label map.

    Args:
        dataset: of the file.
        count: frames that it describes.
        path: that an error names.

    Raises:
        UserError: there are more or fewer, or their pixels are packed as is not read here.
    """
    syntax, bits = dataset.file_meta.get("TransferSyntaxUID"), int(dataset.BitsAllocated)
    if int(dataset.NumberOfFrames) != count or int(dataset.SamplesPerPixel) != 1:
        raise UserError(DAMAGED.format(path))
    if syntax == _BIG_ENDIAN or bits not in (1, 8, 16):
        raise UserError(_unread(path))
    if syntax is not None and syntax.is_compressed and not syntax.is_deflated:
        yield from _unpacked(dataset, path)
        return
    pixels = np.frombuffer(dataset.PixelData, np.uint8)
    size = int(dataset.Rows) * int(dataset.Columns)
    if pixels.size * 8 < size * count * bits:
        raise UserError(DAMAGED.format(path))
    for start in range(0, size * count, size):
        frame = _bits(pixels, start, size) if bits == 1 else pixels.view(f"<u{bits // 8}")[start : start + size]
        yield frame.reshape(dataset.Rows, dataset.Columns)


def _bits(pixels: NDArray[np.uint8], start: int, size: int) -> NDArray[np.bool_]:
    """Pixels of a bit each; a frame may begin within a byte (PS3.5, section 8.1.1)."""
    found = np.unpackbits(pixels[start // 8 : -(-(start + size) // 8)], bitorder="little")
    return found[start % 8 :][:size].view(np.bool_)


def _unpacked(dataset: Dataset, path: Path) -> Iterator[NDArray]:
    from pydicom.pixels import iter_pixels

    try:
        for frame in iter_pixels(dataset, raw=True):
            yield frame.astype(bool) if int(dataset.BitsAllocated) == 1 else frame
    except (NotImplementedError, RuntimeError) as error:  # no decoder, or one that failed
        raise UserError(_unread(path)) from error


def _unread(path: Path) -> str:
    return f"{path} is damaged or packs its pixels as is not read here: export it without compression."

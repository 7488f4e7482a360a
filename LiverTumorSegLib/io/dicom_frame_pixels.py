"""Pixels of the frames of an enhanced CT, as Hounsfield units by the scale that each frame states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import UserError
from .dicom_frames import FrameHeader, PixelLayout
from .dicom_header import UNREADABLE, make_image_reader
from .limits import open_regular

_IMPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_NATIVE = (_IMPLICIT, "1.2.840.10008.1.2.1", _BIG)
"""Transfer syntaxes whose pixels lie one after the other."""

_INT16 = np.iinfo(np.int16)


def planes(headers: Sequence[FrameHeader]) -> Iterator[NDArray]:
    """HU ``[row, column]`` of frames of one file, one after the other.

    Args:
        headers: of the frames, in the order that is wanted.

    Raises:
        UserError: the file is damaged, holds fewer pixels than it states, or compresses frames of different scales.
    """
    layout, file = headers[0].layout, headers[0].file
    if layout is None:
        raise UserError(UNREADABLE.format(file))
    if layout.syntax not in _NATIVE:
        yield from _decompressed(headers, layout, file)
        return
    for header, stored in zip(headers, _stored(headers, layout, file), strict=True):
        yield _in_hounsfield(stored, header, layout)


def _stored(headers: Sequence[FrameHeader], layout: PixelLayout, file: Path) -> Iterator[NDArray]:
    """Stored numbers, read frame by frame: the file may be as large as the memory."""
    size = layout.rows * layout.columns * layout.bits // 8
    kind = np.dtype(f"{'>' if layout.syntax == _BIG else '<'}{'i' if layout.is_signed else 'u'}{layout.bits // 8}")
    with open_regular(file) as content:
        content.seek(layout.begin)
        begin = layout.begin + _element_head(content.read(12), layout)
        content.seek(0, 2)
        if content.tell() < begin + size * layout.frames:
            raise UserError(UNREADABLE.format(file))
        for header in headers:
            content.seek(begin + (header.number - 1) * size)
            plane = np.frombuffer(content.read(size), kind)
            if plane.size < layout.rows * layout.columns:
                raise UserError(UNREADABLE.format(file))
            yield _without_other_bits(plane.astype(kind.newbyteorder("=")), layout).reshape(layout.rows, layout.columns)


def _element_head(start: bytes, layout: PixelLayout) -> int:
    """Bytes of tag, VR and length (PS3.5, section 7.1); a length that is stated is not needed."""
    is_explicit = layout.syntax != _IMPLICIT and start[4:6] in (b"OW", b"OB")
    return 12 if is_explicit else 8


def _without_other_bits(stored: NDArray, layout: PixelLayout) -> NDArray:
    """The bits that are stored, in place: older files kept overlays in the others."""
    unused = layout.bits - layout.stored
    if unused:
        np.left_shift(stored, unused, out=stored)
        np.right_shift(stored, unused, out=stored)  # of signed numbers it carries the sign
    return stored


def _in_hounsfield(stored: NDArray, header: FrameHeader, layout: PixelLayout) -> NDArray:
    (slope,), (intercept,) = header.numbers("slope", 1), header.numbers("intercept", 1)
    least, most = (-(1 << (layout.stored - 1)), (1 << (layout.stored - 1)) - 1)
    if not layout.is_signed:
        least, most = 0, (1 << layout.stored) - 1
    ends = [slope * end + intercept for end in (least, most)]
    is_whole = slope.is_integer() and intercept.is_integer()
    if is_whole and min(ends) >= _INT16.min and max(ends) <= _INT16.max:
        return (stored.astype(np.int32) * int(slope) + int(intercept)).astype(np.int16)
    return stored * np.float64(slope) + intercept


def _decompressed(headers: Sequence[FrameHeader], layout: PixelLayout, file: Path) -> Iterator[NDArray]:
    """By GDCM, which scales all frames as the first one."""
    if not layout.scaled_alike:
        msg = f"{file} compresses frames that become CT numbers in different ways: export it without compression."
        raise UserError(msg)
    try:
        image = make_image_reader(file).Execute()
    except RuntimeError as error:
        raise UserError(UNREADABLE.format(file)) from error
    found = sitk.GetArrayViewFromImage(image)
    if found.shape != (layout.frames, layout.rows, layout.columns):
        raise UserError(UNREADABLE.format(file))
    for header in headers:
        yield found[header.number - 1]

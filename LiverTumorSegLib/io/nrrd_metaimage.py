"""NRRD and MetaImage files, whose headers are lines of text, read without ITK.

ITK's readers open whatever file a header names, and see other names in it than a check before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from . import limits, metaimage_header, nrrd_header, seg_layers, text_header
from .deflate import DEFLATE_ERRORS, HIGHEST_RATIO, unpacked_blocks
from .raw_image import TOO_LARGE, UNPLACED, RawImage
from .text_header import DAMAGED, TextHeader, locate_voxels
from .voxel_layout import Packing, VoxelLayout

_UNREADABLE: tuple[type[Exception], ...] = (ValueError, OverflowError, *DEFLATE_ERRORS)
_BLOCK = 1 << 16
_BLANKS = bytes(range(9, 14)) + b" "


def read_voxels(header: TextHeader, volume: VoxelLayout) -> NDArray:
    """Read voxels ``[k, j, i]``, or ``[k, j, i, layer]`` of several layers, all of them or none.

    Raises:
        UserError: they are in no file that is read here, damaged, fewer than stated, or more than the memory.
    """
    place, start = locate_voxels(header)
    needed = volume.count * volume.kind.itemsize
    with limits.open_regular(place) as content:
        size, start = place.stat().st_size, volume.begin or start
        _refuse_short(volume, needed, size - start, header.path)
        content.seek(start)
        for _ in range(volume.lines):
            if not content.readline():
                break
        try:
            voxels = _READERS[volume.packing](content, volume, needed)
        except MemoryError as error:
            raise UserError(TOO_LARGE.format(header.path)) from error
        except _UNREADABLE as error:
            raise UserError(DAMAGED.format(header.path)) from error
    if not voxels.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(voxels.dtype.newbyteorder())
    return voxels.reshape(volume.size[::-1] + ((volume.layers,) if volume.layers > 1 else ()))


def _refuse_short(volume: VoxelLayout, needed: int, there: int, path: Path) -> None:
    """Refuse a file that cannot hold the voxels that it states, before memory is asked for."""
    most = {Packing.RAW: there, Packing.DEFLATED: HIGHEST_RATIO * there, Packing.HEX: there // 2}
    if needed > most.get(volume.packing, volume.kind.itemsize * there):
        stated = " x ".join(map(str, volume.size))
        msg = f"{path} ends too early for the {stated} voxels it states: get it again."
        raise UserError(msg)


def _raw(content: BufferedReader, volume: VoxelLayout, needed: int) -> NDArray:
    """Voxels as they are.

    Raises:
        ValueError: they lie beyond the end of the file, or before what is to be skipped.
    """
    begin = content.tell()
    at = begin + volume.skipped if volume.skipped >= 0 else content.seek(0, 2) - needed + volume.skipped + 1
    if at < begin:
        raise ValueError
    content.seek(at)
    voxels: NDArray = np.empty(volume.count, volume.kind)
    if content.readinto(voxels.view(np.uint8).data) != needed:
        raise EOFError
    return voxels


def _inflated(content: BufferedReader, volume: VoxelLayout, needed: int) -> NDArray:
    """Voxels of a stream that is whole and holds nothing else.

    Raises:
        Exception: of :data:`.deflate.DEFLATE_ERRORS`; it is damaged, or ends too early.
        ValueError: it holds more or fewer.
    """
    begin, skipped = content.tell(), volume.skipped
    if skipped == -1:  # all but the end
        skipped = sum(map(len, unpacked_blocks(content))) - needed
        content.seek(begin)
    if skipped < 0:
        raise ValueError
    made, at = bytearray(needed), -skipped
    for block in unpacked_blocks(content):
        end = at + len(block)
        if end > needed:
            raise ValueError
        if end > 0:
            made[max(0, at) : end] = block[max(0, -at) :]
        at = end
    if at != needed:
        raise EOFError
    return np.frombuffer(made, volume.kind)


def _words(content: BufferedReader, volume: VoxelLayout, _needed: int) -> NDArray:
    """Voxels in words, of which as many are taken as there are voxels.

    Raises:
        ValueError: a word is no number that a voxel can hold.
        EOFError: there are fewer.
    """
    content.seek(_forward(volume), 1)
    voxels, at = np.empty(volume.count, volume.kind), 0
    for block in _whole_words(content):
        found = np.array(block.split()[: voxels.size - at], np.float64)
        with np.errstate(invalid="ignore"):
            made = found.astype(volume.kind)
        if volume.kind.kind != "f" and not np.array_equal(made, found):
            raise ValueError
        voxels[at : at + len(made)] = made
        at += len(made)
        if at == voxels.size:
            return voxels
    raise EOFError


def _whole_words(content: BufferedReader) -> Iterator[bytes]:
    """Blocks that end with no word's first half."""
    rest = b""
    for block in chain(iter(lambda: content.read(_BLOCK), b""), (b" ",)):
        rest += block
        cut = 1 + max(rest.rfind(blank) for blank in _BLANKS)
        if len(rest) - cut > _BLOCK:
            raise ValueError
        yield rest[:cut]
        rest = rest[cut:]


def _hex(content: BufferedReader, volume: VoxelLayout, needed: int) -> NDArray:
    """Voxels in hexadecimal digits.

    Raises:
        ValueError: there are others.
        EOFError: there are fewer.
    """
    content.seek(_forward(volume), 1)
    digits = content.read().translate(None, _BLANKS)[: 2 * needed]
    if len(digits) != 2 * needed:
        raise EOFError
    return np.frombuffer(bytearray.fromhex(digits.decode("ascii")), volume.kind)


def _forward(volume: VoxelLayout) -> int:
    if volume.skipped < 0:
        raise ValueError
    return volume.skipped


_READERS = {Packing.RAW: _raw, Packing.DEFLATED: _inflated, Packing.WORDS: _words, Packing.HEX: _hex}


def read(path: Path) -> RawImage:
    """Read a three-dimensional file with one number a voxel, or the liver and lesions of layers of segments.

    Raises:
        UserError: it is damaged, not three-dimensional, holds several numbers a voxel, is larger than the memory or
            than is allowed, or states lengths that are not in mm.
    """
    header = text_header.read(path)
    volume = _voxel_layout(header)
    warnings: tuple[str, ...] = () if volume.is_placed else (UNPLACED,)
    voxels = read_voxels(header, volume)
    if volume.layers > 1:
        voxels, more = seg_layers.merged(voxels, header.pairs, path)
        warnings += more
    return RawImage(voxels, volume.affine, warnings=warnings)


def header_fields(path: Path) -> dict[str, str]:
    """Pairs that an NRRD states beside its fields; no voxel is read.

    Raises:
        UserError: its header is damaged.
    """
    header = text_header.read(path)
    return header.pairs if header.fields else {}


def _voxel_layout(header: TextHeader) -> VoxelLayout:
    return (metaimage_header if header.is_metaimage else nrrd_header).described(header)

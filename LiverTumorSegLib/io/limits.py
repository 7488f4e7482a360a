"""Bounds on what is opened: regular files alone, and no more voxels than a memory holds.

A pipe would be waited for, a device may never end, and few bytes can claim, or unpack to, more than the memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from io import BufferedReader
from math import prod
from pathlib import Path

from ..core.errors import UserError

VARIABLE = "LIVERTUMORSEG_MOST_VOXELS"
"""Environment variable that allows another number; processes started from here have it, too."""

MOST = 1 << 31
"""1024 x 1024 x 2048."""


def refuse_too_many_voxels(size: Iterable[int], path: Path) -> None:
    """Refuse a volume by the size that it states, before memory is asked for.

    Raises:
        UserError: it has more voxels than are allowed, or the variable holds no number.
    """
    lengths, allowed = [int(length) for length in size], voxel_limit()
    if prod(lengths) > allowed:
        stated = " x ".join(map(str, lengths))
        msg = f"{path} has {stated} voxels, more than {allowed:,}: crop it, or allow more ({VARIABLE})."
        raise UserError(msg)


def voxel_limit() -> int:
    """The number allowed.

    Raises:
        UserError: the variable holds no number.
    """
    stated = os.environ.get(VARIABLE) or str(MOST)
    if not (stated.isdecimal() and stated.isascii() and len(stated) < 19):
        msg = f"{VARIABLE} is {stated[:40]!a}, not a number of voxels: set it to one such as {MOST}, or unset it."
        raise UserError(msg)
    return int(stated)


_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; it is looked at before, and again once it is open, as it may be another by then.

    Raises:
        UserError: it is not a regular file, or cannot be read.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            number = os.open(path, _FLAGS)
            if stat.S_ISREG(os.fstat(number).st_mode):
                return os.fdopen(number, "rb")
            os.close(number)
    except (OSError, ValueError) as error:  # the latter for a name that no file can have
        msg = f"{path} cannot be read ({getattr(error, 'strerror', 'no name')}): choose a file that you may read."
        raise UserError(msg) from error
    msg = f"{path} is not a regular file but a folder, a device, a pipe or a socket: give a file."
    raise UserError(msg)

"""What is alike wherever a zip file from elsewhere is unpacked."""

from __future__ import annotations

import errno
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

BLOCK = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,  # encrypted
    EOFError,
    ValueError,
    OverflowError,
)
"""What :mod:`zipfile` raises of files that are damaged, encrypted or made to harm."""


def extract(entries: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write an entry, of at most the size that it states, to a new file."""
    with entries.open(entry) as packed, path.open("xb") as file:
        shutil.copyfileobj(packed, file, BLOCK)


def lies_outside(error: OSError) -> bool:
    """Whether the error is of an entry that begins outside of the zip file, not of what is written to."""
    return error.errno in (errno.EINVAL, None)

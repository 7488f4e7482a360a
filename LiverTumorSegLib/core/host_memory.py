"""How the C library hands memory out while networks run on a CPU."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of malloc.h, for mallopt."""

_ALL = (1 << 31) - 1
_USUAL_MMAP, _USUAL_TRIM = 32 << 20, 64 << 20
"""Bytes, where glibc itself ends once blocks of that size have been freed."""


@contextmanager
def reusing_freed_memory() -> Iterator[None]:
    """Keep freed memory for the next block for as long as this lasts, and give it back then.

    A network frees and asks for the same large blocks again and again. By default glibc returns each to the system,
    which hands it out again page by page, filled with zeros. Nothing changes where the C library is another.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, _ALL)
    library.mallopt(_TRIM_THRESHOLD, _ALL)
    try:
        yield
    finally:
        library.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
        library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library where it is glibc, else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "malloc_trim") else None

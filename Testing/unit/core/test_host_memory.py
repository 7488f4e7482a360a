import ctypes
import sys

import pytest

from LiverTumorSegLib.core import host_memory
from LiverTumorSegLib.core.host_memory import reusing_freed_memory

MEGABYTE = 1 << 20


class Used(ctypes.Structure):
    """What mallinfo2 answers, by the names of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    ]


@pytest.fixture
def library():
    found = host_memory._glibc()
    if found is None or not hasattr(found, "mallinfo2"):
        pytest.skip("needs glibc 2.33 or newer, which says what it does")
    found.mallinfo2.restype = Used
    found.malloc.restype, found.malloc.argtypes, found.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    before = found.mallinfo2().hblks
    block = found.malloc(64 * MEGABYTE)
    is_apart = found.mallinfo2().hblks > before
    found.free(block)
    if not is_apart:
        pytest.skip("tests before this one left so much free memory in this process that nothing can be told")
    return found


def taken(library, size):
    """Blocks that come from the system one by one, and bytes kept for any, with a block of so many bytes and after."""
    before = library.mallinfo2()
    block = library.malloc(size)
    during = library.mallinfo2()
    library.free(block)
    return during.hblks - before.hblks, library.mallinfo2().fordblks


def test_a_large_block_is_kept_for_the_next_and_given_back_in_the_end(library):
    assert taken(library, 100 * MEGABYTE)[0] == 1
    with reusing_freed_memory():
        own, kept = taken(library, 100 * MEGABYTE)
        assert (own, kept >= 100 * MEGABYTE) == (0, True)
    assert taken(library, 100 * MEGABYTE)[0] == 1
    assert library.mallinfo2().keepcost < 100 * MEGABYTE


def test_it_is_given_back_after_an_error_too(library):
    with pytest.raises(ZeroDivisionError), reusing_freed_memory():
        1 / 0  # noqa: B018
    assert taken(library, 100 * MEGABYTE)[0] == 1


def test_with_another_c_library_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    host_memory._glibc.cache_clear()
    try:
        with reusing_freed_memory():
            assert host_memory._glibc() is None
    finally:
        host_memory._glibc.cache_clear()

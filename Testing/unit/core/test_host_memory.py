import ctypes
import json
import subprocess
import sys
from contextlib import suppress

import pytest

from LiverTumorSegLib.core import host_memory
from LiverTumorSegLib.core.host_memory import reusing_freed_memory

MEGABYTE = 1 << 20
FIELDS = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]
"""Of what mallinfo2 answers, by the names of malloc.h."""


class Used(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def taken(library, size):
    """Blocks that come from the system one by one, and bytes kept for any, with a block of so many bytes and after."""
    before = library.mallinfo2()
    block = library.malloc(size)
    during = library.mallinfo2()
    library.free(block)
    return during.hblks - before.hblks, library.mallinfo2().fordblks


def measure():
    """Figures of this process, on standard output; one that has done much else has free memory to take from."""
    library = host_memory._glibc()
    library.mallinfo2.restype = Used
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    found = {"before": taken(library, 100 * MEGABYTE)[0]}
    with reusing_freed_memory():
        found["within"], found["kept"] = taken(library, 100 * MEGABYTE)
    found["after"] = taken(library, 100 * MEGABYTE)[0]
    found["left"] = library.mallinfo2().keepcost
    with suppress(ZeroDivisionError), reusing_freed_memory():
        1 / 0  # noqa: B018
    found["after an error"] = taken(library, 100 * MEGABYTE)[0]
    print(json.dumps(found))


@pytest.fixture(scope="module")
def measured():
    if not hasattr(host_memory._glibc(), "mallinfo2"):
        pytest.skip("needs glibc 2.33 or newer, which says what it does")
    ran = subprocess.run([sys.executable, __file__], check=True, capture_output=True, text=True, timeout=120)
    return json.loads(ran.stdout)


def test_a_large_block_is_kept_for_the_next_and_given_back_in_the_end(measured):
    assert measured["before"] == 1
    assert (measured["within"], measured["kept"] >= 100 * MEGABYTE) == (0, True)
    assert measured["after"] == 1
    assert measured["left"] < 100 * MEGABYTE


def test_it_is_given_back_after_an_error_too(measured):
    assert measured["after an error"] == 1


def test_with_another_c_library_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    host_memory._glibc.cache_clear()
    try:
        with reusing_freed_memory():
            assert host_memory._glibc() is None
    finally:
        host_memory._glibc.cache_clear()


if __name__ == "__main__":
    measure()

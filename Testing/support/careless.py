"""Writes what must not be in a file, for the tests that have to notice it."""

import time
from pathlib import Path


def write(kind):
    """Write the time, the folder or the order of a set into ``out.txt``."""
    held = {"time": time.time_ns(), "folder": str(Path.cwd()), "set": list({"a", "b", "c", "d", "e"})}
    Path("out.txt").write_text(str(held[kind]))

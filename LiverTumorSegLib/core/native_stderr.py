"""Standard error of C++ libraries, silenced while a damaged file is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Keep what C++ libraries print about a damaged file from users: our own sentence says it."""
    if sys.stderr is None:  # it was closed before Python began
        yield
        return
    sys.stderr.flush()
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


class _Silence:
    """Standard error is the whole process's: of threads that want it silent the first takes it, the last gives it back.

    Would each keep what it finds, one could keep another's silence and leave it behind.
    """

    def __init__(self) -> None:
        self._lock, self._wanted, self._kept = Lock(), 0, -1

    def begin(self) -> None:
        with self._lock:
            if not self._wanted:
                self._take()
            self._wanted += 1

    def end(self) -> None:
        with self._lock:
            self._wanted -= 1
            if not self._wanted:
                os.dup2(self._kept, 2)
                os.close(self._kept)

    def _take(self) -> None:
        with Path(os.devnull).open("wb") as nowhere:
            self._kept = os.dup(2)
            os.dup2(nowhere.fileno(), 2)


_silence = _Silence()

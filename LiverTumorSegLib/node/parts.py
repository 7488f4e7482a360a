"""The parts of a node run beside each other: one that fails is logged and goes on later, the others do not notice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_log = logging.getLogger(__name__)


class Part:
    """A step that is done again and again in a thread of its own.

    The thread does not keep the program from ending: whatever it is doing may be cut short at any moment.

    Args:
        name: for the log.
        step: returns true where there may be more to do, and is then called again at once.
        pause_seconds: before it is called again otherwise.
    """

    def __init__(self, name: str, step: Callable[[], bool | None], pause_seconds: float) -> None:
        self._name, self._step, self._pause = name, step, pause_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have the step that is being done be the last one."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait so long at most for the last step to end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                pause = 0 if self._step() else self._pause
                failures = 0
            except Exception:  # noqa: BLE001 whatever it is, the other parts, and this one later, go on
                pause = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
                failures = min(failures + 1, 10)
                if self._stopping.is_set():
                    return
                _log.exception("%s failed unexpectedly, and is tried again in %d s", self._name, pause)
            self._stopping.wait(pause)

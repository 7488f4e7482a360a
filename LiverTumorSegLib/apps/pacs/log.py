"""The service's log: standard error, a line an event, its time in UTC, and nothing that tells who a patient is."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from datetime import datetime, timezone
from traceback import extract_tb

from ...core.sanitize import to_one_line

_LIBRARIES = ("pydicom", "pynetdicom", "highdicom", "dicomweb_client", "requests", "urllib3")
_PACKAGE = __package__.partition(".")[0]
_log = logging.getLogger(__name__)


def start_logging() -> None:
    """Show this program's own lines on standard error from now on, and nothing of any library.

    Libraries log and warn of what is in the files they read, and errors quote it; so of an error that nobody expected
    the log has its kind and its place in the program, and no word of its own.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter())
    own = logging.getLogger(_PACKAGE)
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    logging.getLogger().handlers = [logging.NullHandler()]  # else warnings are shown for want of one
    logging.raiseExceptions = False
    warnings.simplefilter("ignore")
    threading.excepthook = _thread_ended
    sys.excepthook = lambda _, error, __: _log.critical("The service ended unexpectedly (%s).", error_place(error))
    sys.unraisablehook = lambda _: None


def silence_libraries() -> None:
    """Show nothing of what libraries of DICOM and of the web log or warn of, which quotes what they read."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    warnings.simplefilter("ignore")


def error_place(error: BaseException) -> str:
    """An error's kind and where it came from, as ``ValueError at queue.py:12``."""
    frames = extract_tb(error.__traceback__)
    place = frames[-1].filename.replace("\\", "/").rpartition("/")[2] if frames else ""
    return f"{type(error).__name__} at {place}:{frames[-1].lineno}" if frames else type(error).__name__


class _LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        error = record.exc_info[1] if record.exc_info else None
        ending = f" ({error_place(error)})" if error else ""
        return f"{time} {record.levelname.lower()}: {to_one_line(record.getMessage())}{ending}"


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        _log.error("A thread ended unexpectedly (%s); the others go on.", error_place(ended.exc_value))

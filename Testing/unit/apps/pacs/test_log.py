import logging
import sys
import threading
import warnings

import pytest

from LiverTumorSegLib.apps.pacs import log


@pytest.fixture
def restored():
    """Leave all as it was."""
    own, root = logging.getLogger("LiverTumorSegLib"), logging.getLogger()
    before = own.handlers, own.propagate, own.level, root.handlers, threading.excepthook, sys.unraisablehook
    raises, ended = logging.raiseExceptions, sys.excepthook
    with warnings.catch_warnings():
        yield
    own.handlers, own.propagate, own.level, root.handlers, threading.excepthook, sys.unraisablehook = before
    logging.raiseExceptions, sys.excepthook = raises, ended


def test_a_line_has_its_time_in_utc_its_level_and_no_line_feed(restored, capsys):
    log.start_logging()
    logging.getLogger("LiverTumorSegLib.apps.pacs.any").warning("job %d: one\ntwo \x1b[2J", 3)
    line = capsys.readouterr().err
    assert len("2026-11-22T12:00:00Z") == line.index(" ")
    assert line.endswith("Z warning: job 3: one two \\x1b[2J\n")


def test_an_error_has_its_kind_and_place_and_none_of_its_words(restored, capsys):
    log.start_logging()
    try:
        {}["Some^One"]
    except KeyError:
        logging.getLogger("LiverTumorSegLib.apps.pacs.any").exception("sending failed")
    line = capsys.readouterr().err
    assert "error: sending failed (KeyError at test_log.py:" in line
    assert "Some^One" not in line
    assert line.count("\n") == 1


def test_what_libraries_say_is_not_shown(restored, capsys):
    log.start_logging()
    for name in ("pydicom", "pynetdicom.acse", "urllib3", "asyncio", "aiohttp.server", "procrastinate"):
        logging.getLogger(name).error("Some^One")
    warnings.warn("Some^One", stacklevel=1)
    assert "Some^One" not in capsys.readouterr().err


def test_a_thread_that_ends_by_an_error_is_said_without_its_words(restored, capsys):
    log.start_logging()

    def stumble():
        int("Some^One")

    thread = threading.Thread(target=stumble)
    thread.start()
    thread.join()
    line = capsys.readouterr().err
    assert "error: A thread ended unexpectedly (ValueError at test_log.py:" in line
    assert "Some^One" not in line


def test_a_service_that_ends_by_an_error_says_so_without_its_words(restored, capsys):
    log.start_logging()
    try:
        int("Some^One")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    line = capsys.readouterr().err
    assert "critical: The service ended unexpectedly (ValueError at test_log.py:" in line
    assert "Some^One" not in line

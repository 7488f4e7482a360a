import os
import sys

from LiverTumorSegLib.core.native_stderr import silence_libraries


def test_what_libraries_print_past_python_is_dropped_and_what_follows_is_not(capfd):
    with silence_libraries():
        os.write(2, b"a library's complaint\n")
    print("ours", file=sys.stderr)
    assert capfd.readouterr().err == "ours\n"


def test_threads_that_overlap_leave_standard_error_as_it_was(capfd):
    first, second = silence_libraries(), silence_libraries()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    os.write(2, b"a library's complaint\n")
    second.__exit__(None, None, None)
    print("ours", file=sys.stderr)
    assert capfd.readouterr().err == "ours\n"


def test_a_standard_error_that_was_closed_before_python_began_stays_closed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with silence_libraries():
        pass

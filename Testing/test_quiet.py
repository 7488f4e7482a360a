import os
import sys

from LiverTumorSegLib.quiet import quiet_libraries


def test_what_libraries_print_past_python_is_dropped_and_what_follows_is_not(capfd):
    with quiet_libraries():
        os.write(2, b"a library's complaint\n")
    print("ours", file=sys.stderr)
    assert capfd.readouterr().err == "ours\n"

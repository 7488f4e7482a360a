import os
from pathlib import Path

import pytest

from LiverTumorSegLib import text_file


def test_a_byte_order_mark_is_left_off_and_line_ends_stay(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert text_file.read(tmp_path / "list.txt") == "a\r\nb\n"


def test_what_would_be_waited_for_without_end_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a device, a pipe or a socket"):
            text_file.read(path)


def test_a_folder_and_a_file_that_is_not_there_are_said_as_such(tmp_path):
    with pytest.raises(IsADirectoryError):
        text_file.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        text_file.read(tmp_path / "gone")

import os
from pathlib import Path

import pytest

from LiverTumorSegLib.core import text_files


def test_a_byte_order_mark_is_left_off_and_line_ends_stay(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert text_files.read_text(tmp_path / "list.txt") == "a\r\nb\n"


def test_what_would_be_waited_for_without_end_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a device, a pipe or a socket"):
            text_files.read_text(path)


def test_a_folder_and_a_file_that_is_not_there_are_said_as_such(tmp_path):
    with pytest.raises(IsADirectoryError):
        text_files.read_text(tmp_path)
    with pytest.raises(FileNotFoundError):
        text_files.read_text(tmp_path / "gone")

import os
import threading

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import limits, text_header, volumes


def test_a_file_and_a_link_to_one_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    for name in ("a", "b"):
        with limits.open_regular(tmp_path / name) as content:
            assert content.read() == b"abc"


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero", "missing", "a\0b"])
def test_all_else_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="is not a regular file|cannot be read"):
        limits.open_regular(tmp_path / name)


def test_a_pipe_in_the_place_of_the_file_that_was_looked_at_is_not_waited_for(tmp_path, monkeypatch):
    path, found = tmp_path / "a", []
    path.touch()
    before = os.open

    def replaced(*words):
        path.unlink()
        os.mkfifo(path)
        return before(*words)

    def attempt():
        with pytest.raises(UserError, match="is not a regular file"):
            limits.open_regular(path)
        found.append(True)

    monkeypatch.setattr(os, "open", replaced)
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(60)
    assert found


@pytest.mark.parametrize("name", ["a.nrrd", "a.seg.nrrd", "a.mha"])
def test_a_header_that_is_a_pipe_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="is not a regular file"):
        text_header.read(tmp_path / name)
    with pytest.raises(UserError, match="is not a regular file"):
        volumes.segment_names(tmp_path / name)

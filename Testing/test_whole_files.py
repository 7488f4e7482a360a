import os

import pytest

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.whole_files import refuse_unwritable, whole_file, whole_folder


def test_a_file_appears_when_all_went_well_and_nothing_else_stays(tmp_path):
    with whole_file(tmp_path / "deep" / "a.txt") as unfinished:
        unfinished.write_text("whole")
        assert not (tmp_path / "deep" / "a.txt").exists()
        assert unfinished.name == "a.txt"
    assert (tmp_path / "deep" / "a.txt").read_text() == "whole"
    assert os.listdir(tmp_path / "deep") == ["a.txt"]


def test_after_a_failure_nothing_is_there(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert not os.listdir(tmp_path)


def test_a_folder_appears_whole_and_replaces_another_only_when_told(tmp_path):
    target = tmp_path / "folder"
    for text in ("old", "new"):
        with whole_folder(target, overwrite=text == "new") as unfinished:
            (unfinished / text).touch()
    assert os.listdir(target) == ["new"]
    with pytest.raises(UserError, match="exists already"), whole_folder(target):
        pass
    with pytest.raises(RuntimeError), whole_folder(target, overwrite=True):
        raise RuntimeError
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a\.txt cannot be written \(File exists\)"):
        refuse_unwritable(tmp_path / "file" / "a.txt")
    with pytest.raises(UserError, match="is a folder: name a file"):
        refuse_unwritable(tmp_path)


def test_a_disk_that_fails_while_writing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\): nothing was changed"):
        with whole_file(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")

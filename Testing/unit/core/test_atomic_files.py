import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.repository import ROOT

from LiverTumorSegLib.core.atomic_files import refuse_unwritable, unused_folder, whole_file, whole_folder, whole_group
from LiverTumorSegLib.core.errors import UserError


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
        with whole_folder(target, overwrite=text == "new", holds=frozenset({"old"})) as unfinished:
            (unfinished / text).touch()
    assert os.listdir(target) == ["new"]
    with pytest.raises(UserError, match="exists already"), whole_folder(target):
        pass
    with pytest.raises(RuntimeError), whole_folder(target, overwrite=True, holds=frozenset({"new"})):
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


def test_a_folder_with_anything_else_in_it_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match=r"holds thesis\.txt, which would be lost"):
        with whole_folder(tmp_path, overwrite=True, holds=frozenset({"report.html"})):
            pass
    with pytest.raises(UserError, match="is a file"), whole_folder(tmp_path / "thesis.txt", overwrite=True):
        pass
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_folder_that_cannot_be_replaced_comes_back(tmp_path, monkeypatch):
    target, rename = tmp_path / "folder", Path.replace
    target.mkdir()
    (target / "old").touch()

    def failing(self, other):
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, other)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(UserError, match="nothing was changed"):
        with whole_folder(target, overwrite=True, holds=frozenset({"old"})):
            pass
    assert os.listdir(target) == ["old"]


KILLED = """
import os, signal, sys
from pathlib import Path
from LiverTumorSegLib.core.atomic_files import whole_folder
target, rename = Path(sys.argv[1]), Path.replace

def killed(self, other):
    if self.name == "new":
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, other)

Path.replace = killed
with whole_folder(target, overwrite=True, holds=frozenset({"old"})) as new:
    (new / "new").touch()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_whose_replacement_was_killed_midway_comes_back(tmp_path, overwrite):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    subprocess.run([sys.executable, "-c", KILLED, target], cwd=ROOT, check=False)
    assert not target.exists()
    if overwrite:
        with whole_folder(target, overwrite=True, holds=frozenset({"old"})) as new:
            assert os.listdir(target) == ["old"]
            (new / "newer").touch()
        assert os.listdir(target) == ["newer"]
    else:
        with pytest.raises(UserError, match="exists already"), whole_folder(target):
            pass
        assert os.listdir(target) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("links", [True, False])
def test_of_two_that_write_one_file_at_a_time_the_later_is_refused(tmp_path, monkeypatch, links):
    def without_links(*_):
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", without_links)
    path = tmp_path / "a.txt"
    with pytest.raises(UserError, match="a.txt exists already"), whole_file(path) as later:
        later.write_text("later")
        with whole_file(path) as earlier:
            earlier.write_text("earlier")
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_check_left_goes_with_the_next(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from LiverTumorSegLib.core import atomic_files\n"
        "atomic_files.TemporaryFolder.remove = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "atomic_files.refuse_unwritable(Path(sys.argv[1]))"
    )
    output = tmp_path / "not" / "there" / "a.txt"
    subprocess.run([sys.executable, "-c", code, output], cwd=ROOT, check=False)
    assert len(os.listdir(tmp_path)) == 1
    refuse_unwritable(output)
    assert os.listdir(tmp_path) == []


def test_an_unused_folder_is_the_first_that_is_not_there(tmp_path):
    assert unused_folder(tmp_path / "report") == tmp_path / "report"
    (tmp_path / "report").mkdir()
    (tmp_path / "report 2").mkdir()
    assert unused_folder(tmp_path / "report") == tmp_path / "report 3"


def test_of_files_that_belong_together_none_is_replaced_before_all_are_written(tmp_path):
    paths = [tmp_path / name for name in ("labels.dcm", "report.dcm")]
    for path in paths:
        path.write_text("old")
    with pytest.raises(RuntimeError), whole_group(paths, overwrite=True) as unfinished:
        unfinished[0].write_text("new")
        raise RuntimeError
    assert [path.read_text() for path in paths] == ["old", "old"]
    with whole_group(paths, overwrite=True) as unfinished:
        for file in unfinished:
            file.write_text("new")
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert sorted(tmp_path.iterdir()) == paths
    with pytest.raises(UserError, match="labels.dcm exists already"), whole_group(paths):
        pytest.fail("it began")

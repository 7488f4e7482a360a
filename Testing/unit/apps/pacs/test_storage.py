import stat
import subprocess
import sys

import pytest

from LiverTumorSegLib.apps.pacs.storage import ServiceFolder, file_number, remove, sync_to_disk
from LiverTumorSegLib.core.errors import UserError

HOLD = """
import sys, time, pathlib
from LiverTumorSegLib.apps.pacs.storage import ServiceFolder
with ServiceFolder(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def folder(tmp_path):
    made = ServiceFolder(tmp_path / "deep" / "pacs")
    made.make()
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_service_s_folder_is_its_user_s_alone(folder):
    for path in (folder.path, folder.series, folder.results, folder.arriving, folder.making):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_folder_that_is_there_is_taken_as_it_is(folder):
    folder.result(1).mkdir()
    folder.make()
    assert folder.result(1).is_dir()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/pacs cannot be made .*give another folder in the configuration"):
        ServiceFolder(tmp_path / "file" / "pacs").make()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    """A service deletes what it does not know below its folder."""
    (tmp_path / "results" / "1").mkdir(parents=True)
    with pytest.raises(UserError, match="is not empty and no service's folder"):
        ServiceFolder(tmp_path).make()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_process_that_is_killed_gives_its_folder_free(folder):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    assert folder.is_in_use()
    with pytest.raises(UserError, match="Another service works in"), folder.locked():
        pass
    other.kill()
    other.wait(60)
    other.stdout.close()
    assert not folder.is_in_use()
    with folder.locked():
        pass


def test_a_folder_is_in_use_while_a_service_works_in_it_however_often_that_is_asked(folder, tmp_path):
    assert not folder.is_in_use()
    with folder.locked():
        assert folder.is_in_use()
        assert folder.is_in_use()
    assert not folder.is_in_use()
    assert not ServiceFolder(tmp_path / "none").is_in_use()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shared locks of this kind")
def test_who_asks_whether_a_service_runs_neither_keeps_one_from_starting_nor_is_taken_for_one(folder, monkeypatch):
    import fcntl

    asking = (folder.path / "node.lock").open("rb")
    fcntl.flock(asking, fcntl.LOCK_SH)
    assert not folder.is_in_use()
    monkeypatch.setattr("LiverTumorSegLib.apps.pacs.storage.sleep", lambda _: asking.close())
    with folder.locked():
        assert asking.closed


@pytest.mark.parametrize(
    ("name", "number"), [("1.dcm", 1), ("120.dcm", 120), ("x.dcm", None), ("1.dcm.tmp", None), ("1", None), ("²", None)]
)
def test_files_of_images_are_known_by_their_names(name, number):
    assert file_number(name) == number


def test_files_folders_and_nothing_can_be_removed_and_made_durable(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("folder", "file"):
        sync_to_disk(tmp_path / name)
    for name in ("folder", "file", "nothing"):
        remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []

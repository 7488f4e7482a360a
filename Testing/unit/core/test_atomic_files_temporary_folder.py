import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.repository import ROOT

from LiverTumorSegLib.core.atomic_files import (
    FORGOTTEN_SECONDS,
    HIDDEN_PREFIX,
    TemporaryFolder,
    remove_leftovers,
    temporary_folder,
)

DIE = """
import os, signal, sys
from pathlib import Path
from LiverTumorSegLib.core.atomic_files import TemporaryFolder
left = TemporaryFolder(Path(sys.argv[1]))
(left.path / "big").write_bytes(bytes(1000))
(left.path / "deep" / "er").mkdir(parents=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


def leave(folder):
    """What a killed process leaves."""
    subprocess.run([sys.executable, "-c", DIE, folder], cwd=ROOT, check=False)
    [left] = folder.iterdir()
    return left


def test_it_goes_with_all_that_is_in_it(tmp_path):
    with temporary_folder(tmp_path) as folder:
        (folder / "a").mkdir()
        (folder / "a" / "b").touch()
        (folder / "c").touch()
    assert os.listdir(tmp_path) == []


def test_a_link_in_it_goes_and_what_it_leads_to_stays(tmp_path):
    outside, used = tmp_path / "outside", TemporaryFolder(tmp_path)
    (outside / "kept").mkdir(parents=True)
    (used.path / "to a folder").symlink_to(outside, target_is_directory=True)
    (used.path / "to nothing").symlink_to(tmp_path / "none")
    assert used.remove()
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["kept"]


def test_folders_that_may_not_be_written_to_go_too(tmp_path):
    used = TemporaryFolder(tmp_path)
    (used.path / "a" / "b").mkdir(parents=True)
    (used.path / "a" / "b" / "c").touch()
    (used.path / "a" / "b").chmod(0o500)
    (used.path / "a").chmod(0o500)
    assert used.remove()
    assert os.listdir(tmp_path) == []


def test_what_is_still_being_written_for_a_moment_goes_as_well(tmp_path):
    used, until = TemporaryFolder(tmp_path), time.monotonic() + 0.2

    def write():
        number = 0
        while time.monotonic() < until:
            number += 1
            try:
                (used.path / str(number)).touch()
            except FileNotFoundError:
                return

    writing = threading.Thread(target=write)
    writing.start()
    used.remove()
    writing.join()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.fixture
def undeletable(monkeypatch):
    """Makes the system keep a file, whatever deletes it, until told otherwise."""
    unlink, remove, kept = Path.unlink, os.unlink, {"big"}

    def refuse(path):
        if Path(path).name in kept:
            raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", lambda path, **options: refuse(path) or unlink(path, **options))
    monkeypatch.setattr(os, "unlink", lambda path, **options: refuse(path) or remove(path, **options))
    return kept


@pytest.mark.parametrize("place", ["big", "deep/big"])
def test_what_cannot_be_deleted_is_said_keeps_its_lock_and_goes_with_a_later_sweep(
    tmp_path, undeletable, caplog, place
):
    used = TemporaryFolder(tmp_path)
    (used.path / place).parent.mkdir(exist_ok=True)
    (used.path / place).write_bytes(b"patient")
    (used.path / "other").touch()
    assert not used.remove()
    assert caplog.text.count(f"{used.path} is not needed any more, but cannot be deleted") == 1
    assert sorted(os.listdir(used.path)) == [".in-use", place.partition("/")[0]]
    remove_leftovers(tmp_path)
    assert caplog.text.count("cannot be deleted") == 2
    undeletable.clear()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    left = leave(tmp_path)
    assert left.name.startswith(HIDDEN_PREFIX)
    assert (left / "big").stat().st_size == 1000
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_must_not_be_lost_is_taken_out_first(tmp_path):
    leave(tmp_path)
    remove_leftovers(tmp_path, save=lambda folder: (folder / "big").replace(tmp_path / "saved"))
    assert os.listdir(tmp_path) == ["saved"]


def test_what_is_in_use_stays(tmp_path):
    used = TemporaryFolder(tmp_path)
    (used.path / "file").touch()
    remove_leftovers(tmp_path)
    assert (used.path / "file").exists()
    used.remove()


def test_a_sweep_cut_short_is_ended_by_the_next(tmp_path, monkeypatch):
    left, unlink = leave(tmp_path), Path.unlink

    def stopped(path, **options):
        if path.name == "big":
            raise KeyboardInterrupt
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            remove_leftovers(tmp_path)
    assert (left / "big").exists()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_without_a_lock_goes_at_once_only_if_it_is_empty(tmp_path):
    """Empty ones are of processes killed before they had the lock; others may be anyone's."""
    (tmp_path / f"{HIDDEN_PREFIX}empty").mkdir()
    (tmp_path / f"{HIDDEN_PREFIX}full" / "thesis").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == [f"{HIDDEN_PREFIX}full"]


def aged(folder, seconds=FORGOTTEN_SECONDS + 60):
    """Let all of a folder be as old as that."""
    then = time.time() - seconds
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


def test_a_folder_of_ours_that_has_lost_its_lock_goes_after_a_day(tmp_path):
    left = leave(tmp_path)
    (left / ".in-use").unlink()
    aged(left, FORGOTTEN_SECONDS - 60)
    remove_leftovers(tmp_path)
    assert (left / "big").exists()
    aged(left)
    (left / "deep" / "er" / "new").touch()
    remove_leftovers(tmp_path)
    assert (left / "big").exists()
    aged(left)
    remove_leftovers(tmp_path, save=lambda folder: (folder / "big").replace(tmp_path / "saved"))
    assert os.listdir(tmp_path) == ["saved"]


@pytest.mark.parametrize(("name", "rights"), [("analysis", 0o700), ("analysis.tmp", 0o755), ("a thesis.tmp", 0o700)])
def test_an_old_folder_of_the_users_own_stays_however_it_is_called(tmp_path, name, rights):
    own = tmp_path / f"{HIDDEN_PREFIX}{name}"
    shutil.copytree(leave_in(tmp_path / "elsewhere"), own)
    (own / ".in-use").unlink()
    own.chmod(rights)
    aged(own)
    remove_leftovers(tmp_path)
    assert (own / "big").exists()


def test_links_and_other_names_are_left_alone(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    left = leave_in(outside)
    inside.mkdir()
    (inside / f"{HIDDEN_PREFIX}link").symlink_to(left, target_is_directory=True)
    leave_in(inside / "other")
    remove_leftovers(inside)
    assert (left / "big").exists()
    assert sorted(os.listdir(inside)) == [f"{HIDDEN_PREFIX}link", "other"]
    assert os.listdir(inside / "other")


def leave_in(folder):
    folder.mkdir(parents=True)
    return leave(folder)


def test_a_folder_of_another_user_is_left_alone(tmp_path, monkeypatch):
    left = leave(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: left.stat().st_uid + 1)
        remove_leftovers(tmp_path)
    assert (left / "big").exists()


def test_a_file_system_without_locks_loses_nothing(tmp_path, monkeypatch):
    import fcntl

    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    used = TemporaryFolder(tmp_path)
    (used.path / "file").touch()
    remove_leftovers(tmp_path)
    assert (used.path / "file").exists()
    used.remove()
    assert os.listdir(tmp_path) == []


def test_one_that_was_swept_before_it_had_its_lock_is_made_anew(tmp_path, monkeypatch):
    import tempfile

    make, made = tempfile.mkdtemp, []

    def swept(**options):
        made.append(make(**options))
        if len(made) == 1:
            remove_leftovers(tmp_path)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    used = TemporaryFolder(tmp_path)
    assert len(made) == 2
    assert used.path == Path(made[1])
    used.remove()


def test_a_folder_that_is_not_there_has_nothing_to_sweep(tmp_path):
    remove_leftovers(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        TemporaryFolder(tmp_path / "none")

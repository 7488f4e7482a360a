import os
import subprocess
import sys
from pathlib import Path

import pytest

from LiverTumorSegLib.scratch import PREFIX, Scratch, scratch, sweep

DIE = """
import os, signal, sys
from pathlib import Path
from LiverTumorSegLib.scratch import Scratch
left = Scratch(Path(sys.argv[1]))
(left.path / "big").write_bytes(bytes(1000))
(left.path / "deep" / "er").mkdir(parents=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


def leave(folder):
    """What a killed process leaves."""
    subprocess.run([sys.executable, "-c", DIE, folder], cwd=ROOT, check=False)
    [left] = folder.iterdir()
    return left


def test_it_goes_with_all_that_is_in_it(tmp_path):
    with scratch(tmp_path) as folder:
        (folder / "a").mkdir()
        (folder / "a" / "b").touch()
        (folder / "c").touch()
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    left = leave(tmp_path)
    assert left.name.startswith(PREFIX)
    assert (left / "big").stat().st_size == 1000
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_must_not_be_lost_is_taken_out_first(tmp_path):
    leave(tmp_path)
    sweep(tmp_path, save=lambda folder: (folder / "big").replace(tmp_path / "saved"))
    assert os.listdir(tmp_path) == ["saved"]


def test_what_is_in_use_stays(tmp_path):
    used = Scratch(tmp_path)
    (used.path / "file").touch()
    sweep(tmp_path)
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
            sweep(tmp_path)
    assert (left / "big").exists()
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_without_a_lock_goes_only_if_it_is_empty(tmp_path):
    """Empty ones are of processes killed before they had the lock; others may be anyone's."""
    (tmp_path / f"{PREFIX}empty").mkdir()
    (tmp_path / f"{PREFIX}full" / "thesis").mkdir(parents=True)
    sweep(tmp_path)
    assert os.listdir(tmp_path) == [f"{PREFIX}full"]


def test_links_and_other_names_are_left_alone(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    left = leave_in(outside)
    inside.mkdir()
    (inside / f"{PREFIX}link").symlink_to(left, target_is_directory=True)
    leave_in(inside / "other")
    sweep(inside)
    assert (left / "big").exists()
    assert sorted(os.listdir(inside)) == [f"{PREFIX}link", "other"]
    assert os.listdir(inside / "other")


def leave_in(folder):
    folder.mkdir(parents=True)
    return leave(folder)


def test_a_folder_of_another_user_is_left_alone(tmp_path, monkeypatch):
    left = leave(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: left.stat().st_uid + 1)
        sweep(tmp_path)
    assert (left / "big").exists()


def test_a_file_system_without_locks_loses_nothing(tmp_path, monkeypatch):
    import fcntl

    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    used = Scratch(tmp_path)
    (used.path / "file").touch()
    sweep(tmp_path)
    assert (used.path / "file").exists()
    used.remove()
    assert os.listdir(tmp_path) == []


def test_one_that_was_swept_before_it_had_its_lock_is_made_anew(tmp_path, monkeypatch):
    import tempfile

    make, made = tempfile.mkdtemp, []

    def swept(**options):
        made.append(make(**options))
        if len(made) == 1:
            sweep(tmp_path)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    used = Scratch(tmp_path)
    assert len(made) == 2
    assert used.path == Path(made[1])
    used.remove()


def test_a_folder_that_is_not_there_has_nothing_to_sweep(tmp_path):
    sweep(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        Scratch(tmp_path / "none")

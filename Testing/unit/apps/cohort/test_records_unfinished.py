import pytest

from LiverTumorSegLib.apps.cohort import records
from LiverTumorSegLib.core.errors import UserError


def test_files_take_their_place_when_all_went_well(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with records.whole_files(tmp_path, "case") as scratch:
        (scratch / "a.txt").write_text("new")
        (scratch / "b.txt").write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_nothing_changes_where_something_went_wrong(tmp_path):
    with pytest.raises(RuntimeError):
        with records.whole_files(tmp_path, "case") as scratch:
            (scratch / "a.txt").write_text("new")
            raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_found_by_its_name_alone(tmp_path):
    for name in ("mine", "another's"):
        records._unfinished_folder(tmp_path, name).mkdir()
        (records._unfinished_folder(tmp_path, name) / "half").write_text("")
    records.remove_unfinished(tmp_path, "mine")
    assert [path.name for path in tmp_path.iterdir()] == [".another's.unfinished"]
    with records.whole_files(tmp_path, "another's"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        with records.whole_files(tmp_path / "file", "case"):
            pass

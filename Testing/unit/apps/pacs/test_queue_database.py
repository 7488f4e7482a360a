import sqlite3

import pytest

from LiverTumorSegLib.apps.pacs.queue import FIRST_START, SeriesQueue
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.sqlite"


@pytest.fixture
def queue(path):
    opened = SeriesQueue(path)
    yield opened
    opened.close()


def test_what_a_transaction_did_before_an_error_is_undone(queue):
    with pytest.raises(KeyError), queue.transaction():
        queue.create("1.2", "1.1", "SCANNER")
        raise KeyError
    assert queue.all() == []


def test_a_transaction_in_another_is_part_of_it(queue):
    with pytest.raises(KeyError), queue.transaction():
        with queue.transaction():
            queue.create("1.2", "1.1", "SCANNER")
        raise KeyError
    assert queue.all() == []


def test_what_is_done_is_synchronised_with_the_disk_and_readers_are_not_held_up(queue, path):
    assert queue._rows("PRAGMA synchronous") == [(2,)]
    assert queue._rows("PRAGMA journal_mode") == [("wal",)]
    with queue.transaction():
        queue.create("1.2", "1.1", "SCANNER")
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM series").fetchone() == (0,)


def test_a_missing_file_is_not_made_unless_wanted(path):
    with pytest.raises(UserError, match=r"node\.sqlite is not there: the service has not run yet"):
        SeriesQueue(path, create=False)
    assert not path.exists()


def test_a_file_of_a_newer_version_is_refused(queue, path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match=r"node\.sqlite was made by a newer version"):
        SeriesQueue(path)


def test_a_file_of_an_older_version_is_kept_and_gets_what_is_new(queue, path):
    queue.create("1.2", "1.1", "SCANNER")
    queue.close()
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE marks; DROP TABLE names")
        connection.execute("PRAGMA user_version = 1")
    again = SeriesQueue(path)
    assert [one.series for one in again.all()] == ["1.2"]
    again.started()
    assert again.mark(FIRST_START) is not None
    again.close()


def test_a_database_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (it)")
    with pytest.raises(UserError, match=r"node\.sqlite is a database of another program"):
        SeriesQueue(path)


@pytest.mark.parametrize("damage", [slice(0, 50), slice(4096, 12000)])
def test_a_damaged_file_is_refused_in_a_sentence(queue, path, damage):
    for number in range(2, 42):
        queue.create(f"1.{number}", "1.1", "SCANNER")
    queue.close()
    content = bytearray(path.read_bytes())
    content[damage] = b"\xff" * len(content[damage])
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"node\.sqlite is damaged: move its folder away"):
        SeriesQueue(path)


def test_a_folder_in_the_file_s_place_is_refused(path):
    path.mkdir()
    with pytest.raises(UserError, match=r"node\.sqlite cannot be used"):
        SeriesQueue(path)

import errno
import zipfile

import pytest

from LiverTumorSegLib.core.safe_zip import ZIP_ERRORS, extract_entry, is_offset_error


@pytest.fixture
def archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("ct", bytes(5_000_000))
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        yield read


def test_an_entry_is_written_as_it_was_packed(archive, tmp_path):
    extract_entry(archive, archive.getinfo("ct"), tmp_path / "ct")
    assert (tmp_path / "ct").read_bytes() == bytes(5_000_000)


def test_no_file_that_is_there_is_replaced(archive, tmp_path):
    (tmp_path / "ct").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        extract_entry(archive, archive.getinfo("ct"), tmp_path / "ct")
    assert (tmp_path / "ct").read_bytes() == b"kept"


def test_no_more_is_written_than_an_entry_states(archive, tmp_path):
    entry = archive.getinfo("ct")
    entry.file_size = 10
    with pytest.raises(ZIP_ERRORS):
        extract_entry(archive, entry, tmp_path / "ct")
    assert (tmp_path / "ct").stat().st_size <= 10


def test_an_entry_before_the_beginning_of_the_file_is_no_fault_of_the_disk(archive, tmp_path):
    entry = archive.getinfo("ct")
    entry.header_offset = -9
    with pytest.raises((OSError, *ZIP_ERRORS)) as raised:
        extract_entry(archive, entry, tmp_path / "ct")
    assert not isinstance(raised.value, OSError) or is_offset_error(raised.value)
    assert not is_offset_error(OSError(errno.ENOSPC, "No space left on device"))

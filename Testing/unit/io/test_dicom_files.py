import os

import pytest
from pydicom.uid import BasicTextSRStorage
from support.dicom_slices import plain, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io.dicom_files import list_files, looks_like_dicom, scan_files


def cut(path, *, by=60):
    path.write_bytes(path.read_bytes()[:-by])
    return path


def test_files_are_found_in_all_folders_but_hidden_ones_and_nothing_else(tmp_path):
    for name in ("b/c.dcm", "a", ".hidden", ".trash/d.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("gone")
    assert list_files(tmp_path) == [tmp_path / "a", tmp_path / "b" / "c.dcm"]


def test_a_hidden_folder_above_hides_nothing(tmp_path):
    write(plain(), tmp_path / ".cache" / "ct")
    assert len(list_files(tmp_path / ".cache" / "ct")) == 6


def test_images_are_told_apart_by_their_series(tmp_path):
    first, second = write(plain(), tmp_path), write(plain("1.2.4")[:2], tmp_path, "other")
    found = scan_files([*first, *second])
    assert {uid: [header.file for header in series] for uid, series in found.series.items()} == {
        "1.2.3": first,
        "1.2.4": second,
    }
    assert (found.damaged, found.strays, found.warnings) == ((), (), ())


def test_damaged_ct_images_are_told_from_reports(tmp_path):
    damaged = cut(write(plain()[:1], tmp_path)[0])
    report = plain()[1]
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    del report.PixelData
    other = write([report], tmp_path, "report")[0]
    assert scan_files([damaged, other]).damaged == (damaged,)


def test_empty_files_and_what_is_called_dcm_are_strays(tmp_path):
    contents = {"IM0001": b"", "text.dcm": b"text", "readme.txt": b"text", ".hidden": b"", "._IM0001.dcm": b"x"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = scan_files(sorted(tmp_path.iterdir()))
    assert [path.name for path in found.strays] == ["IM0001", "text.dcm"]
    (sentence,) = found.warnings
    assert sentence.startswith("Slices may be missing at an end")
    assert "2 of its files are empty" in sentence


def test_a_damaged_image_is_its_series_own_matter(tmp_path):
    write(plain(), tmp_path)
    cut(write(plain("1.2.4"), tmp_path, "other")[2])
    found = scan_files(list_files(tmp_path))
    found.refuse_damaged("1.2.3")
    with pytest.raises(UserError, match="ends too early"):
        found.refuse_damaged("1.2.4")


def test_a_damaged_image_that_names_no_series_may_be_of_any(tmp_path):
    last = write(plain(), tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:300])
    assert b"1.2.3\0" not in last.read_bytes()[280:]
    with pytest.raises(UserError, match=last.name):
        scan_files(list_files(tmp_path)).refuse_damaged("1.2.3")


def test_the_beginning_of_a_file_says_whether_it_is_dicom(tmp_path):
    path = write(plain()[:1], tmp_path)[0]
    whole = path.read_bytes()
    starts = {"preamble": whole, "meta": whole[132:], "bare": b"\x08\x00\x05\x00", "text": b"text", "empty": b""}
    for name, content in starts.items():
        (tmp_path / name).write_bytes(content)
    assert [name for name in starts if looks_like_dicom(tmp_path / name)] == ["preamble", "meta", "bare"]
    assert not looks_like_dicom(tmp_path / "gone")

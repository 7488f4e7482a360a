import numpy as np
import pytest
from support.dicom_slices import plain, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_header


def header_of(folder, **attributes):
    one = plain()[0]
    for name, value in attributes.items():
        setattr(one, name, value)
    return dicom_header.read_header(write([one], folder)[0])


def test_a_header_says_what_the_file_states(tmp_path):
    header = header_of(tmp_path)
    assert (header.size, header.frames, header.components) == ((20, 16, 1), 1, 1)
    assert header["series"] == "1.2.3"
    assert header.numbers("slope", 1) == [1]
    assert header.numbers("position", 3) == [-5, -7, 30]


@pytest.mark.parametrize(("kind", "expected"), [("LOCALIZER", True), ("AXIAL", False)])
def test_a_localiser_is_told_from_a_slice(tmp_path, kind, expected):
    assert header_of(tmp_path, ImageType=["ORIGINAL", "PRIMARY", kind]).is_localiser is expected


def test_what_is_missing_is_empty(tmp_path):
    assert header_of(tmp_path, FrameOfReferenceUID=None)["frame of reference"] == ""


@pytest.mark.parametrize("stated", ["", "1\\2", "1\\2\\x", "1\\2\\nan", "1\\2\\-inf"])
def test_numbers_that_are_none_are_told(tmp_path, stated):
    header = header_of(tmp_path)
    stating = dicom_header.Header(header.file, header.size, 1, {"position": stated})
    with pytest.raises(ValueError, match=r"could not convert|3 numbers wanted"):
        stating.numbers("position", 3)


def test_letters_of_other_alphabets_and_controls_can_be_printed(tmp_path):
    one = plain()[0]
    one.SpecificCharacterSet, one.SeriesDescription = "ISO_IR 100", "Bäuche!!"
    (path,) = write([one], tmp_path)
    path.write_bytes(path.read_bytes().replace(b"!!", b"\n\x1b"))
    assert dicom_header.read_header(path)["description"] == "B\ufffduche\ufffd\ufffd"


def test_a_file_without_an_image_has_no_header(tmp_path):
    (tmp_path / "text").write_text("no DICOM")
    assert dicom_header.read_header(tmp_path / "text") is None


def test_a_name_that_is_no_unicode_is_refused(tmp_path):
    with pytest.raises(UserError, match="rename it"):
        dicom_header.read_header(tmp_path / "\udcff.dcm")


def test_the_most_can_be_told(tmp_path):
    header = header_of(tmp_path, ImagePositionPatient=[0, 0, 2000])
    assert np.array_equal(header.numbers("position", 3), [0, 0, 2000])
    with pytest.raises(ValueError, match="3 numbers wanted"):
        header.numbers("position", 3, most=1000)


def test_a_damaged_text_is_shown_by_its_beginning():
    assert dicom_header.shorten_value("a" * 64) == "a" * 64
    assert dicom_header.shorten_value("a" * 60_000) == "a" * 64 + "…"

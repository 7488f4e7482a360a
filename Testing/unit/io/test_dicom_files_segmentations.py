import pytest
from support.dicom_slices import plain, write
from support.seg_cases import made, saved

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io.dicom_files import is_segmentation, refuse_non_segmentation


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_both_kinds_of_segmentation_are_known_by_content(tmp_path, kind):
    path = saved(made(kind=kind), tmp_path / "IM0001")
    assert is_segmentation(path)
    refuse_non_segmentation(path)
    path.write_bytes(path.read_bytes()[132:])  # without the preamble
    assert is_segmentation(path)


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        ("2", "is one CT image: give the folder of its series"),
        ("2.1", "is one CT image"),
        ("4", "is an MR image"),
        ("11.1", "is a presentation state"),
        ("66.5", "is a surface segmentation"),
        ("88.34", "is a structured report"),
        ("481.3", "is an RT structure set"),
        ("20", "of a kind that cannot be read"),
        ("481.2", "of a kind that cannot be read"),
    ],
)
def test_every_other_kind_says_what_it_is(tmp_path, uid, words):
    one = plain()[0]
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{uid}"
    (path,) = write([one], tmp_path)
    assert not is_segmentation(path)
    with pytest.raises(UserError, match=words):
        refuse_non_segmentation(path)


def test_what_only_mentions_a_segmentation_is_none(tmp_path):
    (tmp_path / "notes.dcm").write_text("1.2.840.10008.5.1.4.1.1.66.4")
    assert not is_segmentation(tmp_path / "notes.dcm")

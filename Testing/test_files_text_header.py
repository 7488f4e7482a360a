import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.files import read_stored, text_header

NRRD = b"NRRD0004\ntype: short\nsizes: 5 4 3\nspace origin: (1,-2.5,3e2)\n"
METAIMAGE = b"ObjectType = Image\nNDims = 3\nOffset = -4 5 6e1\nElementDataFile = LOCAL\n"


def header(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_a_header_ends_at_an_empty_line_or_at_the_name_of_the_voxels(tmp_path, ends):
    nrrd = header(tmp_path, "a.nrrd", (NRRD + b"\n").replace(b"\n", ends) + b"\0\1\n\n\2")
    read = text_header.read(nrrd)
    assert read.lines[1:3] == (b"type: short", b"sizes: 5 4 3")
    assert nrrd.read_bytes()[read.end :] == b"\0\1\n\n\2"
    metaimage = header(tmp_path, "a.mha", METAIMAGE.replace(b"\n", ends) + b"\0\1\n")
    read = text_header.read(metaimage)
    assert read.lines[1] == b"NDims = 3"
    assert metaimage.read_bytes()[read.end :] == b"\0\1\n"


def test_a_header_alone_ends_with_its_file(tmp_path):
    read = text_header.read(header(tmp_path, "a.nhdr", NRRD))
    assert (len(read.lines), read.end) == (5, len(NRRD))


@pytest.mark.parametrize("line", [b"kinds: " + b"domain " * 200, b"a" * 60_000 + b"\x1f\x8b\0:=\xff"])
def test_long_lines_that_make_teem_crash_are_refused(tmp_path, line):
    path = header(tmp_path, "a.nrrd", NRRD + line + b"\n\n")
    with pytest.raises(UserError, match=r"a\.nrrd has a line in its header that is longer than 1000 characters"):
        text_header.read(path)


@pytest.mark.parametrize("line", [b"Segment0_Tags:=" + b"x" * 200_000, b"# " + b"y" * 5000, b"content: " + b"z" * 5000])
def test_pairs_comments_and_teems_history_may_be_long(tmp_path, line):
    assert line in text_header.read(header(tmp_path, "a.seg.nrrd", NRRD + line + b"\n\n")).lines


def test_attributes_of_dicom_that_itk_keeps_in_metaimages_may_be_long(tmp_path):
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = sitk.GetImageFromArray(voxels)
    image.SetMetaData("0008|2111", "derived " * 500)
    sitk.WriteImage(image, str(tmp_path / "ct.mha"))
    assert np.array_equal(read_stored(tmp_path / "ct.mha").values, voxels)


def test_fields_are_named_in_small_letters_without_comments_and_pairs(tmp_path):
    path = header(tmp_path, "a.nrrd", NRRD + b"# type: float\ntype:=double\n\n")
    assert text_header.read(path).fields == {"type": "short", "sizes": "5 4 3", "spaceorigin": "(1,-2.5,3e2)"}


@pytest.mark.parametrize("stated", [b"-40", b"0", b"11", b"1e30", b"3 3", b"", b"3\nNDims = 3"])
def test_numbers_of_dimensions_that_make_metaio_crash_are_refused(tmp_path, stated):
    path = header(tmp_path, "a.mha", METAIMAGE.replace(b"NDims = 3", b"NDims = " + stated))
    with pytest.raises(UserError, match=r"a\.mha states no number of dimensions from 1 to 10"):
        text_header.read(path)


@pytest.mark.parametrize("number", [b"1e308", b"nan", b"-inf", b"1e999", b"10000000"])
@pytest.mark.parametrize(("name", "content"), [("a.nrrd", NRRD), ("a.mha", METAIMAGE)])
def test_geometry_with_which_itk_hangs_is_refused(tmp_path, name, content, number):
    path = header(tmp_path, name, content.replace(b"-2.5", number).replace(b"5 6e1", number + b" 6e1"))
    with pytest.raises(UserError, match="states an impossible geometry, with numbers that are huge or not finite"):
        text_header.read(path)


@pytest.mark.parametrize("name", [b"ElementDataFile", b"NDims", b"Offset"])
def test_a_value_on_the_next_line_which_metaio_would_read_is_refused(tmp_path, name):
    path = header(tmp_path, "a.mha", METAIMAGE.replace(name + b" = ", name + b" \n = "))
    with pytest.raises(UserError, match=rf"a\.mha states no value behind {name.decode()} on its line"):
        text_header.read(path)


def test_texts_of_several_lines_that_itk_keeps_in_metaimages_are_read(tmp_path):
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = sitk.GetImageFromArray(voxels)
    image.SetMetaData("0020|4000", "one\ntwo three\nfour = x")
    sitk.WriteImage(image, str(tmp_path / "ct.mha"))
    assert np.array_equal(read_stored(tmp_path / "ct.mha").values, voxels)

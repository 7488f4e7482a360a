import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import text_header
from LiverTumorSegLib.io.volumes import read_stored

NRRD = b"NRRD0004\ntype: short\nsizes: 5 4 3\nspace origin: (1,-2.5,3e2)\n"
METAIMAGE = b"ObjectType = Image\nNDims = 3\nOffset = -4 5 6e1\nElementDataFile = LOCAL\n"


def header(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
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
    nrrd = NRRD + b"data file: a.raw\n"
    read = text_header.read(header(tmp_path, "a.nhdr", nrrd))
    assert (len(read.lines), read.end) == (6, len(nrrd))
    with pytest.raises(UserError, match=r"a\.nrrd ends too early"):
        text_header.read(header(tmp_path, "a.nrrd", NRRD))
    metaimage = METAIMAGE.replace(b"LOCAL", b"a.raw")
    assert text_header.read(header(tmp_path, "a.mhd", metaimage.strip())).fields["elementdatafile"] == "a.raw"


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_a_header_that_does_not_end_is_refused(tmp_path, name):
    content = METAIMAGE.replace(b"ElementDataFile", b"Comment") if name[2] == "m" else NRRD
    with pytest.raises(UserError, match=rf"{name} has a header that does not end within 16 MB: export it again"):
        text_header.read(header(tmp_path, name, content + b"# a comment\n" * (2 << 20)))


def test_a_metaimage_that_does_not_say_where_its_voxels_are_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.mha ends too early, is damaged"):
        text_header.read(header(tmp_path, "a.mha", METAIMAGE.replace(b"ElementDataFile", b"ElementDataFile2")))


@pytest.mark.parametrize("letter", [b"\r", b"\0", b"\x0b", b"\x0c", b"\x1b", b"\x7f"])
@pytest.mark.parametrize(("name", "line"), [("a.nrrd", b"# a %bcomment\n"), ("a.mha", b"Comment = a %bcomment\n")])
def test_control_characters_which_another_reader_takes_for_ends_of_lines_are_refused(tmp_path, name, line, letter):
    first, rest = (NRRD if name == "a.nrrd" else METAIMAGE).split(b"\n", 1)
    path = header(tmp_path, name, first + b"\n" + line % letter + rest + b"\n")
    with pytest.raises(UserError, match="control characters in its header, or carriage returns by themselves"):
        text_header.read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nrrd", NRRD + b"data file: a.raw\ndata file: b.raw\n\n"),
        ("a.nhdr", NRRD + b"datafile: a.raw\ndata file: a.raw\n"),
        ("a.mhd", METAIMAGE.replace(b"LOCAL", b"a.raw") + b"ElementDataFile = b.raw\n"),
        ("a.mhd", METAIMAGE.replace(b"LOCAL", b"a.raw") + b"ElementDataFile = LOCAL\n"),
        ("a.nrrd", NRRD + b"sizes: 3 4 5\n\n"),
        ("a.mha", b"NDims = 4\n" + METAIMAGE),
        ("a.mha", b"Position = 0 0 0\n" + METAIMAGE),
    ],
)
def test_a_field_that_is_stated_twice_is_refused(tmp_path, name, content):
    with pytest.raises(UserError, match="states a field of its header twice"):
        _ = text_header.read(header(tmp_path, name, content)).fields


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
    path = header(tmp_path, "a.nrrd", NRRD + b"# type: float\ntype:=double\nmy key:=a\\nb: c\\\\d\n\n")
    read = text_header.read(path)
    assert read.fields == {"type": "short", "sizes": "5 4 3", "spaceorigin": "(1,-2.5,3e2)"}
    assert read.pairs == {"type": "double", "my key": "a\nb: c\\d"}


def test_a_line_that_is_no_field_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not a field of NRRD \('space orgin: \(0,0,0\)'\): correct its header"):
        _ = text_header.read(header(tmp_path, "a.nrrd", NRRD + b"space orgin: (0,0,0)\n\n")).fields
    with pytest.raises(UserError, match=r"misspells a field of its header \(offset\)"):
        text_header.read(header(tmp_path, "a.mha", METAIMAGE.replace(b"Offset", b"offset")))


@pytest.mark.parametrize("stated", [b"-40", b"0", b"11", b"1e30", b"3 3", b"9" * 40])
def test_impossible_numbers_of_dimensions_are_refused(tmp_path, stated):
    path = header(tmp_path, "a.mha", METAIMAGE.replace(b"NDims = 3", b"NDims = " + stated))
    with pytest.raises(UserError, match=r"a\.mha ends too early, is damaged"):
        read_stored(path)


@pytest.mark.parametrize("number", ["1e308", "nan", "-inf", "1e999", "10000000"])
@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_geometry_that_is_huge_or_not_finite_is_refused(tmp_path, name, number):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    header(
        tmp_path,
        name,
        content.replace(b"Offset = 0", b"Offset = %b" % number.encode()).replace(
            b"origin: (0", b"origin: (%b" % number.encode()
        ),
    )
    with pytest.raises(UserError, match="states an impossible geometry, with numbers that are huge or not finite"):
        read_stored(tmp_path / name)


@pytest.mark.parametrize("name", [b"NDims", b"Offset"])
def test_a_value_on_the_next_line_which_other_readers_take_is_refused(tmp_path, name):
    path = header(tmp_path, "a.mha", METAIMAGE.replace(name + b" = ", name + b" \n = "))
    with pytest.raises(UserError, match=rf"a\.mha states no value behind {name.decode()} on its line"):
        text_header.read(path)


def test_texts_of_several_lines_that_itk_keeps_in_metaimages_are_read(tmp_path):
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = sitk.GetImageFromArray(voxels)
    image.SetMetaData("0020|4000", "one\ntwo three\nfour = x")
    sitk.WriteImage(image, str(tmp_path / "ct.mha"))
    assert np.array_equal(read_stored(tmp_path / "ct.mha").values, voxels)

import os

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import text_header

NRRD = "NRRD0004\ntype: short\n{}sizes: 5 4 3\n\n\0\1data file: /dev/zero\n"
METAIMAGE = "NDims = 3\nComment = /dev/zero\n{}\n"
VOXELS = "\0\1ElementDataFile = /dev/zero\n"


def voxel_place(path):
    return text_header.locate_voxels(text_header.read(path))


@pytest.fixture(params=["nrrd", "nhdr", "mha", "mhd"])
def header(request, tmp_path):
    """Writes a header that names a file; without one, its voxels follow."""
    path = tmp_path / "box" / f"ct.{request.param}"
    path.parent.mkdir()
    (path.parent / "voxels.raw").write_bytes(bytes(120))
    (tmp_path / "voxels.raw").write_bytes(bytes(120))

    def write(name=None, key=None):
        if request.param in ("nrrd", "nhdr"):
            text = NRRD.format("" if name is None else f"{key or 'data file'}: {name}\n")
        else:
            text = METAIMAGE.format(f"{key or 'ElementDataFile'} = {name or 'LOCAL'}") + ("" if name else VOXELS)
        path.write_text(text)
        return path

    return write


def test_voxels_behind_the_header_begin_where_it_ends(header):
    path = header()
    place, start = voxel_place(path)
    assert place == path
    assert path.read_bytes()[start:].startswith(b"\0\1")


def test_a_file_beside_the_header_is_found(header):
    path = header("voxels.raw")
    assert voxel_place(path) == (path.parent / "voxels.raw", 0)
    (path.parent / "with blanks").mkdir()
    (path.parent / "with blanks" / "größe.raw").touch()
    place, _ = voxel_place(header("with blanks/größe.raw"))
    assert place.exists()


@pytest.mark.parametrize(
    "name", ["../voxels.raw", "/dev/zero", "/etc/passwd", "x/../../voxels.raw", "~/voxels.raw", r"C:\a.raw", r"..\a"]
)
def test_a_file_outside_the_headers_folder_is_refused(header, name):
    with pytest.raises(UserError, match=r"ct\.\w+ names voxels outside its own folder \(.*\): put that file beside"):
        voxel_place(header(name))


@pytest.mark.parametrize("name", ["missing.raw", ".", "pipe", "x" * 300, "\x9b31m"])
def test_what_is_no_regular_file_is_refused_in_one_line(header, name):
    path = header(name)
    os.mkfifo(path.parent / "pipe")
    with pytest.raises(UserError, match="not a file that can be read: put that file beside it") as refused:
        voxel_place(path)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("name", ["LIST", "LIST 2", "%03d.raw 1 3 1"])
def test_voxels_in_several_files_are_refused(header, name):
    with pytest.raises(UserError, match=r"several files: save it as one \.nrrd or \.nii\.gz file\.$"):
        voxel_place(header(name))


def test_a_per_cent_sign_in_a_name_of_nrrd_is_no_pattern(tmp_path):
    (tmp_path / "50% dose.raw").touch()
    (tmp_path / "ct.nhdr").write_text(NRRD.format("data file: 50% dose.raw\n"))
    assert voxel_place(tmp_path / "ct.nhdr") == (tmp_path / "50% dose.raw", 0)


@pytest.mark.parametrize("key", ["datafile", "Data File"])
def test_every_spelling_of_nrrds_key_counts(tmp_path, key):
    path = tmp_path / "ct.nrrd"
    path.write_text(NRRD.format(f"{key}: /dev/zero\r\n"))
    with pytest.raises(UserError, match="outside"):
        voxel_place(path)


def test_a_comment_or_a_pair_of_ones_own_names_no_file(tmp_path):
    path = tmp_path / "ct.nrrd"
    path.write_text(NRRD.format("# data file: /dev/zero\ndata file:=/dev/zero\n"))
    assert voxel_place(path)[0] == path

import gzip
import io
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes

VOXELS = np.random.default_rng(0).integers(-200, 200, (3, 4, 5)).astype("<i2")
HEADER = (
    "ObjectType = Image\nNDims = 3\n{}TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 9\n"
    "ElementSpacing = 1 1 2\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementDataFile = {}\n"
)


@pytest.fixture
def write(tmp_path):
    def write(body, fields, name="LOCAL"):
        path = tmp_path / "ct.mha"
        path.write_bytes(HEADER.format(fields, name).encode() + (body if name == "LOCAL" else b""))
        (tmp_path / "voxels.raw").write_bytes(body)
        return path

    return write


def packed(body):
    return f"BinaryData = True\nCompressedData = True\nCompressedDataSize = {len(body)}\n"


@pytest.mark.parametrize("name", ["LOCAL", "voxels.raw"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_whole_voxels_are_read(write, name, order):
    body = zlib.compress(VOXELS.astype(order + "i2").tobytes())
    path = write(body, packed(body) + f"BinaryDataByteOrderMSB = {order == '>'}\n", name)
    assert np.array_equal(volumes.read_volume(path, force=True).voxels, VOXELS)


@pytest.mark.parametrize("at", [0, 30, -1])
def test_damaged_compressed_voxels_are_refused(write, at):
    body = bytearray(zlib.compress(VOXELS.tobytes()))
    body[at] ^= 0x41
    with pytest.raises(UserError, match=r"ct\.mha ends too early, is damaged"):
        volumes.read_volume(write(bytes(body), packed(body)), force=True)


@pytest.mark.parametrize("change", [-2, 2])
def test_fewer_or_more_compressed_voxels_than_stated_are_refused(write, change):
    content = VOXELS.tobytes()
    body = zlib.compress(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(write(body, packed(body)), force=True)


TEXT = " ".join(map(str, VOXELS.ravel())).encode() + b"\n"


def test_voxels_in_text_are_read(write):
    assert np.array_equal(volumes.read_volume(write(TEXT, "BinaryData = False\n"), force=True).voxels, VOXELS)


@pytest.mark.parametrize("body", [TEXT[:-9], TEXT.replace(b" ", b" x ", 1), b""], ids=["few", "word", "none"])
def test_text_that_is_not_all_the_numbers_is_refused(write, body):
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(write(body, "BinaryData = False\n"), force=True)


NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 5 4 3\n"
    "space directions: (1,0,0) (0,1,0) (0,0,2)\nendian: little\nencoding: {}\nspace origin: (0,0,9)\n{}\n"
)
PACKED = gzip.compress(VOXELS.tobytes())
IN_MEMBERS = gzip.compress(VOXELS[:1].tobytes()) + gzip.compress(VOXELS[1:].tobytes())


def nrrd(folder, encoding, body, fields=""):
    path = folder / "ct.nrrd"
    path.write_bytes(NRRD.format(encoding, fields).encode() + body)
    return path


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", PACKED), ("gzip", IN_MEMBERS), ("gzip", IN_MEMBERS + gzip.compress(b"") + b"\n"), ("ascii", TEXT)],
)
def test_whole_nrrd_voxels_are_read(tmp_path, encoding, body):
    assert np.array_equal(volumes.read_volume(nrrd(tmp_path, encoding, body), force=True).voxels, VOXELS)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("byte skip: 352\n", gzip.compress(b"x" * 352 + VOXELS.tobytes())),
        ("byte skip: -1\n", gzip.compress(b"x" * 100_000 + VOXELS.tobytes())),
        ("line skip: 2\n", b"one\ntwo\n" + PACKED),
    ],
    ids=["bytes", "all but the end", "lines"],
)
def test_voxels_behind_something_that_the_header_skips_are_read(tmp_path, fields, body):
    assert np.array_equal(volumes.read_volume(nrrd(tmp_path, "gzip", body, fields), force=True).voxels, VOXELS)
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(nrrd(tmp_path, "gzip", body[:-9], fields), force=True)


def test_a_member_may_begin_anywhere(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 256, (2, 200, 325), np.uint8)
    first, second = (voxels[half].tobytes() for half in (0, 1))
    name = "n" * (2**16 - 2 - len(member(first, "")))  # the next one begins with the last byte of a block that is read
    path = nrrd(tmp_path, "gzip", member(first, name) + member(second, ""))
    path.write_bytes(path.read_bytes().replace(b"short", b"uchar").replace(b"5 4 3", b"325 200 2"))
    assert np.array_equal(volumes.read_stored(path).values, voxels)


def member(content, name):
    made = io.BytesIO()
    with gzip.GzipFile(name, "wb", 0, made, 0) as packing:
        packing.write(content)
    return made.getvalue()


HEX = VOXELS.tobytes().hex(" ", 7).encode()


@pytest.mark.parametrize(
    ("encoding", "fields", "body"),
    [
        ("raw", "byte skip: 3\n", b"abc" + VOXELS.tobytes() + b"more"),
        ("raw", "byte skip: -1\n", b"abc" + VOXELS.tobytes()),
        ("raw", "byte skip: -3\n", VOXELS.tobytes() + b"ab"),
        ("raw", "line skip: 1\nbyte skip: 2\n", b"a line\nab" + VOXELS.tobytes()),
        ("hex", "", HEX),
        ("ascii", "line skip: 1\n", b"a line\n" + TEXT),
    ],
)
def test_voxels_are_where_and_as_teem_reads_them(tmp_path, encoding, fields, body):
    path = nrrd(tmp_path, encoding, body, fields)
    seen = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert np.array_equal(seen, VOXELS)
    assert np.array_equal(volumes.read_stored(path).values, VOXELS)


def test_metaimages_state_a_byte_or_the_end(write):
    head = b"some other header"
    for stated in (len(head), -1):
        path = write(head + VOXELS.tobytes(), f"HeaderSize = {stated}\n", "voxels.raw")
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), VOXELS)
        assert np.array_equal(volumes.read_stored(path).values, VOXELS)


def test_numbers_in_words_are_read_in_blocks(tmp_path):
    voxels = np.random.default_rng(0).integers(-999, 999, (40, 50, 60)).astype("<i2")
    path = nrrd(tmp_path, "ascii", " ".join(map(str, voxels.ravel())).encode())
    path.write_bytes(path.read_bytes().replace(b"5 4 3", b"60 50 40"))
    assert np.array_equal(volumes.read_stored(path).values, voxels)
    for wrong in (b"1.5", b"40000", b"nan", b"7" * 200_000):
        content = nrrd(tmp_path, "ascii", TEXT).read_bytes()
        path.write_bytes(content.rpartition(b" ")[0] + b" " + wrong)
        with pytest.raises(UserError, match="ends too early"):
            volumes.read_stored(path)


@pytest.mark.parametrize("skip", ["x", "-2", "9" * 30])
def test_what_is_skipped_by_no_possible_number_is_refused(tmp_path, skip):
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(nrrd(tmp_path, "gzip", IN_MEMBERS, f"byte skip: {skip}\n"), force=True)


@pytest.mark.parametrize(
    "body",
    [
        IN_MEMBERS[:-9],
        IN_MEMBERS[:-5] + b"x" + IN_MEMBERS[-4:],
        gzip.compress(VOXELS.tobytes(), 0).replace(VOXELS.tobytes(), (VOXELS + 1).astype("<i2").tobytes()),
        gzip.compress(VOXELS.tobytes())[:-9],
    ],
    ids=["second member cut", "second member's checksum", "wrong checksum", "cut"],
)
def test_gzip_that_teem_does_not_check_is_refused(tmp_path, body):
    with pytest.raises(UserError, match="ends too early"):
        volumes.read_volume(nrrd(tmp_path, "gzip", body), force=True)

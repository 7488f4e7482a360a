"""Zip files as hostile programs make them; sound ones are in the tests of arrivals."""

import io
import stat
import struct
import zipfile

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.safe_zip import unpack_zip


@pytest.fixture
def pack(tmp_path):
    """Write a zip file of names and contents."""

    def write(*entries, method=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "ct.zip", "w", method) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        return tmp_path / "ct.zip"

    return write


def entry(name, kind):
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, (kind | 0o777) << 16
    return made


def unpacked(archive, **limits):
    """What comes out, by relative name; nothing may come out elsewhere."""
    before = set(archive.parent.rglob("*"))
    folder = archive.parent / "out"
    unpack_zip(archive, folder, **limits)
    made = set(archive.parent.rglob("*")) - before - {folder}
    assert all(path.is_relative_to(folder) for path in made)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in made if path.is_file()}


def refusal(archive, **limits):
    before = set(archive.parent.rglob("*"))
    with pytest.raises(UserError) as refused:
        unpack_zip(archive, archive.parent / "out", **limits)
    assert set(archive.parent.rglob("*")) == before
    assert str(archive.parent) not in str(refused.value)
    return str(refused.value)


def test_files_come_out_in_their_folders(pack):
    archive = pack(("study/", b""), ("study/1/IM1", b"one"), ("study\\2\\IM1", b"two"), ("ct.nii", b"three"))
    assert unpacked(archive) == {"study/1/IM1": b"one", "study/2/IM1": b"two", "ct.nii": b"three"}


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/tmp/evil", "//host/evil", "..\\evil", "C:\\evil", "C:evil", "a\\..\\..\\evil"]
)
def test_a_name_that_leads_outside_refuses_the_whole_file(pack, name):
    assert "would be written outside its folder" in refusal(pack(("IM1", b"1"), (name, b"evil")))


def test_links_hidden_files_and_what_macos_adds_are_left_out(pack):
    archive = pack(
        (entry("link", stat.S_IFLNK), b"/etc/passwd"),
        (entry("folder", stat.S_IFLNK), b"/tmp"),
        ("folder/IM1", b"1"),
        (".DS_Store", b"x"),
        ("__MACOSX/folder/._IM1", b"x"),
        ("folder/._IM1", b"x"),
    )
    assert unpacked(archive) == {"folder/IM1": b"1"}


@pytest.mark.parametrize("name", ["nul", "aux.nii", "ct\x1b[2J.nii", "\u202eiin.tc", "ct.nii:stream", "a" * 300])
def test_names_that_do_harm_are_made_safe(pack, name):
    (made,) = unpacked(pack((name, b"1")))
    assert made != name
    assert made.isprintable()
    assert len(made) <= 180


def test_a_bomb_is_refused_before_it_is_unpacked(pack):
    bomb = pack(*((f"IM{number}", bytes(1_000_000)) for number in range(10)))
    assert bomb.stat().st_size < 20_000
    assert refusal(bomb, most_bytes=9_999_999) == "ct.zip unpacks to more than 0.0 GB: zip the folder of one CT."
    assert len(unpacked(bomb, most_bytes=10_000_000)) == 10


def test_a_bomb_that_understates_its_size_is_refused(pack):
    archive = pack(("IM1", bytes(5_000_000)))
    content = archive.read_bytes()
    assert content.count(struct.pack("<I", 5_000_000)) == 2
    archive.write_bytes(content.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10)))
    assert "is damaged" in refusal(archive, most_bytes=100)


def test_a_bomb_in_a_bomb_stays_packed(pack):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ct.nii", bytes(1_000_000))
    assert unpacked(pack(("inner.zip", inner.getvalue()))) == {"inner.zip": inner.getvalue()}


def test_too_many_files_are_refused(pack):
    archive = pack(*((f"IM{number}", b"") for number in range(11)))
    assert "more than 10 files" in refusal(archive, most_files=10)


def test_a_list_of_files_that_fills_the_memory_is_never_read(pack, monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.core.safe_zip._LARGEST_READ", 100_000)
    archive = pack(*((f"{number:04}{'x' * 90}", b"") for number in range(800)))
    assert "is damaged" in refusal(archive)


def damaged(content):
    middle = len(content) // 2
    return content[:middle] + bytes(letter ^ 255 for letter in content[middle : middle + 40]) + content[middle + 40 :]


@pytest.mark.parametrize(
    "change", [lambda content: content[: len(content) // 2], damaged, lambda _: b"", lambda _: b"PK\5\6" * 9]
)
def test_what_is_damaged_or_no_zip_file_is_refused(pack, change):
    archive = pack(("IM1", bytes(range(256)) * 99), method=zipfile.ZIP_STORED)
    archive.write_bytes(change(archive.read_bytes()))
    assert refusal(archive) == "ct.zip is damaged, encrypted or no plain zip file: zip the CT's folder again."


def test_an_encrypted_file_is_refused(pack):
    archive = pack(("IM1", b"1"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    assert "encrypted" in refusal(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packing_than_deflate_is_refused(pack, method):
    assert "no plain zip file" in refusal(pack(("IM1", bytes(1000)), method=method))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("IM1", "IM1"), ("IM1", "IM1/IM2"), ("a/IM1", "a/./IM1")])
def test_two_files_of_one_name_are_refused(pack, names):
    assert "is damaged" in refusal(pack(*((name, b"1") for name in names)))


def test_a_folder_that_is_there_is_not_touched(pack, tmp_path):
    archive = pack(("IM1", b"1"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").touch()
    refusal(archive)

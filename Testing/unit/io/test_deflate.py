import gzip
import io
import random
import zlib

import pytest

from LiverTumorSegLib.io import deflate
from LiverTumorSegLib.io.deflate import DEFLATE_ERRORS, read_gzip, unpacked_blocks

CONTENT = random.Random(0).randbytes(3_000_000)


@pytest.fixture(autouse=True, params=["ISA-L", "zlib"])
def _unpacker(request, monkeypatch):
    """Each test is of both: a machine for which there is no build of ISA-L has zlib alone."""
    if request.param == "ISA-L":
        pytest.importorskip("isal", reason="there is no build of ISA-L for this machine")
    else:
        monkeypatch.setattr(deflate, "_open_gzip", gzip.open)
        monkeypatch.setattr(deflate, "_unpacker", zlib.decompressobj)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENT, 1))
    return path


def test_a_sound_file_is_unpacked_also_with_several_members_or_padding(path):
    assert read_gzip(path, len(CONTENT)) == CONTENT
    assert read_gzip(path, 100) == CONTENT[:100]
    path.write_bytes(gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:]) + bytes(512))
    assert read_gzip(path, len(CONTENT)) == CONTENT


def test_a_file_with_less_than_is_needed_is_not(path):
    assert read_gzip(path, len(CONTENT) + 1) is None


@pytest.mark.parametrize("at", [20, 1_500_000, -1, -5])
def test_a_changed_byte_is_found_wherever_it_is(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert read_gzip(path, 100) is None


@pytest.mark.parametrize("tail", [b"rubbish", b"\x1f\x8b\x08"])
def test_something_behind_it_or_a_part_of_it_is_not(path, tail):
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert read_gzip(path, len(CONTENT)) is None
    path.write_bytes(whole[:-4])
    assert read_gzip(path, len(CONTENT)) is None


def test_what_unpacks_to_far_more_than_needed_is_given_up(path):
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    assert read_gzip(path, 1000) is None


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_stream_within_a_file_is_unpacked_to_its_end(pack):
    packed = pack(CONTENT[:200_000])
    assert b"".join(unpacked_blocks(io.BytesIO(packed))) == CONTENT[:200_000]
    with pytest.raises(DEFLATE_ERRORS):
        list(unpacked_blocks(io.BytesIO(packed[:-1])))
    with pytest.raises(DEFLATE_ERRORS):
        list(unpacked_blocks(io.BytesIO(packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:])))


def test_several_members_are_one_stream():
    packed = gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:2000])
    assert b"".join(unpacked_blocks(io.BytesIO(packed))) == CONTENT[:2000]

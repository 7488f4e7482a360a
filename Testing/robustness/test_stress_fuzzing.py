"""Every campaign of small tries, small: nothing fails, both outcomes occur, and a planted defect is reported."""

import importlib
import zlib
from contextlib import suppress

import pytest

from LiverTumorSegLib.io import deflate, nrrd_metaimage, text_header, volumes
from robustness.stress import text_header_tries

TRIES = {
    "nifti_headers": 300,
    "nrrd_headers": 300,
    "metaimage_headers": 300,
    "bodies": 200,
    "dicom_headers": 40,
    "dicom_seg": 60,
    "model_json": 80,
    "recipe_yaml": 60,
}


def campaign(name):
    return importlib.import_module(f"robustness.stress.campaigns.{name}")


@pytest.mark.parametrize("name", TRIES)
def test_nothing_ends_outside_the_two_outcomes(name, tmp_path):
    tally = campaign(name).run(TRIES[name], 0, tmp_path)
    assert tally.failed == []
    assert tally.tried == TRIES[name]
    assert tally.refused > 0.2 * tally.tried
    assert tally.handled > 0.02 * tally.tried
    assert not list(tmp_path.iterdir())


def first_bytes(path, needed):
    """Of a gzip file, whatever follows them."""
    return bytearray(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(path.read_bytes(), needed))


def unchecked(content):
    """What a stream holds, up to where it is damaged, and zeros behind that."""
    unpacking, found = zlib.decompressobj(zlib.MAX_WBITS | 32), b""
    with suppress(zlib.error):
        for byte in content.read():
            found += unpacking.decompress(bytes([byte]))
    yield found + bytes(120 - len(found))


def test_a_check_that_is_gone_shows(monkeypatch, tmp_path):
    monkeypatch.setattr(deflate, "read_gzip", first_bytes)
    monkeypatch.setattr(nrrd_metaimage, "unpacked_blocks", unchecked)
    assert any("other voxels than were packed" in line for line in campaign("bodies").run(150, 0, tmp_path).failed)


def test_voxels_from_outside_the_folder_show(monkeypatch, tmp_path):
    monkeypatch.setattr(text_header, "_checked_data_file", lambda header, name: header.path.parent / name)
    monkeypatch.setattr(text_header_tries, "_ELSEWHERE", ("../outside.raw", "{above}/outside.raw"))
    failed = campaign("metaimage_headers").run(600, 0, tmp_path).failed
    assert any("outside.raw was opened" in line for line in failed)


def test_a_geometry_that_is_not_held_shows(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "_check_geometry", lambda *_: None)
    assert campaign("nifti_headers").run(200, 0, tmp_path).failed


def test_a_failed_try_can_be_repeated(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "_check_geometry", lambda *_: None)
    failed = campaign("nifti_headers").run(300, 0, tmp_path).failed
    first = next(line for line in failed if "AssertionError: an affine that is not finite" in line)
    number = int(first.partition("--only ")[2].partition(":")[0])
    with pytest.raises(AssertionError, match="an affine that is not finite"):
        campaign("nifti_headers").only(number, 0, tmp_path)

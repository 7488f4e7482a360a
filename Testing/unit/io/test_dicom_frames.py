import struct

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)
from support.dicom_slices import INTERCEPT, hounsfield, plain, store
from support.dicom_slices import write as write_slices
from support.enhanced_dicom import enhanced, groups, legacy, share, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.dicom_frames import is_enhanced_ct


def read(path, **options):
    return volumes.read_volume(path, force=True, **options)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The same CT as single slices."""
    folder = tmp_path_factory.mktemp("single") / "ct"
    write_slices(plain(), folder)
    return read(folder)


def assert_alike(found, single):
    np.testing.assert_array_equal(found.voxels, single.voxels)
    np.testing.assert_allclose(found.affine, single.affine, rtol=0, atol=1e-9)
    assert found.warnings == single.warnings


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_what_highdicom_converts_is_the_same_ct(tmp_path, single, syntax):
    file = write(legacy(plain(), transfer_syntax_uid=syntax), tmp_path / "ct.dcm")
    assert is_enhanced_ct(file)
    assert_alike(read(file), single)
    assert_alike(read(tmp_path), single)


SHUFFLED = (3, 0, 5, 1, 4, 2)


def test_frames_may_come_in_any_order_and_are_told_by_their_numbers(tmp_path, single):
    found = read(write(enhanced([plain()[number] for number in SHUFFLED]), tmp_path / "ct.dcm"))
    assert_alike(found, single)
    assert found.frames == (2, 4, 6, 1, 5, 3)
    assert set(found.images) == {tmp_path / "ct.dcm"}
    assert single.frames == ()


def test_what_is_stated_once_holds_for_all_frames(tmp_path, single):
    one = enhanced(plain())
    share(one, "PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence")
    assert_alike(read(write(one, tmp_path / "ct.dcm")), single)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_encodings_are_read(tmp_path, single, syntax):
    one = enhanced(plain())
    if syntax is ExplicitVRBigEndian:
        one.PixelData = np.frombuffer(one.PixelData, "<u2").byteswap().tobytes()
    one.file_meta.TransferSyntaxUID = syntax
    one.save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    assert_alike(read(tmp_path / "ct.dcm"), single)


def test_each_frame_has_its_own_scale(tmp_path, single):
    slices = plain()
    for number, one in enumerate(slices):
        one.RescaleIntercept = INTERCEPT - 10 * number
        store(one, (hounsfield()[number] - one.RescaleIntercept).astype(np.uint16))
    assert_alike(read(write(enhanced(slices), tmp_path / "ct.dcm")), single)


def test_signed_pixels_and_broken_scales_are_read_as_of_single_slices(tmp_path):
    slices = plain()
    for one, values in zip(slices, hounsfield(), strict=True):
        store(one, values)
        one.RescaleIntercept, one.RescaleSlope, one.BitsStored, one.HighBit = 0.25, 0.5, 12, 11
    write_slices(slices, tmp_path / "single")
    write(enhanced(slices), tmp_path / "ct.dcm")
    assert_alike(read(tmp_path / "ct.dcm"), read(tmp_path / "single"))


def test_bits_beside_the_stored_ones_are_left_out(tmp_path, single):
    one = enhanced(plain())
    one.PixelData = (np.frombuffer(one.PixelData, "<u2") | 0x5000).tobytes()
    assert_alike(read(write(one, tmp_path / "ct.dcm")), single)


def compressed(slices, change=lambda _: None):
    one = enhanced(slices)
    change(one)
    one.compress(RLELossless)
    return one


def test_compressed_frames_in_any_order_are_read(tmp_path, single):
    one = compressed([plain()[number] for number in SHUFFLED])
    assert_alike(read(write(one, tmp_path / "ct.dcm")), single)


def test_compressed_frames_of_different_scales_are_refused(tmp_path):
    def change(one):
        groups(one)[2].PixelValueTransformationSequence[0].RescaleIntercept = 5

    with pytest.raises(UserError, match="in different ways: export it without compression"):
        read(write(compressed(plain(), change), tmp_path / "ct.dcm"))


def test_irregular_spacing_is_warned_about_as_of_single_slices(tmp_path):
    slices = plain()
    slices[2].ImagePositionPatient[2] += 0.2
    write_slices(slices, tmp_path / "single")
    write(enhanced(slices), tmp_path / "ct.dcm")
    found = read(tmp_path / "ct.dcm")
    assert "Its slices lie up to 0.20 mm from where an even stack has them." in found.warnings
    assert_alike(found, read(tmp_path / "single"))


def _gap(one):
    groups(one)[3].PlanePositionSequence[0].ImagePositionPatient[2] += 6


def _too_few_groups(one):
    del one.PerFrameFunctionalGroupsSequence[4:]


def _many_frames(one):
    one.NumberOfFrames = 2_000_000_000


def _no_groups(one):
    del one.PerFrameFunctionalGroupsSequence


def _no_place(one):
    del groups(one)[1].PlanePositionSequence


def _far(one):
    groups(one)[1].PlanePositionSequence[0].ImagePositionPatient[0] = 1e30


def _endless(one):
    groups(one)[1].PixelMeasuresSequence[0]["PixelSpacing"]._value = ["1e999", "1"]


def _no_scale(one):
    for frame in groups(one):
        del frame.PixelValueTransformationSequence


def _huge_scale(one):
    groups(one)[1].PixelValueTransformationSequence[0]["RescaleSlope"]._value = "1e999"


def _no_series(one):
    del one.SeriesInstanceUID


def _no_bits(one):
    one.BitsAllocated = 12


def _wide(one):
    one.Rows = one.Columns = 65535


def _cut(one):
    one.PixelData = one.PixelData[:-2]


def _shifted(one):
    one.HighBit = 15


def _colours(one):
    one.SamplesPerPixel, one.PhotometricInterpretation = 3, "RGB"


def _one_place(one):
    groups(one)[1].PlanePositionSequence = groups(one)[0].PlanePositionSequence


def _turned(one):
    groups(one)[1].PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_gap, "slices are missing, or resample it"),
        (_too_few_groups, r"states 6 frames and describes 4 of them .*: get or export it again"),
        (_many_frames, "states 2000000000 frames and describes 6 of them"),
        (_no_groups, "states 6 frames and describes 0 of them"),
        (_no_place, "does not say where its image lies"),
        (_far, "does not say where its image lies"),
        (_endless, "does not say where its image lies"),
        (_no_scale, "does not say how its pixels become CT numbers"),
        (_huge_scale, "does not say how its pixels become CT numbers"),
        (_no_series, "states no Series Instance UID"),
        (_no_bits, "frames without pixels, or with more than an image has"),
        (_wide, "frames without pixels, or with more than an image has"),
        (_cut, "ends too early"),
        (_shifted, "does not say how its pixels become CT numbers"),
        (_colours, "in colour or inverted"),
        (_one_place, "two slices at one place"),
        (_turned, "mixes slices of different direction"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, change, words):
    one = enhanced(plain())
    change(one)
    file = write(one, tmp_path / "folder" / "ct.dcm")
    for path in (file, file.parent):
        with pytest.raises(UserError, match=words):
            read(path)


def test_a_file_that_is_cut_is_one_sentence_wherever_it_is(tmp_path):
    whole = write(enhanced(plain()), tmp_path / "whole.dcm").read_bytes()
    file = tmp_path / "cut" / "ct.dcm"
    file.parent.mkdir()
    for length in range(300, len(whole), 397):
        file.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut.*\.$"):
            read(file)


def test_a_length_beyond_the_file_takes_no_memory(tmp_path):
    content = write(enhanced(plain()), tmp_path / "ct.dcm").read_bytes()
    at = content.index(b"\x08\x00\x3e\x10LO")
    hostile = content[:at] + b"\x09\x00\x10\x10OB\0\0" + struct.pack("<I", 0xFFFFFFF0) + content[at:]
    (tmp_path / "ct.dcm").write_bytes(hostile)
    with pytest.raises(UserError, match="states no Series Instance UID"):
        read(tmp_path / "ct.dcm")


def test_more_voxels_than_allowed_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MOST_VOXELS", "1000")
    with pytest.raises(UserError, match="has 20 x 16 x 6 voxels, more than 1,000"):
        read(write(enhanced(plain()), tmp_path / "ct.dcm"))


def test_a_bad_one_beside_a_series_does_not_matter_when_that_is_chosen(tmp_path, single):
    write_slices(plain(), tmp_path / "ct")
    bad = enhanced(plain())
    _no_groups(bad)
    write(bad, tmp_path / "ct" / "bad.dcm")
    assert_alike(read(tmp_path / "ct", series="1.2.3"), single)


def test_a_single_image_of_the_plain_kind_is_none(tmp_path):
    slices = plain()
    before = Dataset()
    before.SOPClassUID = EnhancedCTImageStorage
    slices[0].ReferencedImageSequence = [before]
    (file, *_) = write_slices(slices, tmp_path / "ct")
    assert not is_enhanced_ct(file)
    assert dcmread(write(enhanced(plain()), tmp_path / "one.dcm")).SOPClassUID == EnhancedCTImageStorage


def test_pydicom_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    file = write(enhanced(plain()), tmp_path / "ct.dcm")
    monkeypatch.setattr("LiverTumorSegLib.core.optional_packages.find_spec", lambda _: None)
    with pytest.raises(UserError, match="needs packages that are not installed .pydicom"):
        read(file)

import zlib

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support.seg_cases import labels, made, saved

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_header, volumes


@pytest.fixture
def deflated(tmp_path):
    dataset = made()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return saved(dataset, tmp_path / "seg.dcm")


def test_a_deflated_file_is_read_as_any_other(deflated):
    assert np.array_equal(volumes.read_stored(deflated).values, labels()[1:5])
    assert volumes.segment_names(deflated) == {1: "Liver", 2: "Lesion 1", 3: "Lesion 2"}


def test_a_deflated_file_may_not_unpack_without_bounds(deflated, monkeypatch):
    monkeypatch.setattr(dicom_header, "_MOST_BYTES", 1000)
    monkeypatch.setattr(zlib, "decompress", lambda *_: pytest.fail("pydicom unpacks it all"))
    for read in (volumes.read_stored, volumes.segment_names):
        with pytest.raises(UserError, match="ends too early, is damaged"):
            read(deflated)


def test_a_deflated_file_that_is_cut_off_is_refused(deflated):
    deflated.write_bytes(deflated.read_bytes()[:-40])
    with pytest.raises(UserError, match="ends too early, is damaged"):
        volumes.read_stored(deflated)


def test_elements_from_one_on_are_left_out(tmp_path):
    path = saved(made(), tmp_path / "seg.dcm")
    assert "SegmentSequence" in dicom_header.read_dicom_file(path, 0x00620003)
    assert "PixelData" not in dicom_header.read_dicom_file(path, 0x00620003)
    assert "PixelData" in dicom_header.read_dicom_file(path)


def test_memory_and_anything_else_that_goes_wrong_are_one_sentence(tmp_path):
    for error, words in ((MemoryError(), "takes more memory"), (RecursionError(), "is damaged")):
        with pytest.raises(UserError, match=words), dicom_header.explain_damage(tmp_path / "seg.dcm"):
            raise error
    with pytest.raises(UserError, match="^as it was$"), dicom_header.explain_damage(tmp_path):
        raise UserError(*["as it was"])

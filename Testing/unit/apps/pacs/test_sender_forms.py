"""Segmentations go out in the form that the configuration asks for where the archive takes it, else as ever."""

import logging

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SegmentationStorage,
)
from support.dicom_object_cases import written
from support.pacs_sending import dicom, web

from LiverTumorSegLib.apps.pacs.config import Send
from LiverTumorSegLib.apps.pacs.sender import send_objects
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.dicom_label_map import LABEL_MAP_STORAGE

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from support.pacs_accepting import answering

PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
ALL = [*PLAIN, RLELossless, DeflatedExplicitVRLittleEndian]
FORMS = ("label map", "deflated")


@pytest.fixture(scope="module")
def result():
    """The files of a result, as the service has them."""
    return [written("plain").folder / name for name in dicom_write.NAMES]


def sent(files, form, folder, status=lambda event: 0, **archive):
    """What an archive gets, by its modality, as files with the transfer syntax that they came in."""
    got = {}

    def keep(event):
        content = event.dataset
        content.file_meta = event.file_meta
        if not status(event):
            got[content.Modality] = folder / f"{content.Modality}.dcm"
            content.save_as(got[content.Modality], enforce_file_format=True)
        return status(event)

    with answering(keep, **archive) as (port, _):
        send_objects(files, dicom(port).model_copy(update={"segmentation": form}))
    return got


def assert_says_the_same(file, result):
    np.testing.assert_array_equal(volumes.read_stored(file).values, volumes.read_stored(result[0]).values)


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_takes_a_form_gets_it(result, form, tmp_path):
    got = sent(result, form, tmp_path, contexts=[LABEL_MAP_STORAGE, *classes(result)], transfer_syntax=ALL)
    found, report = dcmread(got["SEG"]), dcmread(got["SR"])
    usual = dcmread(result[0])
    if form == "deflated":
        assert found.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
        assert (found.SOPClassUID, found.SOPInstanceUID) == (SegmentationStorage, usual.SOPInstanceUID)
    else:
        assert (found.SOPClassUID, found.file_meta.TransferSyntaxUID) == (LABEL_MAP_STORAGE, RLELossless)
    references = {item.value for item in report.iterall() if item.keyword == "ReferencedSOPInstanceUID"}
    assert found.SOPInstanceUID in references
    assert_says_the_same(got["SEG"], result)


def classes(files):
    return [dcmread(file).SOPClassUID for file in files]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_does_not_take_a_form_gets_the_usual_one_and_the_log_says_so(result, form, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    got = sent(result, form, tmp_path, contexts=classes(result), transfer_syntax=PLAIN)
    assert [dcmread(got[name]).SOPInstanceUID for name in ("SEG", "SR")] == [dcmread(f).SOPInstanceUID for f in result]
    assert dcmread(got["SEG"]).SOPClassUID == SegmentationStorage
    assert f"takes no DICOM Segmentation as {form}, which is sent as binary (it takes no SEG)" in caplog.text


def test_an_archive_that_accepts_label_maps_and_then_refuses_one_gets_the_usual_form(result, tmp_path):
    def status(event):
        return 0xA900 if event.request.AffectedSOPClassUID == LABEL_MAP_STORAGE else 0

    contexts = [LABEL_MAP_STORAGE, *classes(result)]
    got = sent(result, "label map", tmp_path, status, contexts=contexts, transfer_syntax=ALL)
    assert dcmread(got["SEG"]).SOPClassUID == SegmentationStorage
    assert_says_the_same(got["SEG"], result)


def test_a_form_that_there_is_not_is_refused():
    peer = {"ae_title": "PACS", "address": "127.0.0.1", "port": 104}
    assert Send.model_validate({"segmentation": "label map", "dicom": peer}).segmentation == "label map"
    with pytest.raises(ValueError, match="binary"):
        Send.model_validate({"segmentation": "zipped", "dicom": peer})


@pytest.mark.parametrize("form", FORMS)
def test_orthanc_holds_each_once_however_often_it_is_sent(archive, result, form, tmp_path):
    for to in (dicom(archive.dicom), dicom(archive.dicom), web(archive.web)):
        send_objects(result, to.model_copy(update={"segmentation": form}))
    held = {}
    for one in archive.data_sets():
        held.setdefault(one.Modality, []).append(one)
    assert len(held["SEG"]) == (1 if form == "deflated" else 2), "by DICOMweb this Orthanc takes label maps"
    for number, one in enumerate(held["SEG"]):
        file = tmp_path / f"{number}.dcm"
        one.save_as(file)
        assert_says_the_same(file, result)

"""The parts that a configuration names are tried before a service is started with it."""

import pytest
from support.archive_cases import free_port
from support.pacs_core_cases import configured
from support.pacs_sending import dicom, web

from LiverTumorSegLib.apps.pacs.config_check import try_configuration

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
from support.pacs_accepting import answering


@pytest.fixture
def tried(tmp_path):
    """Try a configuration; how many parts cannot be used, and what is said of each but the model."""

    def tried(to, **sections):
        said = []
        count = try_configuration(
            configured(tmp_path / "pacs", send=to.model_dump(exclude_none=True), **sections), said.append
        )
        assert said[0].startswith("The model: ")
        return count, said[1:]

    return tried


def test_archives_that_answer_can_be_used(tried, archive):
    count, said = tried(dicom(archive.dicom))
    assert count == 0
    assert "takes DICOM Segmentations and Structured Reports" in said[0]
    count, said = tried(web(archive.web), watch={"url": archive.web})
    assert count == 0
    assert said[0].endswith("/dicom-web: answers to QIDO-RS.")
    assert "answers to QIDO-RS" in said[1]
    assert archive.instances() == []


def test_an_archive_that_is_searched_for_what_was_missed_is_tried(tried, archive):
    count, said = tried(dicom(archive.dicom), receive={"senders": [{"ae_title": "ORTHANC"}]}, catch_up={})
    assert count == 0
    assert "answers to C-FIND; whether it sends to LIVERTUMORSEG" in said[0]
    with answering(0) as (port, _):
        count, said = tried(dicom(port), receive={"senders": [{"ae_title": "ORTHANC"}]}, catch_up={})
    assert "accepts nothing that this service sends or asks for" in said[0]


def test_each_part_that_cannot_be_used_is_said(tried, archive, tmp_path):
    gone = f"http://127.0.0.1:{free_port()}"
    wrong = {"certificate": tmp_path / "a", "key": tmp_path / "a", "authorities": tmp_path / "a"}
    count, said = tried(
        dicom(archive.dicom, ae_title="OTHER"),
        segment={"model": "none"},
        watch={"url": gone},
        receive={"senders": [{"ae_title": "A"}], "tls": wrong},
    )
    assert count == 4
    for sentence, words in zip(said, ["cannot be read", "cannot be connected to", "both AE titles"], strict=True):
        assert words in sentence
    assert tried(web(gone))[0] == 1


def test_an_archive_without_segmentations_is_known_before_one_is_sent(tried):
    with answering(0, ["1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.34"]) as (port, got):
        count, (said,) = tried(dicom(port))
    assert count == 1
    assert said.endswith("takes no DICOM Segmentations.")
    assert got == []

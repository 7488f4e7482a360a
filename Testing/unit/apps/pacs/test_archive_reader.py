"""A real archive is searched as a user would, and gives what was found."""

import io
import json

import pydicom
import pytest
from support import dicom_slices
from support.archive_cases import free_port
from support.pacs_watching import serving

from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

from LiverTumorSegLib.apps.pacs.archive_reader import FoundSeries, StudyQuery, WebReader, patient_name
from LiverTumorSegLib.apps.pacs.config import Peer, Receive, Web
from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable
from LiverTumorSegLib.apps.pacs.dimse_reader import DimseReader
from LiverTumorSegLib.reporting.dicom_label_map import LABEL_MAP_STORAGE


def put(archive, folder, study, name="Some^One", **changes):
    """Store a CT series of three images."""
    slices = dicom_slices.plain(f"{study}.1", count=3)
    for one in slices:
        one.StudyInstanceUID, one.PatientName, one.StudyDate = study, name, "20260102"
        for keyword, value in changes.items():
            setattr(one, keyword, value)
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    archive.store(*dicom_slices.write(slices, folder / study))
    return slices


@pytest.fixture
def filled(archive, tmp_path):
    put(archive, tmp_path, "1.2.10", "Some^One", PatientID="A1", AccessionNumber="X1", StudyDescription="Abdomen")
    put(archive, tmp_path, "1.2.20", "Some^Other", PatientID="A2", StudyDate="20250809")
    put(archive, tmp_path, "1.2.30", "Else^Body", PatientID="A3", SOPClassUID=pydicom.uid.MRImageStorage, Modality="MR")
    return archive


@pytest.fixture(params=["DICOMweb", "C-FIND and C-GET", "C-FIND and C-MOVE"])
def reader(request):
    """Makes a reader of an archive, by each way."""

    def make(archive, longest=1 << 20):
        if request.param == "DICOMweb":
            return WebReader(Web(url=archive.web), longest)
        peer = Peer(ae_title="ORTHANC", address="127.0.0.1", port=archive.dicom)
        if request.param == "C-FIND and C-GET":
            return DimseReader(peer, longest)
        receive = Receive(port=free_port(), senders=[{"ae_title": "ORTHANC", "address": "127.0.0.1"}])
        place = {"AET": receive.ae_title, "Host": receive.address, "Port": receive.port}
        archive.ask("/modalities/livertumorseg", "PUT", json.dumps(place).encode())
        return DimseReader(peer, longest, receive)

    return make


def test_studies_with_cts_are_found_by_what_is_known_of_them(filled, reader):
    for asked, found in SEARCHES:
        studies = reader(filled).studies(StudyQuery.read(asked))
        assert sorted(study.study for study in studies) == found, asked


SEARCHES = [
    ({"name": "some"}, ["1.2.10", "1.2.20"]),
    ({"name": "Some^Oth"}, ["1.2.20"]),
    ({"name": "some, öther"}, ["1.2.20"]),
    ({"patient": "A1"}, ["1.2.10"]),
    ({"patient": "A"}, []),
    ({"accession": "X1"}, ["1.2.10"]),
    ({"since": "2026-01-01"}, ["1.2.10"]),
    ({"until": "2025-12-31"}, ["1.2.20"]),
    ({"name": "Else"}, []),
]


def test_a_study_says_whose_it_is_and_its_series_can_be_fetched(filled, reader):
    (study,) = reader(filled).studies(StudyQuery.read({"patient": "A1"}))
    assert (study.name, study.day, study.accession) == ("Some^One", "20260102", "X1")
    assert (study.description, study.modalities) == ("Abdomen", ("CT",))
    (series,) = reader(filled).series("1.2.10")
    assert (series.modality, series.description, series.objects) == ("CT", "series 1.2.10.1", "3")
    got = []
    reader(filled).fetch("1.2.10", series, lambda content, of: got.append((pydicom.dcmread(io.BytesIO(content)), of)))
    assert sorted(one.InstanceNumber for one, _ in got) == [1, 2, 3]
    assert {of for _, of in got} == {3}


@pytest.mark.parametrize("kind", [pydicom.uid.SegmentationStorage, LABEL_MAP_STORAGE])
def test_a_result_is_fetched_as_a_ct_is(archive, reader, tmp_path, kind, request):
    if kind == LABEL_MAP_STORAGE and request.node.callspec.params["reader"] == "C-FIND and C-GET":
        pytest.skip("Orthanc 1.10, that of Debian, sends no label maps by C-GET.")
    about = {"SeriesDescription": "LiverTumorSeg", "PatientID": "A1"}
    put(archive, tmp_path, "1.2.40", SOPClassUID=kind, Modality="SEG", **about)
    (series,) = reader(archive).series("1.2.40")
    got = []
    reader(archive).fetch("1.2.40", series, lambda content, _: got.append(pydicom.dcmread(io.BytesIO(content))))
    assert [one.Modality for one in got] == ["SEG"] * 3


def test_an_object_that_is_too_large_is_refused(filled, reader):
    series = FoundSeries("1.2.10.1", "CT", "", "", "")
    with pytest.raises(Rejected, match="longer than this service accepts"):
        reader(filled, longest=1000).fetch("1.2.10", series, lambda *_: None)


@pytest.mark.parametrize(
    "reader",
    [
        WebReader(Web(url="http://127.0.0.1:9/dicom-web"), 1000),
        DimseReader(Peer(ae_title="ORTHANC", address="127.0.0.1", port=9), 1000),
    ],
)
def test_an_archive_that_is_down_is_said_to_be(reader):
    with pytest.raises(Unreachable, match="cannot be connected to"):
        reader.studies(StudyQuery(name="A"))


@pytest.mark.parametrize("body", [b'[{"0020000D": {"Value": ["../x"]}}]', b'[{"00100010": 3}]'])
def test_answers_that_name_no_study_find_nothing(body):
    with serving([]) as (url, server):
        server.says = body
        assert WebReader(Web(url=url), 10_000).studies(StudyQuery(name="A")) == []


def test_a_list_that_is_too_long_is_refused():
    with serving([]) as (url, server), pytest.raises(Rejected, match="longer than this service accepts"):
        server.says = b"[" + b" " * 10_000_001 + b"]"
        WebReader(Web(url=url), 1 << 30).studies(StudyQuery(name="A"))


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_a_server_that_is_no_archive_is_said_to_be_none(body):
    with serving([]) as (url, server), pytest.raises(Unreachable, match="does not follow DICOMweb"):
        server.says = body
        WebReader(Web(url=url), 10_000).studies(StudyQuery(name="A"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Give a name, an ID, an accession number or a date"),
        ({"name": " "}, "Give a name"),
        ({"name": "*"}, "and no "),
        ({"patient": "A\\B"}, "and no "),
        ({"accession": "1" * 65}, "64 characters"),
        ({"since": "yesterday"}, "2026-01-31"),
    ],
)
def test_what_cannot_be_searched_by_is_said(asked, words):
    with pytest.raises(UserError, match=words):
        StudyQuery.read(asked)


@pytest.mark.parametrize(
    ("value", "name"),
    [({"Alphabetic": "A^B"}, "A^B"), ({"Ideographic": "山田"}, "山田"), ("A\nB", "A B"), (None, ""), (["x"], "['x']")],
)
def test_names_are_one_line_however_a_server_writes_them(value, name):
    assert patient_name({"00100010": {"vr": "PN", "Value": [value]}}) == name

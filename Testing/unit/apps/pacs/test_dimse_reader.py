"""Application entities of many habits are understood; what real ones do is in test_archive_reader.py."""

import itertools

import pytest
from pydicom import Dataset
from support.pacs_accepting import answering

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")

from pydicom.uid import CTImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

from LiverTumorSegLib.apps.pacs.archive_reader import MOST_STUDIES, FoundSeries, StudyQuery
from LiverTumorSegLib.apps.pacs.config import Peer
from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable
from LiverTumorSegLib.apps.pacs.dimse_reader import DimseReader


def reader(port):
    return DimseReader(Peer(ae_title="ORTHANC", address="127.0.0.1", port=port, timeout_seconds=10), 1000)


def studies(find):
    with answering(0, contexts=[Find], find=find) as (port, _):
        return reader(port).studies(StudyQuery(name="A"))


def study(uid, **values):
    one = Dataset()
    one.StudyInstanceUID = uid
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


def test_one_that_answers_without_end_is_left_after_what_is_listed():
    found = studies(lambda _: ((0xFF00, study(f"1.2.{number}")) for number in itertools.count()))
    assert len(found) == MOST_STUDIES + 1


def test_answers_that_name_no_study_or_have_no_ct_are_passed_over():
    answers = [
        study(""),
        study("1.2.3", ModalitiesInStudy="MR"),
        study("1.2.4", ModalitiesInStudy=["CT", "SR"]),
    ]
    (only,) = studies(lambda _: ((0xFF00, one) for one in answers))
    assert (only.study, only.modalities) == ("1.2.4", ("CT", "SR"))


def test_one_that_fails_is_said_to():
    with pytest.raises(Unreachable, match=r"it refuses to be searched \(status A700\)"):
        studies(lambda _: iter([(0xA700, None)]))


def test_one_that_offers_no_search_is_said_not_to():
    with answering(0, contexts=[CTImageStorage]) as (port, _), pytest.raises(Unreachable, match="it accepts nothing"):
        reader(port).studies(StudyQuery(name="A"))


def test_one_that_offers_no_fetching_is_said_not_to():
    with answering(0, contexts=[Find, CTImageStorage], find=lambda _: iter(())) as (port, _):
        with pytest.raises(Rejected, match="it serves no C-GET"):
            reader(port).fetch("1.2", FoundSeries("1.3", "CT", "", "", ""), lambda *_: None)

"""Answers of application entities of all habits; what is made of them is in the tests of who asks."""

import itertools

import pytest
from pydicom import Dataset
from support.pacs_accepting import answering

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

from LiverTumorSegLib.apps.pacs import query
from LiverTumorSegLib.apps.pacs.association import associated
from LiverTumorSegLib.apps.pacs.config import Peer
from LiverTumorSegLib.apps.pacs.connection import Rejected


def found(find, enough=None):
    with answering(0, contexts=[Find], find=find) as (port, _):
        peer = Peer(ae_title="ORTHANC", address="127.0.0.1", port=port, timeout_seconds=10)
        with associated(peer, None, {Find}) as association:
            return [one.StudyInstanceUID for one in query.answers(association, query.question("STUDY", {}), enough)]


def study(uid):
    one = Dataset()
    one.StudyInstanceUID = uid
    return one


@pytest.mark.parametrize("uid", ["", "1.2.3"])
def test_an_archive_that_answers_without_end_is_left(monkeypatch, uid):
    monkeypatch.setattr(query, "_MOST_ANSWERS", 20)
    with pytest.raises(Rejected, match="more than 20 lines"):
        found(lambda _: ((0xFF00, study(uid)) for _ in itertools.count()))


def test_no_more_is_waited_for_than_is_wanted():
    assert found(lambda _: ((0xFF00, study(f"1.2.{n}")) for n in itertools.count()), 2) == ["1.2.0", "1.2.1"]


def test_a_question_asks_for_the_uid_of_its_level_and_says_its_letters():
    asked = query.question("SERIES", {"StudyInstanceUID": "1.2", "PatientName": "Ö*"})
    assert (asked.SeriesInstanceUID, asked.SpecificCharacterSet) == ("", "ISO_IR 192")
    assert "SpecificCharacterSet" not in query.question("STUDY", {"PatientName": "O*"})


def test_a_value_is_text_whatever_it_is():
    one = Dataset()
    one.ModalitiesInStudy, one.PatientID = ["CT", "SR"], "A \0"
    assert [query.text(one, name) for name in ("ModalitiesInStudy", "PatientID", "StudyDate")] == ["CT\\SR", "A", ""]

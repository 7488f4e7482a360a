"""A study is found and opened from a real archive, and an earlier result is corrected and sent back."""

import numpy as np
import pytest
from support import dicom_slices
from support.archive_cases import free_port
from support.web_archives import beside, do, listed, stored_result
from support.web_scene import labels_in
from support.web_session import choose, web_page

from LiverTumorSegLib.apps.web.session.archive_link import Stopped
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
pytest.importorskip("highdicom", reason="needs highdicom: pip install livertumorseg[dicom]")
pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
pytest.importorskip("trame_slicer")
__all__ = ["beside", "web_page"]


def found(page, **asked):
    choose(page.session, **{f"archive_{name}": value for name, value in asked.items()})
    do(page.session, page.search._on_search)
    return page.session.state.archive_studies


def paint(session):
    import slicer

    nodes, name = session.nodes, next(name for name, kind in session.nodes.segments.items() if kind == 2)
    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume).copy()
    held[3, 5, 5:8] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, nodes.segmentation, name, nodes.volume)


def named(report):
    """The instance that a report names as its predecessor."""
    (study,) = report.PredecessorDocumentsSequence
    return study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def test_a_result_of_an_archive_is_corrected_and_sent_back_beside_what_is_there(beside, archive, tmp_path):
    labels, first = stored_result(archive, tmp_path)
    page = beside(listed(archive))
    session, state = page.session, page.session.state
    assert found(page, name="some") == ["Some One · 1 · 2026-01-31 · X1"]
    do(session, page.search._on_study, 0)
    assert state.archive_series == ["CT · series 1.2.3 · 6 images", "Result, with its CT"]
    do(session, page.search._on_series, 1)
    assert (state.archive_error, state.ct_error, session.panel.error) == ("", "", "")
    assert np.array_equal(labels_in(session.nodes), labels)
    assert len(session.images) == 6
    assert list((session.folder / "uploads").iterdir()) == []

    do(session, page.send._on_send, 0)
    assert "Nothing was corrected since this result was opened" in session.panel.error
    assert not state.send_asked
    paint(session)
    do(session, page.send._on_send, 0)
    assert state.send_asked
    asked = [state[f"send_{name}"] for name in ("archive", "patient", "number", "day", "accession")]
    assert asked == ["Research", "Some One", "1", "2026-01-31", "X1"]
    assert len(archive.data_sets("SR")) == 1
    for _ in range(2):  # what has not changed since is not sent again
        do(session, page.send._on_yes)
        assert (state.sent, state.send_error) == ("Research has the segmentation and the report.", "")
        do(session, page.send._on_send, 0)
    reports = {str(one.SOPInstanceUID): one for one in archive.data_sets("SR")}
    segmentations = archive.data_sets("SEG")
    assert (len(reports), len(segmentations)) == (2, 2)
    (second,) = [one for uid, one in reports.items() if uid != first["instance"]]
    assert named(second) == first["instance"]
    assert sorted(one.SeriesDescription for one in segmentations) == [
        "LiverTumorSeg, corrected: research only, not a medical device",
        "LiverTumorSeg: research only, not a medical device",
    ]


def test_a_ct_of_an_archive_is_opened(beside, archive, tmp_path):
    archive.store(*dicom_slices.write(dicom_slices.plain(), tmp_path / "sent"))
    page = beside(listed(archive))
    found(page, patient="1")
    do(page.session, page.search._on_study, 0)
    do(page.session, page.search._on_series, 0)
    assert page.session.state.archive_error == ""
    assert len(page.session.images) == 6
    asked = []
    page.session.corrected, page.session.ask = True, lambda answer, loss, then: asked.append(loss)
    do(page.session, page.search._on_series, 0)
    assert asked == ["Your corrections will be lost."]


@pytest.mark.parametrize("error", [UserError("The archive cannot be used now."), Stopped()])
def test_corrections_that_may_be_lost_are_not_forgotten_before_the_ct_is_here(
    beside, archive, tmp_path, monkeypatch, error
):
    from LiverTumorSegLib.apps.web.session.archive_series import ArchiveFetcher

    async def fail(*_):
        raise error

    stored_result(archive, tmp_path)
    page = beside(listed(archive))
    session, asked = page.session, []
    found(page, patient="1")
    do(session, page.search._on_study, 0)
    do(session, page.search._on_series, 1)
    session.corrected, session.ask = True, lambda answer, loss, then: [asked.append(loss), then()]
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveFetcher, "fetch", fail)
        do(session, page.search._on_series, 0)
    assert session.corrected
    before = session.volume
    do(session, page.search._on_series, 0)
    assert asked == ["Your corrections will be lost."] * 2
    assert session.volume is not before
    assert not session.corrected


def test_what_is_corrected_while_the_ct_is_fetched_is_asked_about_again(beside, archive, tmp_path, monkeypatch):
    from LiverTumorSegLib.apps.web.session.archive_series import ArchiveFetcher

    fetch = ArchiveFetcher.fetch

    async def slow(*arguments):
        session.strokes += 1
        return await fetch(*arguments)

    stored_result(archive, tmp_path)
    page = beside(listed(archive))
    session, asked = page.session, []
    found(page, patient="1")
    do(session, page.search._on_study, 0)
    session.corrected, session.ask = True, lambda answer, loss, then: [asked.append(loss), then()]
    monkeypatch.setattr(ArchiveFetcher, "fetch", slow)
    do(session, page.search._on_series, 0)
    assert asked == ["Your corrections will be lost."] * 2


def test_what_an_archive_does_not_answer_is_one_sentence_and_what_is_there_stays(beside, archive):
    page = beside(listed(archive, search={"web": {"url": f"http://127.0.0.1:{free_port()}"}}))
    assert found(page, name="A") == []
    said = page.session.state.archive_error
    assert said == "The archive “Research” cannot be used now: it cannot be connected to."
    assert page.session.state.archive_busy == ""
    assert found(page, name="") == []
    assert page.session.state.archive_error.startswith("Give a name, an ID")


def test_nothing_is_found_where_nothing_fits(beside, archive):
    page = beside(listed(archive))
    assert found(page, accession="X9") == []
    assert page.session.state.archive_more == "No study with a CT was found."


def test_an_archive_that_cannot_be_searched_is_not_offered(beside, archive):
    page = beside(listed(archive, search=None))
    assert page.session.state.archive_names == []
    assert page.session.state.send_names == ["Research"]

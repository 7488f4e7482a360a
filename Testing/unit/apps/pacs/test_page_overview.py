import re
from datetime import timedelta

import pytest
from support.pacs_page_cases import begun, fill, finished, whole

from LiverTumorSegLib.apps.pacs.page import ROWS, QueueFilter, render_page
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.core.about import DISCLAIMER


@pytest.fixture
def queue(tmp_path):
    queue = SeriesQueue(tmp_path / "node.sqlite")
    yield queue
    queue.close()


@pytest.fixture
def shown(queue, tmp_path):
    """The page's text, of a part of the queue."""
    return lambda **wanted: render_page(queue, tmp_path / "results", QueueFilter(**wanted))


def jobs(text):
    return [int(number) for number in re.findall(r'id="job-(\d+)"', text)]


def test_every_series_is_shown_with_its_state_newest_first(shown, queue):
    fill(queue)
    text = shown()
    assert jobs(text) == [series.number for series in queue.all()]
    for words in ("receiving", "waiting", "segmenting", "sending", "done", "passed by", "failed"):
        assert words in text
    for series in queue.all():
        assert series.sender in text
        assert series.sentence in text
        assert series.since.isoformat(timespec="seconds") in text
    assert DISCLAIMER in text


def test_the_counts_are_those_of_the_queue(shown, queue):
    fill(queue)
    fill(queue)
    text = shown()
    for state, number in queue.counts().items():
        assert re.search(rf'id="count-{state.value}".*?<b[^>]*>{number}</b>', text)
    assert re.search(rf'id="count-all".*?<b>{len(queue.all())}</b>', text)


def test_a_queue_without_series_says_so(shown):
    assert "No series has come yet." in shown()


def test_no_uid_is_on_the_page(shown, queue):
    fill(queue)
    text = shown()
    for series in queue.all():
        assert series.series not in text
        assert series.study not in text


def test_a_sender_is_shown_as_words_and_is_no_part_of_the_page(shown, queue):
    queue.create("1.2", "1.1", "<b>CT</b>\u202e")
    text = shown()
    assert "&lt;b&gt;CT&lt;/b&gt;\\u202e" in text
    assert "<b>CT" not in text


def test_failed_tries_are_counted_and_the_next_one_is_told(shown, queue):
    whole(queue, "CT1", 12)
    number = begun(queue)
    assert "failed tr" not in shown()
    queue.segment_again(number, "The GPU is taken.", timedelta(seconds=0))
    assert "1 failed try, next at" in shown()
    queue.begin()
    queue.segment_again(number, "The GPU is taken.", timedelta(hours=1))
    text = shown()
    assert "2 failed tries, next at" in text
    assert queue.find(number).next_try.isoformat(timespec="seconds") in text


def test_a_page_that_is_exactly_full_leads_to_no_empty_one(shown, queue):
    with queue.transaction():
        for number in range(ROWS):
            queue.create(f"1.2.{number}", "1.1", "CT1")
    assert "Older" not in shown()


def test_one_state_can_be_shown_alone(shown, queue):
    fill(queue)
    fill(queue)
    wanted = [series.number for series in queue.all() if series.state is SeriesState.FAILED]
    assert jobs(shown(state=SeriesState.FAILED)) == wanted
    assert jobs(shown(state=SeriesState.FAILED, before=wanted[0])) == wanted[1:]
    assert "No series in this state." in shown(state=SeriesState.FAILED, before=1)


def test_results_are_linked_as_long_as_their_files_are_there(shown, queue, tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    for name in ("report.html", "lesions.csv"):
        (report / name).touch()
    number = finished(queue, tmp_path / "results", report)
    fill(queue)
    row = re.search(rf'<tr role="row" id="job-{number}">.*?</tr>', shown(), re.DOTALL)[0]
    names = ("report.html", "lesions.csv", "axial.png", "coronal.png", "sagittal.png")
    assert set(re.findall(r'(?:href|src)="([^"]*)"', row)) == {f"/results/{number}/{name}" for name in names}
    assert shown().count("/results/") == len(re.findall("/results/", row))
    for name in ("report.html", "lesions.csv"):
        (tmp_path / "results" / str(number) / name).unlink()
    assert "/results/" not in shown()

"""Series that reached the archive while the service was down come in, each once, and no others do."""

import pytest
from support import enhanced_dicom
from support.pacs_cases import PACKAGE, assert_no_identifiers, make_service

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from support.pacs_core_cases import NOON
from support.pacs_moving import MovingArchive, asking, begin, dated, moving, search

from LiverTumorSegLib.apps.pacs.queue import SEARCHED
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["asking", "make_service"]

HOUR, DAY = 3600, 24 * 3600


@pytest.fixture(autouse=True)
def _zone(monkeypatch):
    """Times of studies have no zone; those of these tests are UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def archive():
    with moving(MovingArchive()) as one:
        yield one


def states(service):
    return {one.series: (one.state, one.images) for one in service.queue.all()}


def restart(service, after):
    service.clock.wait(after)
    begin(service)


def test_what_came_while_the_service_was_down_is_found_at_its_next_start_and_asked_for_once(asking, archive, caplog):
    service = asking(archive)
    search(service)
    archive.held += dated("20261122130000", "1.2.3") + dated("20261122140000", "1.2.4")
    restart(service, 4 * HOUR)
    search(service, 1)
    assert states(service) == {}  # more images may be coming
    search(service, 3)
    assert states(service) == dict.fromkeys(("1.2.3", "1.2.4"), (SeriesState.RECEIVING, 3))
    restart(service, 60)
    search(service, 3)
    assert sorted(archive.moved) == ["1.2.3", "1.2.4"]
    assert_no_identifiers(caplog.text)


def test_a_series_that_still_grows_in_the_archive_is_waited_for(asking, archive):
    service = asking(archive)
    archive.held += dated("20261122130000", count=2)
    search(service, 1)
    archive.held.append(dated("20261122130000")[2])
    search(service, 1)
    assert archive.moved == []
    search(service, 1)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}


def test_the_rest_of_a_series_that_came_in_part_is_fetched_before_it_is_judged(asking, archive):
    service = asking(archive)
    search(service)
    archive.held += dated("20261122130000")
    service.take(*archive.held[:1])
    restart(service, HOUR)
    search(service, 1)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}


def test_studies_from_before_the_first_start_or_older_than_days_are_left_alone(asking, archive):
    archive.held += dated("20261122115959", "1.2.3") + dated("20261121000000", "1.2.4") + dated("20261122", "1.2.5")
    service = asking(archive, days=1)
    search(service)
    restart(service, 5 * DAY)
    archive.held += dated("20261124130000", "1.2.6")
    search(service)
    assert archive.searched[0] == "20261122"
    assert archive.searched[-1] == "20261126"
    assert states(service) == {}


def test_a_series_with_a_result_is_not_asked_for_again(asking, archive):
    service = asking(archive)
    archive.held += dated("20261122130000")
    service.take(*archive.held[:2])
    number = service.only().number
    service.queue.waits(number)
    service.queue.begin()
    assert service.queue.made(number, ["seg.dcm"])
    search(service)
    assert archive.moved == []
    assert service.queue.mark(SEARCHED) is not None


def test_no_more_is_fetched_at_once_than_allowed(asking, archive):
    service = asking(archive, at_once=1)
    archive.held += dated("20261122130000", "1.2.3") + dated("20261122130000", "1.2.4")
    search(service, 4)
    assert len(archive.moved) == 1
    assert service.queue.mark(SEARCHED) is None
    (first,) = service.queue.all()
    service.queue.passed(first.number, "No rule fits.")
    search(service, 2)
    assert sorted(archive.moved) == ["1.2.3", "1.2.4"]
    assert service.queue.mark(SEARCHED) is not None


def test_series_that_no_rule_fits_are_not_fetched(asking, archive):
    service = asking(archive)
    archive.held += dated("20261122130000", count=1)
    search(service)
    assert (service.only().state, archive.moved) == (SeriesState.PASSED, [])


def test_it_is_searched_every_night_and_back_to_the_last_search_that_left_nothing(asking, archive, caplog):
    service = asking(archive, days=9)
    search(service, 5)
    assert len(archive.searched) == 1
    for _ in range(3):
        service.clock.wait(DAY)
        search(service, 2)
    assert archive.searched == ["20261122", "20261122", "20261122", "20261123"]
    archive.find_status = 0xA700
    service.clock.wait(2 * DAY)
    search(service, 1)
    assert [record.levelname for record in caplog.records if "cannot be searched" in record.message] == ["ERROR"]
    archive.find_status = 0
    service.clock.wait(DAY)
    search(service, 1)
    assert archive.searched[-1] == "20261124"


def test_an_archive_that_does_not_know_the_service_is_a_loud_line_with_what_to_do(asking, archive, caplog):
    archive.knows["LIVERTUMORSEG"] = 0
    service = asking(archive)
    del archive.knows["LIVERTUMORSEG"]
    archive.held += dated("20261122130000")
    search(service, 6)
    (line,) = [record for record in caplog.records if record.name.startswith(PACKAGE) and record.levelname == "ERROR"]
    assert "did not send a series to “LIVERTUMORSEG” (status A801)" in line.getMessage()
    assert "DicomModalities" in line.getMessage()
    assert_no_identifiers(caplog.text)
    archive.knows["LIVERTUMORSEG"] = service.config.receive.port
    service.clock.wait(HOUR)
    search(service, 2)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}


def test_an_archive_that_is_not_listed_as_a_sender_is_a_loud_line(asking, archive, caplog):
    service = asking(archive, senders=("ANOTHER",))
    archive.held += dated("20261122130000")
    search(service)
    assert "that archive in [receive] senders here" in caplog.text
    assert service.queue.mark(SEARCHED) is None


def test_an_archive_that_serves_no_search_is_a_loud_line(asking, caplog):
    from pynetdicom.sop_class import Verification

    with moving(MovingArchive(), Verification) as archive:
        search(asking(archive))
    assert "ERROR" in {record.levelname for record in caplog.records}


def test_the_next_night_is_the_next_time_that_it_is_that_hour(asking, archive):
    service = asking(archive, hour=13)
    search(service, 1)
    service.clock.time = NOON.replace(hour=12, minute=59)
    search(service, 1)
    assert len(archive.searched) == 1
    service.clock.time = NOON.replace(hour=13)
    search(service, 1)
    assert len(archive.searched) == 2


def test_an_enhanced_ct_is_asked_for_though_it_is_one_object_and_a_localiser_is_not(asking, archive):
    service = asking(archive)
    one, localiser = enhanced_dicom.enhanced(dated("20261122130000", "1.2.3")), dated("20261122140000", "1.2.4")[0]
    archive.held += [one, localiser]
    restart(service, 4 * HOUR)
    search(service, 3)
    assert states(service) == {"1.2.32": (SeriesState.RECEIVING, 1), "1.2.4": (SeriesState.PASSED, 0)}
    assert archive.moved == ["1.2.32"]

"""Orthanc is searched for what was missed by QIDO-RS or by C-FIND and C-MOVE, and a watch looks back further."""

import json
from datetime import date, datetime, timedelta, timezone

import pytest
from support.pacs_cases import make_service
from support.pacs_watching import answer, begun, look_twice, serving, watching

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from support import archive_cases
from support.pacs_moving import asking, begin, dated, search

from LiverTumorSegLib.apps.pacs import sources
from LiverTumorSegLib.apps.pacs.queue import SEARCHED
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["asking", "make_service", "watching"]


@pytest.mark.parametrize("way", ["QIDO-RS", "C-MOVE"])
def test_series_that_orthanc_got_while_the_service_was_down_come_in_once_each(archive, asking, tmp_path, way):
    service = asking(archive, (archive_cases.TITLE,), way)
    place = {"AET": "LIVERTUMORSEG", "Host": "127.0.0.1", "Port": service.config.receive.port}
    archive.ask("/modalities/livertumorseg", "PUT", json.dumps(place).encode())
    for number, began in enumerate(("20261121130000", "20261123130000", "20261123140000")):
        for one in dated(began, f"1.2.3.{number}"):
            one.save_as(tmp_path / "image.dcm", enforce_file_format=True)
            archive.store(tmp_path / "image.dcm")
    service.clock.wait(24 * 3600)
    for _ in range(2):
        begin(service)
        search(service, 3)
        assert {one.series: (one.state, one.images) for one in service.queue.all()} == {
            "1.2.3.1": (SeriesState.RECEIVING, 3),
            "1.2.3.2": (SeriesState.RECEIVING, 3),
        }
    assert service.queue.mark(SEARCHED) is not None
    assert len(service.queue.quiet()) == 2  # its archive has no more of them: they need not wait


def days_ago(days):
    return f"{date.today() - timedelta(days):%Y%m%d}"


def test_a_watch_that_catches_up_looks_back_to_the_first_start_and_further_than_its_days(watching):
    answers = [answer(f"1.2.{days}", **{"00080020": days_ago(days)}) for days in (0, 3, 5)]
    with serving(answers) as (url, _):
        service, watcher, clock = watching(url, catch_up={"days": 9})
        service.clock.time = datetime.now(timezone.utc)
        service.queue._rows("INSERT INTO marks VALUES ('first start', ?)", f"{date.today() - timedelta(4)}T00:00+00:00")
        taken = []
        watcher.take = lambda _, series: taken.append(series)
        look_twice(watcher, clock)
        assert sorted(taken) == ["1.2.0", "1.2.3"]
        sources.look(service.config, service.queue, watcher)
        assert service.queue.mark(SEARCHED) == service.clock.time


def test_a_watch_that_does_not_remembers_no_search(watching):
    with serving([]) as (url, _):
        service, watcher, _ = watching(url)
        sources.look(service.config, service.queue, watcher)
        assert service.queue.mark(SEARCHED) is None
        assert begun(service)[1].look()

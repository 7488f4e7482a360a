import asyncio
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.pacs_core_cases import PacsService, series
from support.repository import SUPPORT

from LiverTumorSegLib.apps.pacs.inbox import SeriesSorter
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.apps.pacs.segmenter import SeriesSegmenter
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.queue import JobQueue, QueuedJob
from LiverTumorSegLib.core.errors import UserError

STAND_IN = SUPPORT / "pacs_stand_in_worker.py"
PATIENCE = 60


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Make a service with a series that waits, and what segments it with a light worker that does as told."""
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "asked.txt"))
    made = []

    def begun(does="", **sections):
        monkeypatch.setenv("STAND_IN_DOES", does)
        service = PacsService(tmp_path, **sections)
        waiting(service, "1.2.3")
        worker = Worker([sys.executable, str(STAND_IN)], temporary=service.folder.worker)
        made.append(SeriesSegmenter(service.config, service.queue, worker))
        return service, made[0]

    yield begun
    for segmenting in made:
        segmenting.close()


def waiting(service, uid):
    service.take(*series(uid))
    service.clock.wait(30)
    SeriesSorter(service.config, service.queue).step()


def until(segmenting, service, *states, number=1):
    ends = time.monotonic() + PATIENCE
    while service.queue.find(number).state not in states:
        assert time.monotonic() < ends, service.queue.find(number)
        segmenting.step()
        time.sleep(0.01)
    return service.queue.find(number)


def asked(tmp_path):
    return [Path(line).name for line in (tmp_path / "asked.txt").read_text().splitlines()]


def test_a_result_lands_whole_and_waits_to_be_sent(begun):
    service, segmenting = begun()
    until(segmenting, service, SeriesState.SENDING)
    assert service.queue.objects(1) == ["segmentation.dcm", "measurements.dcm"]
    found = sorted(path.name for path in service.folder.result(1).iterdir())
    assert found == ["measurements.dcm", "report.html", "segmentation.dcm"]
    assert list(service.folder.making.iterdir()) == []


def test_a_series_that_the_end_of_the_service_interrupts_counts_no_try(begun):
    service, segmenting = begun("hang")
    segmenting.step()
    assert service.queue.find(1).state is SeriesState.SEGMENTING
    segmenting.close()
    assert (service.queue.find(1).state, service.queue.find(1).tries) == (SeriesState.WAITING, 0)


def test_the_worker_stays_warm_for_the_next_series(begun, tmp_path):
    service, segmenting = begun()
    waiting(service, "1.2.4")
    until(segmenting, service, SeriesState.SENDING, number=2)
    assert asked(tmp_path) == ["1", "2"]
    assert service.queue.counts()[SeriesState.SENDING] == 2


def test_what_the_worker_refuses_has_failed_for_good_without_identifiers(begun, tmp_path):
    service, segmenting = begun("refuse")
    found = until(segmenting, service, SeriesState.FAILED)
    assert found.why == "image 3.dcm is of “…” and …: export it again."
    assert asked(tmp_path) == ["1"]


def test_all_models_of_the_configuration_take_part(begun):
    models = {"model": "lesions", "liver_model": "livers", "also": ["vessels", "couinaud"]}
    service, segmenting = begun("name", segment=models)
    found = until(segmenting, service, SeriesState.FAILED)
    assert found.why == "Asked for lesions, livers, ['vessels', 'couinaud']."


@pytest.mark.parametrize(
    ("does", "words"), [("die", "ended unexpectedly (exit code 7)"), ("stumble", "unexpectedly (KeyError)")]
)
def test_a_worker_that_fails_unexpectedly_is_tried_again_with_longer_pauses(begun, tmp_path, does, words):
    service, segmenting = begun(does, limits={"segment_tries": 3, "retry_seconds": 40})
    for tries, pause in ((1, 40), (2, 80)):
        found = tried(segmenting, service)
        assert (found.tries, (found.next_try - service.clock()).total_seconds()) == (tries, pause)
        assert words in found.why
        assert "Some^One" not in found.why
        service.clock.wait(pause)
    until(segmenting, service, SeriesState.FAILED)
    assert asked(tmp_path) == ["1", "1", "1"]


def tried(segmenting, service):
    """The series once the try that is due has failed."""
    before = service.only().tries
    ends = time.monotonic() + PATIENCE
    while service.only().tries == before:
        assert time.monotonic() < ends
        segmenting.step()
        time.sleep(0.01)
    return service.only()


def test_a_series_that_takes_too_long_fails_and_the_next_one_runs(begun, monkeypatch, tmp_path):
    service, segmenting = begun("hang", limits={"segment_minutes": 0.02})
    found = until(segmenting, service, SeriesState.FAILED)
    assert found.why == "It took longer than 0.02 minutes ([limits] segment_minutes)."
    monkeypatch.setenv("STAND_IN_DOES", "")
    segmenting._limits = segmenting._limits.model_copy(update={"segment_minutes": 10})  # a busy machine takes longer
    waiting(service, "1.2.4")
    until(segmenting, service, SeriesState.SENDING, number=2)
    assert list(service.folder.making.iterdir()) == []


def test_images_that_come_meanwhile_drop_the_result_and_begin_it_again(begun, monkeypatch, tmp_path):
    service, segmenting = begun("hang")
    segmenting.step()
    service.take(series(count=13)[-1])
    assert service.only().state is SeriesState.RECEIVING
    monkeypatch.setenv("STAND_IN_DOES", "")
    service.clock.wait(30)
    SeriesSorter(service.config, service.queue).step()
    until(segmenting, service, SeriesState.SENDING)
    assert service.only().images == 13
    assert b"1.2.3" in (service.folder.result(1) / "segmentation.dcm").read_bytes()


def test_the_same_series_gives_the_same_objects_again(begun):
    service, segmenting = begun()
    until(segmenting, service, SeriesState.SENDING)
    before = (service.folder.result(1) / "segmentation.dcm").read_bytes()
    service.clock.wait(1000)
    service.queue.lost_objects(1)
    until(segmenting, service, SeriesState.SENDING)
    assert (service.folder.result(1) / "segmentation.dcm").read_bytes() == before


def test_a_result_that_cannot_be_kept_is_made_again(begun, monkeypatch):
    service, segmenting = begun()
    service.folder.results.rmdir()
    with pytest.raises(FileNotFoundError):
        until(segmenting, service, SeriesState.SENDING)
    segmenting.step()
    assert (service.only().state, service.only().tries) == (SeriesState.WAITING, 1)
    service.folder.results.mkdir()
    service.clock.wait(30)
    until(segmenting, service, SeriesState.SENDING)


def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path):
    service = PacsService(tmp_path)
    waiting(service, "1.2.3")
    segmenting = SeriesSegmenter(
        service.config, service.queue, Worker(["/no/such/python"], temporary=service.folder.worker)
    )
    found = tried(segmenting, service)
    assert found.state is SeriesState.WAITING
    assert "cannot be started" in found.why


def test_a_wrong_model_is_known_before_any_series(begun):
    _, segmenting = begun(segment={"model": "none"})
    with pytest.raises(UserError, match="There is no model “none”"):
        asyncio.run(segmenting.load())


def test_a_right_model_is_loaded(begun):
    _, segmenting = begun()
    asyncio.run(segmenting.load())


def test_a_worker_that_makes_nothing_has_not_succeeded(begun):
    service, segmenting = begun("forget")
    assert until(segmenting, service, SeriesState.FAILED).why.startswith("It was segmented and has no DICOM objects")


def test_nothing_is_begun_on_a_full_disk(begun, monkeypatch, caplog):
    service, segmenting = begun(limits={"free_gb": 2})
    free = SimpleNamespace(free=1_900_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    for _ in range(3):
        segmenting.step()
    assert service.only().state is SeriesState.WAITING
    assert [record.message[:26] for record in caplog.records] == ["the disk has less room lef"]
    free.free = 2_000_000_000
    until(segmenting, service, SeriesState.SENDING)


def test_the_precision_of_the_configuration_is_the_workers(begun, monkeypatch):
    given = []
    monkeypatch.setattr(
        JobQueue, "submit", lambda _, command, **arguments: given.append(arguments) or QueuedJob("", {})
    )
    _, segmenting = begun(segment={"precision": "float32"})
    segmenting.step()
    assert given[-1]["options"] == {"precision": "float32"}

import asyncio
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from node_core_cases import Node, series

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.node.gathering import Gathering
from LiverTumorSegLib.node.queue import State
from LiverTumorSegLib.node.segmenting import Segmenting
from LiverTumorSegLib.worker.client import Worker

STAND_IN = Path(__file__).with_name("node_stand_in_worker.py")
PATIENCE = 60


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Make a node with a series that waits, and what segments it with a light worker that does as told."""
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "asked.txt"))
    made = []

    def begun(does="", **sections):
        monkeypatch.setenv("STAND_IN_DOES", does)
        node = Node(tmp_path, **sections)
        waiting(node, "1.2.3")
        worker = Worker([sys.executable, str(STAND_IN)], temporary=node.folder.worker)
        made.append(Segmenting(node.config, node.queue, worker))
        return node, made[0]

    yield begun
    for segmenting in made:
        segmenting.close()


def waiting(node, uid):
    node.take(*series(uid))
    node.clock.wait(30)
    Gathering(node.config, node.queue).step()


def until(segmenting, node, *states, number=1):
    ends = time.monotonic() + PATIENCE
    while node.queue.find(number).state not in states:
        assert time.monotonic() < ends, node.queue.find(number)
        segmenting.step()
        time.sleep(0.01)
    return node.queue.find(number)


def asked(tmp_path):
    return [Path(line).name for line in (tmp_path / "asked.txt").read_text().splitlines()]


def test_a_result_lands_whole_and_waits_to_be_sent(begun):
    node, segmenting = begun()
    until(segmenting, node, State.SENDING)
    assert node.queue.objects(1) == ["segmentation.dcm", "measurements.dcm"]
    found = sorted(path.name for path in node.folder.result(1).iterdir())
    assert found == ["measurements.dcm", "report.html", "segmentation.dcm"]
    assert list(node.folder.making.iterdir()) == []


def test_the_worker_stays_warm_for_the_next_series(begun, tmp_path):
    node, segmenting = begun()
    waiting(node, "1.2.4")
    until(segmenting, node, State.SENDING, number=2)
    assert asked(tmp_path) == ["1", "2"]
    assert node.queue.counts()[State.SENDING] == 2


def test_what_the_worker_refuses_has_failed_for_good_without_identifiers(begun, tmp_path):
    node, segmenting = begun("refuse")
    found = until(segmenting, node, State.FAILED)
    assert found.why == "image 3.dcm is of “…” and …: export it again."
    assert asked(tmp_path) == ["1"]


@pytest.mark.parametrize(
    ("does", "words"), [("die", "ended unexpectedly (exit code 7)"), ("stumble", "unexpectedly (KeyError)")]
)
def test_a_worker_that_fails_unexpectedly_is_tried_again_with_longer_pauses(begun, tmp_path, does, words):
    node, segmenting = begun(does, limits={"segment_tries": 3, "retry_seconds": 40})
    for tries, pause in ((1, 40), (2, 80)):
        found = tried(segmenting, node)
        assert (found.tries, (found.next_try - node.clock()).total_seconds()) == (tries, pause)
        assert words in found.why
        assert "Some^One" not in found.why
        node.clock.wait(pause)
    until(segmenting, node, State.FAILED)
    assert asked(tmp_path) == ["1", "1", "1"]


def tried(segmenting, node):
    """The series once the try that is due has failed."""
    before = node.only().tries
    ends = time.monotonic() + PATIENCE
    while node.only().tries == before:
        assert time.monotonic() < ends
        segmenting.step()
        time.sleep(0.01)
    return node.only()


def test_a_series_that_takes_too_long_fails_and_the_next_one_runs(begun, monkeypatch, tmp_path):
    node, segmenting = begun("hang", limits={"segment_minutes": 0.02})
    found = until(segmenting, node, State.FAILED)
    assert found.why == "It took longer than 0.02 minutes ([limits] segment_minutes)."
    monkeypatch.setenv("STAND_IN_DOES", "")
    waiting(node, "1.2.4")
    until(segmenting, node, State.SENDING, number=2)
    assert list(node.folder.making.iterdir()) == []


def test_images_that_come_meanwhile_drop_the_result_and_begin_it_again(begun, monkeypatch, tmp_path):
    node, segmenting = begun("hang")
    segmenting.step()
    node.take(series(count=13)[-1])
    assert node.only().state is State.RECEIVING
    monkeypatch.setenv("STAND_IN_DOES", "")
    node.clock.wait(30)
    Gathering(node.config, node.queue).step()
    until(segmenting, node, State.SENDING)
    assert node.only().images == 13
    assert b"1.2.3" in (node.folder.result(1) / "segmentation.dcm").read_bytes()


def test_the_same_series_gives_the_same_objects_again(begun):
    node, segmenting = begun()
    until(segmenting, node, State.SENDING)
    before = (node.folder.result(1) / "segmentation.dcm").read_bytes()
    node.clock.wait(1000)
    node.queue.lost_objects(1)
    until(segmenting, node, State.SENDING)
    assert (node.folder.result(1) / "segmentation.dcm").read_bytes() == before


def test_a_result_that_cannot_be_kept_is_made_again(begun, monkeypatch):
    node, segmenting = begun()
    node.folder.results.rmdir()
    with pytest.raises(FileNotFoundError):
        until(segmenting, node, State.SENDING)
    segmenting.step()
    assert (node.only().state, node.only().tries) == (State.WAITING, 1)
    node.folder.results.mkdir()
    node.clock.wait(30)
    until(segmenting, node, State.SENDING)


def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path):
    node = Node(tmp_path)
    waiting(node, "1.2.3")
    segmenting = Segmenting(node.config, node.queue, Worker(["/no/such/python"], temporary=node.folder.worker))
    found = tried(segmenting, node)
    assert found.state is State.WAITING
    assert "cannot be started" in found.why


def test_a_wrong_model_is_known_before_any_series(begun):
    _, segmenting = begun(segment={"model": "none"})
    with pytest.raises(UserError, match="There is no model “none”"):
        asyncio.run(segmenting.load())


def test_a_right_model_is_loaded(begun):
    _, segmenting = begun()
    asyncio.run(segmenting.load())


def test_a_worker_that_makes_nothing_has_not_succeeded(begun):
    node, segmenting = begun("forget")
    assert until(segmenting, node, State.FAILED).why.startswith("It was segmented and has no DICOM objects")


def test_nothing_is_begun_on_a_full_disk(begun, monkeypatch, caplog):
    node, segmenting = begun(limits={"free_gb": 2})
    free = SimpleNamespace(free=1_900_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    for _ in range(3):
        segmenting.step()
    assert node.only().state is State.WAITING
    assert [record.message[:26] for record in caplog.records] == ["the disk has less room lef"]
    free.free = 2_000_000_000
    until(segmenting, node, State.SENDING)

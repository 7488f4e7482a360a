"""A service's queue with series in every state, and results, for its page."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from LiverTumorSegLib.apps.http_access import AccessGate
from LiverTumorSegLib.apps.http_server import listen, served
from LiverTumorSegLib.apps.pacs.page import application
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.reporting import report_files
from LiverTumorSegLib.reporting.lesions import measure_lesions
from support.models import describe


def fill(queue: SeriesQueue) -> None:
    """Add a series in each state, without results."""
    for to in ("fails", "sent", "sending", "segmenting"):
        whole(queue, "CT1", 120)
        number = begun(queue)
        if to == "fails":
            queue.segment_again(number, "The GPU was taken by another program.", timedelta(seconds=0))
            queue.failed(number, "The series has images of two acquisitions: send each of them alone.")
        elif to != "segmenting":
            queue.made(number, ["segmentation.dcm"])
        if to == "sent":
            queue.sent(number)
        if to == "sending":
            queue.send_again(number, "The archive cannot be reached (connection refused).", timedelta(minutes=4))
    whole(queue, "CT2", 80)
    passed = coming(queue, "CT2", 3)
    queue.passed(passed, "No rule fits: it has 3 images, fewer than 10.")
    coming(queue, "archive.example:8042", 41)


def write_report(folder: Path, phantom) -> Path:
    """Write the report of a phantom's truth, as if a model had found it; returns its folder."""
    found = Segmentation(
        phantom.labels, phantom.volume, describe(), "cpu, float32", SegmentationOptions(), ("A note.",), 1.0
    )
    report_files.write(folder, found, measure_lesions(found.labels, found.volume))
    return folder


@pytest.fixture(scope="session")
def report(small_phantom, tmp_path_factory):
    """A report's folder, not to be changed."""
    return write_report(tmp_path_factory.mktemp("report"), small_phantom)


def finished(queue: SeriesQueue, results: Path, report: Path) -> int:
    """Add a series that is done, with a copy of a report; returns its job's number."""
    whole(queue, "CT1", 40)
    number = begun(queue)
    shutil.copytree(report, results / str(number))
    queue.made(number, ["segmentation.dcm", "measurements.dcm"])
    queue.sent(number)
    return number


def begun(queue: SeriesQueue) -> int:
    """Let the oldest series that waits be segmented; returns its job's number."""
    series = queue.begin()
    assert series is not None
    return series.number


def whole(queue: SeriesQueue, sender: str, images: int) -> int:
    """Add a series that waits."""
    number = coming(queue, sender, images)
    queue.waits(number)
    return number


def coming(queue: SeriesQueue, sender: str, images: int) -> int:
    """Add a series with some images."""
    uid = f"1.2.826.0.1.3680043.8.498.{len(queue.all()) + 1}"
    with queue.transaction():
        number = queue.create(uid, f"{uid}.1", sender)
        for file in range(1, images + 1):
            queue.arrived(f"{uid}.2.{file}", number, file, None)
    return number


@contextmanager
def serving(queue: SeriesQueue, results: Path) -> Iterator[str]:
    """The page in a thread of its own, for a browser; gives the address with the token."""
    listening = listen()
    gate, loop, ends = AccessGate(listening.name), asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> None:
        await ends.enter_async_context(served(application(queue, results, gate), listening))

    asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield listening.address(gate.token)
    finally:
        asyncio.run_coroutine_threadsafe(ends.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

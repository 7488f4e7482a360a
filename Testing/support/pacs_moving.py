"""An archive that is searched by C-FIND and sends by C-MOVE, of pynetdicom, and a service that asks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import BaseServer
from typing import Any

import pydicom
import pynetdicom
import pytest
from pynetdicom.sop_class import CTImageStorage, EnhancedCTImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move

from LiverTumorSegLib.apps.pacs.receiver import Receiver
from LiverTumorSegLib.apps.pacs.sources import catch_up
from support import dicom_slices
from support.archive_cases import free_port
from support.pacs_cases import PACKAGE
from support.pacs_core_cases import PacsService

TITLE = "PACS"


@dataclass
class MovingArchive:
    """An archive.

    Args:
        held: its images.
        knows: ports of machines by their AE titles.
        find_status: that a search ends with.
        searched: the days from which studies were asked for.
        moved: the series that were asked for.
        adds: a series that it sends with any other.
    """

    held: list[pydicom.Dataset] = field(default_factory=list)
    knows: dict[str, int] = field(default_factory=dict)
    find_status: int = 0
    searched: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    port: int = 0
    adds: str = ""

    def find(self, event: Any) -> Iterator[tuple[int, pydicom.Dataset | None]]:
        """Answer with the studies, the series of one, or the images of a series, whatever else is asked for."""
        asked = event.identifier
        if self.find_status:
            yield self.find_status, None
            return
        level = asked.QueryRetrieveLevel
        if level == "STUDY":
            self.searched.append(str(asked.StudyDate).rstrip("-"))
        key = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[level]
        wanted = {
            "STUDY": lambda one: True,
            "SERIES": lambda one: one.StudyInstanceUID == asked.StudyInstanceUID,
            "IMAGE": lambda one: one.SeriesInstanceUID == asked.SeriesInstanceUID,
        }
        found = {one[key].value: one for one in self.held if wanted[level](one)}
        for uid, one in found.items():
            answer = pydicom.Dataset()
            answer.QueryRetrieveLevel = level
            for keyword in (key, "StudyInstanceUID", "SeriesInstanceUID", "StudyDate", "StudyTime", "Modality"):
                setattr(answer, keyword, one.get(keyword, ""))
            answer.PatientName = "Some^One"
            if level == "IMAGE":
                answer.SOPInstanceUID, answer.SOPClassUID = one.SOPInstanceUID, one.SOPClassUID
            if level == "SERIES":
                answer.NumberOfSeriesRelatedInstances = sum(other[key].value == uid for other in self.held)
            yield 0xFF00, answer

    def move(self, event: Any) -> Iterator[Any]:
        """Send a series to whom is known."""
        uid = event.identifier.SeriesInstanceUID
        self.moved.append(uid)
        title = event.move_destination
        if title not in self.knows:
            yield None, None
            return
        yield "127.0.0.1", self.knows[title]
        images = [one for one in self.held if one.SeriesInstanceUID in (uid, self.adds)]
        yield len(images)
        for one in images:
            yield 0xFF00, one


@contextmanager
def moving(archive: MovingArchive, *kinds: str) -> Iterator[MovingArchive]:
    """Let an archive answer, at a port that it then has."""
    entity = pynetdicom.AE(TITLE)
    for kind in kinds or (Find, Move):
        entity.add_supported_context(kind)
    for kind in (CTImageStorage, EnhancedCTImageStorage):
        entity.add_requested_context(kind)
    handlers = [(pynetdicom.evt.EVT_C_FIND, archive.find), (pynetdicom.evt.EVT_C_MOVE, archive.move)]
    server = entity.make_server(("127.0.0.1", 0), evt_handlers=handlers)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    archive.port = server.socket.getsockname()[1]
    try:
        yield archive
    finally:
        BaseServer.shutdown(server)
        server.server_close()


def dated(when: str, uid: str = "1.2.3", count: int = 3) -> list[pydicom.Dataset]:
    """A CT series of a study of its own that began then, as YYYYMMDDHHMMSS."""
    made = dicom_slices.plain(uid, count=count)
    for one in made:
        one.StudyDate, one.StudyTime = when[:8], when[8:]
        one.StudyInstanceUID = f"1.2.9.{uid}"
    return made


@pytest.fixture
def asking(make_service, caplog):
    """A service that receives, and its search for what it missed, by C-FIND and C-MOVE."""
    caplog.set_level("INFO", PACKAGE)
    receivers = []

    def make(archive: Any, senders: tuple[str, ...] = (TITLE,), way: str = "", **wanted: Any) -> PacsService:
        listed = [{"ae_title": title} for title in senders]
        service = make_service(
            receive={"port": free_port(), "senders": listed, "quiet_seconds": 30},
            send=_sends(archive, senders[0], way),
            catch_up=wanted,
            rules=[{"fewest_images": 2}],
        )
        if isinstance(archive, MovingArchive):
            archive.knows.setdefault("LIVERTUMORSEG", service.config.receive.port)
        receivers.append(Receiver(service.config.receive, service.config.limits, service.inbox))
        receivers[-1].start()
        service.queue.started()
        begin(service)
        return service

    yield make
    for receiver in receivers:
        receiver.stop()


def _sends(archive: Any, title: str, way: str) -> dict[str, Any]:
    """The archive of a test, or a real one, as results go to it."""
    if way == "QIDO-RS":
        return {"web": {"url": archive.web}}
    port = archive.port if isinstance(archive, MovingArchive) else archive.dicom
    return {"dicom": {"ae_title": title, "address": "127.0.0.1", "port": port}}


def begin(service: PacsService) -> None:
    """Begin to search, as a service does that has just started."""
    seconds = lambda: service.clock.time.timestamp()  # noqa: E731
    service.missed, service.watcher = catch_up(service.config, service.inbox, service.queue, seconds)


def search(service: PacsService, times: int = 2) -> None:
    """Search so many times, each when a series can have become whole."""
    for _ in range(times):
        service.missed.step()
        service.clock.wait(30)

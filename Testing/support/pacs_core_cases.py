"""A service's folder, queue and inbox for tests, the time in their hands."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pydicom

from LiverTumorSegLib.apps.pacs.config import Config
from LiverTumorSegLib.apps.pacs.inbox import Inbox
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import QueuedSeries
from LiverTumorSegLib.apps.pacs.storage import ServiceFolder
from support import dicom_slices

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Clock:
    """The time, which stands still but for where a test moves it."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class PacsService:
    """A service without what runs in it; ``sections`` are of its configuration."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.clock = Clock()
        self.config = configured(folder / "pacs", **sections)
        self.folder = ServiceFolder(self.config.folder)
        self.folder.make()
        self.queue = SeriesQueue(self.folder.queue, now=self.clock)
        self.inbox = Inbox(self.config, self.queue)

    def arriving(self, image: pydicom.Dataset) -> Path:
        """An image as a receiver writes it."""
        file = self.folder.arriving / "image.dcm"
        image.save_as(file, enforce_file_format=True)
        return file

    def take(self, *images: pydicom.Dataset, asked: str | None = None) -> None:
        for image in images:
            self.inbox.take(self.arriving(image), "SCANNER", asked=asked)

    def only(self) -> QueuedSeries:
        """The one series there is."""
        [series] = self.queue.all()
        return series


def configured(folder: Path, **sections: Any) -> Config:
    """A configuration that says little."""
    stated: dict[str, Any] = {
        "folder": folder,
        "receive": {"senders": [{"ae_title": "SCANNER"}], "quiet_seconds": 30},
        "send": {"dicom": {"ae_title": "PACS", "address": "127.0.0.1", "port": 1}},
        "limits": {},
    }
    stated |= sections
    stated["limits"] = {"free_gb": 0} | stated["limits"]
    return Config.model_validate(stated)


def series(uid: str = "1.2.3", count: int = 12) -> list[pydicom.Dataset]:
    """The images of a CT series."""
    return dicom_slices.plain(uid, count=count)

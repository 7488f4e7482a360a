"""The part of a service that shares work; stand-ins for all else: images come from nowhere, a list is the archive.

    python shared_pacs.py DATABASE FOLDER ARCHIVE SECONDS

ARCHIVE is a file that gets a line a result, SECONDS is what segmenting takes; -1 for ever.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

from LiverTumorSegLib.apps.pacs import log
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.shared_queue import SharedQueue
from LiverTumorSegLib.apps.pacs.shared_work import SharedWork

HEARTBEAT_SECONDS, SILENT_SECONDS = 0.2, 1.5
SENDER = "archive"


class SharingService:
    """A service of a test.

    Args:
        database: of the shared queue.
        folder: of the service's own queue.
        archive: file that gets a line a result.
        seconds: that segmenting takes; negative for ever.
        options: of :class:`SharedWork`.
    """

    def __init__(self, database: str, folder: Path, archive: Path, seconds: float = 0.0, **options: float) -> None:
        folder.mkdir(exist_ok=True)
        self.queue, self.archive, self.seconds = SeriesQueue(folder / "node.sqlite"), archive, seconds
        times = {"heartbeat_seconds": HEARTBEAT_SECONDS, "silent_seconds": SILENT_SECONDS}
        self.shared = SharedQueue(database)
        self.work = SharedWork(self.shared, self.queue, self.fetch, SENDER, **times | options)
        self.fetched: list[str] = []

    def fetch(self, study: str, series: str) -> None:
        """Get the only image of a series."""
        self.fetched.append(series)
        found = self.queue.of(series)
        assert found is not None
        assert (found.study, found.sender) == (study, SENDER)
        self.queue.arrived(f"{series}.1", found.number, 1, None)
        self.queue.whole(series)

    async def run(self) -> None:
        """Take series and do them, until cancelled."""
        ended = threading.Event()
        doing = asyncio.create_task(asyncio.to_thread(self.do, ended))
        try:
            await self.work.run()
        finally:
            ended.set()
            await doing

    def do(self, ended: threading.Event) -> None:
        """Do what is in the service's own queue."""
        while not ended.wait(0.02):
            for series in self.queue.quiet():
                self.queue.waits(series.number)
            begun = self.queue.begin()
            if begun is not None:
                time.sleep(self.seconds if self.seconds >= 0 else 3600)
                self.queue.made(begun.number, ["segmentation.dcm"])
                with self.archive.open("a") as file:
                    file.write(f"{begun.series} {begun.made.isoformat()}\n")
                self.queue.sent(begun.number)


def main() -> None:
    log.start_logging()
    database, folder, archive, seconds = sys.argv[1:]
    asyncio.run(SharingService(database, Path(folder), Path(archive), float(seconds)).run())


if __name__ == "__main__":
    main()

"""Waiting series go through the warm worker, one after another, and each result appears whole on the disk."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from ...core.errors import UserError
from ...core.sanitize import anonymise_sentence
from ..worker.client import Worker
from ..worker.protocol import UNEXPECTED
from ..worker.queue import ENDED, JobQueue, JobState, QueuedJob
from .config import Config
from .queue import SeriesQueue
from .queue_reader import QueuedSeries, SeriesState
from .storage import ServiceFolder, remove, sync_to_disk

_POLL_SECONDS = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _RunningSeries:
    """A series that is being segmented.

    Args:
        series: of the queue.
        job: of the worker.
        folder: that its result is made in, this try's own, as the worker of a service that was killed may still write.
        ends: when it has taken too long, in seconds of the monotonic clock.
    """

    series: QueuedSeries
    job: QueuedJob
    folder: Path
    ends: float


class SeriesSegmenter:
    """Has waiting series segmented by the worker.

    Args:
        config: of the service; its folder has been made.
        queue: of the service.
        worker: asked by nobody else.
    """

    def __init__(self, config: Config, queue: SeriesQueue, worker: Worker) -> None:
        self._segment, self._limits, self._folder = config.segment, config.limits, ServiceFolder(config.folder)
        self._queue, self._worker, self._jobs = queue, worker, JobQueue(worker)
        self._running: _RunningSeries | None = None
        self._had_room = True

    def step(self) -> None:
        """Begin with a series where none is being segmented, else see how far it is; never waits."""
        if self._running is None and self._has_room():
            self._begin()
        self._jobs.poll()
        if self._running is not None:
            self._follow(self._running)

    async def load(self) -> None:
        """Load the model, so that what is wrong with it is known before any image is taken.

        Raises:
            UserError: it, or the device, cannot be used.
        """
        job = self._jobs.submit("load_model", **self._segment.models, device=self._segment.device)
        while job.state not in ENDED:
            self._jobs.poll()
            await asyncio.sleep(_POLL_SECONDS)
        if job.state is not JobState.DONE:
            raise UserError(job.error)

    def close(self) -> None:
        """End the worker; a series that is being segmented is segmented again at the next start."""
        self._jobs.close()
        if self._running is not None:
            self._queue.put_back(self._running.series.number)

    def _has_room(self) -> bool:
        """Whether a result can be kept; that it cannot is said once."""
        had, self._had_room = self._had_room, self._folder.has_room(self._limits.free_gb)
        if had and not self._had_room:
            _log.error("the disk has less room left than [limits] free_gb asks for: nothing is segmented until it has")
        return self._had_room

    def _begin(self) -> None:
        for orphan in self._queue.in_state(SeriesState.SEGMENTING):
            self._try_again(orphan, "Its result could not be kept: see the log.")
        series = self._queue.begin()
        if series is None:
            return
        folder = self._folder.making / f"{series.number}-{secrets.token_hex(8)}"
        job = self._jobs.submit(
            "segment_series",
            source=str(self._folder.images(series.number)),
            folder=str(folder),
            **self._segment.models,
            device=self._segment.device,
            options={"precision": self._segment.precision},
            made=series.made.isoformat(),
            lesion_segments=self._segment.lesion_segments,
        )
        self._running = _RunningSeries(series, job, folder, monotonic() + self._limits.segment_minutes * 60)
        _log.info("job %d: is being segmented", series.number)

    def _follow(self, running: _RunningSeries) -> None:
        if running.job.state not in ENDED:
            if monotonic() > running.ends or not self._queue.is_wanted(running.series.number):
                self._jobs.cancel(running.job)
            return
        self._running = None
        try:
            self._end(running)
        finally:
            remove(running.folder)

    def _end(self, running: _RunningSeries) -> None:
        number, job = running.series.number, running.job
        if not self._queue.is_wanted(number):
            _log.info("job %d: more images came while it was segmented; segmentation starts again", number)
        elif job.state is JobState.DONE:
            names = [Path(file).name for file in job.result.get("files", [])]
            self._publish(number, running.folder, [name for name in names if name.endswith(".dcm")])
        elif job.state is JobState.CANCELLED:
            self._fail(
                number, f"It took longer than {self._limits.segment_minutes:g} minutes ([limits] segment_minutes)."
            )
        elif not self._worker.alive or job.error.startswith(UNEXPECTED):
            self._try_again(running.series, anonymise_sentence(_without_quotes(job.error), self._folder.images(number)))
        else:
            self._fail(number, anonymise_sentence(job.error, self._folder.images(number)))

    def _publish(self, number: int, made: Path, objects: list[str]) -> None:
        """Move a result to its place in the transaction that says so: without that it is deleted at the next start."""
        if not objects:
            self._fail(number, "It was segmented and has no DICOM objects: please report it.")
            return
        for path in [*made.iterdir(), made]:
            sync_to_disk(path)
        place = self._folder.result(number)
        with self._queue.transaction():
            if not self._queue.made(number, objects):
                return
            remove(place)
            made.replace(place)
            sync_to_disk(place.parent)
        _log.info("job %d: has been segmented, and waits to be sent", number)

    def _try_again(self, series: QueuedSeries, why: str) -> None:
        pause = self._limits.pause_seconds(series.tries)
        if self._queue.try_again(series, why, self._limits.segment_tries, timedelta(seconds=pause)):
            _log.warning("job %d: will be segmented again in %d s. %s", series.number, pause, why)
        else:
            _log.error("job %d: failed. %s", series.number, why)

    def _fail(self, number: int, why: str) -> None:
        self._queue.failed(number, why, SeriesState.SEGMENTING)
        _log.error("job %d: failed. %s", number, why)


def _without_quotes(sentence: str) -> str:
    """The sentence; of an error that nobody foresaw its kind alone, as it quotes what it was about."""
    if not sentence.startswith(UNEXPECTED):
        return sentence
    kind = sentence.removeprefix(UNEXPECTED).strip(" (").partition(":")[0].partition(")")[0]
    return f"Segmenting failed unexpectedly ({kind}): please report it."

"""The archives that a service asks for series, as its configuration names them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

from .archived_series import ArchivedSeries, SeriesSource
from .config import Config, Limits, Watch, Web
from .dicomweb import DicomWeb
from .inbox import Inbox
from .missed_series import LookBack, MissedSeries, missed_series_search
from .move_archive import MoveArchive
from .queue import SeriesQueue
from .watcher import Search, Watcher
from .web_source import WebSource

_MEGABYTE = 1_000_000


def watch_archive(
    config: Config, inbox: Inbox, queue: SeriesQueue, clock: Callable[[], float] = time.monotonic
) -> Watcher:
    """The watch of a DICOMweb server for new series, which also finds those that were missed.

    Args:
        config: of the service, with ``[watch]``.
        inbox: what takes the images.
        queue: of the service.
        clock: seconds, as of :func:`time.monotonic`.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """
    if config.watch is None:
        raise ValueError(config)
    source = _web_source(config.watch, config.limits, inbox, queue)
    search = _watch_search(config, config.watch, queue)
    return Watcher(source, search, config.limits, config.rules, inbox, queue, clock)


def look(config: Config, queue: SeriesQueue, watcher: Watcher) -> None:
    """Have a watch ask once, and remember when it found nothing left to be fetched, as is looked back to then."""
    now = queue.now()
    if watcher.look() and config.catch_up:
        queue.searched(now)


def catch_up(
    config: Config, inbox: Inbox, queue: SeriesQueue, clock: Callable[[], float] = time.monotonic
) -> tuple[MissedSeries, Watcher]:
    """The search for what was missed of an archive that sends by itself, and its watcher, to be stopped at the end.

    It is asked by QIDO-RS where results go to it by STOW-RS, else by C-FIND and C-MOVE.

    Args:
        config: of the service, with ``[catch_up]`` and ``[receive]``, without ``[watch]``.
        inbox: what takes the images.
        queue: of the service.
        clock: seconds, as of :func:`time.monotonic`.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """
    if config.catch_up is None or config.receive is None:
        raise ValueError(config)
    search = missed_series_search(config.catch_up, config.receive.quiet_seconds, queue)
    source = _missed_source(config, inbox, queue)
    watcher = Watcher(source, search, config.limits, config.rules, inbox, queue, clock)
    return MissedSeries(config.catch_up, watcher, queue), watcher


def _missed_source(config: Config, inbox: Inbox, queue: SeriesQueue) -> SeriesSource:
    """The archive that results go to, as one that is searched."""
    if config.send.web:
        return _web_source(config.send.web, config.limits, inbox, queue)
    if config.send.dicom is None or config.receive is None:
        raise ValueError(config)
    return MoveArchive(config.send.dicom, config.receive.ae_title, queue)


def _watch_search(config: Config, watch: Watch, queue: SeriesQueue) -> Search:
    """The last days, and, with ``[catch_up]``, those since the last search that left nothing to be fetched."""
    look_back = LookBack(config.catch_up, queue) if config.catch_up else None

    def watched_since() -> date:
        return date.today() - timedelta(days=watch.days)

    def since() -> date:
        return min(watched_since(), look_back.first_day()) if look_back else watched_since()

    def is_wanted(one: ArchivedSeries) -> bool:
        return look_back is None or one.began[:8] >= f"{watched_since():%Y%m%d}" or look_back.reaches(one)

    return Search(since, watch.quiet_seconds, is_wanted)


def _web_source(web: Web, limits: Limits, inbox: Inbox, queue: SeriesQueue) -> WebSource:
    single, enhanced = (DicomWeb(web, round(size * _MEGABYTE)) for size in (limits.image_mb, limits.enhanced_mb))
    return WebSource(single, enhanced, inbox, queue)

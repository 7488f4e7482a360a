"""Series that are whole are held against the rules: they wait to be segmented, or are passed by."""

from __future__ import annotations

import logging

from . import image_header, rules
from .config import Config
from .folder import NodeFolder
from .image_header import Refused
from .queue import QueuedSeries, SeriesQueue

_GONE = "Not all of its images are here any more: have the whole series sent again."
_log = logging.getLogger(__name__)


class Gathering:
    """Looks for series of which no image has come for some time, or that are said to be whole.

    Args:
        config: of the node.
        queue: of the node.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._rules, self._queue, self._folder = config.rules, queue, NodeFolder(config.folder)

    def step(self) -> bool:
        """Judge one series; returns whether there was one."""
        with self._queue.transaction():  # no image comes in between
            whole = self._queue.quiet()
            if whole:
                self._judge(whole[0])
        return bool(whole)

    def _judge(self, series: QueuedSeries) -> None:
        number, files = series.number, self._queue.files(series.number)
        kept = [file for file in files if file is not None]
        if len(kept) < len(files) or not kept:
            self._fail(number, _GONE)
            return
        try:
            facts = image_header.facts(self._folder.image(number, kept[0]), len(kept))
        except Refused as refused:
            self._fail(number, f"An image cannot be read any more: {refused.sentence}")
            return
        why = rules.fits(facts, self._rules)
        if why:
            self._queue.passed(number, why)
            _log.info("job %d: passed by. %s", number, why)
        else:
            self._queue.waits(number)
            _log.info("job %d: %d images, waits to be segmented", number, len(kept))

    def _fail(self, number: int, why: str) -> None:
        self._queue.failed(number, why)
        _log.error("job %d: failed. %s", number, why)

"""Results go to the archive, again and again while that cannot be reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from ..errors import UserError
from .config import Config, Send
from .folder import NodeFolder
from .log import what
from .queue import QueuedSeries, SeriesQueue, State
from .reaching import Rejected, Unreachable

_log = logging.getLogger(__name__)


class Sending:
    """Has series sent.

    Args:
        config: of the node; its folder has been made.
        queue: of the node.
        deliver: :func:`sender.send`, which asks the archive first what it holds: a node that was killed before it had
            noted that a series was sent does not send it twice.
    """

    def __init__(self, config: Config, queue: SeriesQueue, deliver: Callable[[Sequence[Path], Send], None]) -> None:
        self._to, self._limits, self._folder = config.send, config.limits, NodeFolder(config.folder)
        self._queue, self._deliver = queue, deliver

    def step(self) -> bool:
        """Send one series; returns whether there was one."""
        series = self._queue.next_to_send()
        if series is None:
            return False
        place = self._folder.result(series.number)
        objects = [place / name for name in self._queue.objects(series.number)]
        if not all(file.is_file() for file in objects):
            self._queue.lost_objects(series.number)
            _log.error("job %d: its result is gone from the node's folder, and is made again", series.number)
            return True
        try:
            self._deliver(objects, self._to)
        except (Unreachable, UserError) as error:  # a certificate or a password may be put right
            self._try_again(series, str(error))
        except Rejected as error:
            self._fail(series.number, str(error))
        except Exception as error:  # noqa: BLE001 whatever it is, the other series must not wait for ever
            _log.exception("job %d: sending failed unexpectedly", series.number)
            self._try_again(series, f"Sending failed unexpectedly ({what(error)}): please report it.")
        else:
            self._queue.sent(series.number)
            _log.info("job %d: done, the archive has its result", series.number)
        return True

    def _try_again(self, series: QueuedSeries, why: str) -> None:
        if self._queue.now() - series.since > timedelta(days=self._limits.send_days):
            self._fail(series.number, f"{why} That was tried for {self._limits.send_days:g} days.")
            return
        pause = self._limits.pause_seconds(series.tries)
        self._queue.send_again(series.number, why, timedelta(seconds=pause))
        _log.warning("job %d: is sent again in %d s. %s", series.number, pause, why)

    def _fail(self, number: int, why: str) -> None:
        self._queue.failed(number, why, State.SENDING)
        _log.error("job %d: failed. %s", number, why)

"""Alerts that tell a person of what the service cannot mend by itself, by a command or a URL, without identifiers."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from ...core import child_process
from .config import AlertConfig, Limits
from .queue import ALERTED, SeriesQueue
from .queue_reader import SeriesState

_PATIENCE_SECONDS = 30
_LEAST_BAD_STATUS = 300
_Occasion = tuple[int | None, datetime | None]
"""A job and when it failed; see :data:`_AWAY`. The words of an alert may change while it is tried again."""

_AWAY: _Occasion = (None, None)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """What is told.

    Args:
        event: ``job failed`` or ``archive away``.
        sentence: for people, without identifiers.
        job: its number; None where it is about no one job.
    """

    event: str
    sentence: str
    job: int | None = None


class AlertFailed(Exception):
    """An alert was not taken; the words say why, without what the other side answered."""


class Alerts:
    """Tells of jobs that failed for good, each once, and of an archive that is away for long, once each time.

    Args:
        wanted: of the configuration.
        limits: on how soon an alert that was not taken is tried again.
        queue: of the service, which remembers until when was told.
        archives: when each that is asked for series began to fail, UTC; None while it does not.
    """

    def __init__(
        self,
        wanted: AlertConfig,
        limits: Limits,
        queue: SeriesQueue,
        archives: Sequence[Callable[[], datetime | None]] = (),
    ) -> None:
        self._wanted, self._limits, self._queue, self._archives = wanted, limits, queue, archives
        self._is_away = False
        self._has_run: set[_Occasion] = set()
        self._failures, self._not_before = 0, queue.now()
        if queue.mark(ALERTED) is None:
            queue.alerted(queue.now())

    def step(self) -> None:
        """Tell what there is to tell; what was not taken is told again later."""
        if self._queue.now() < self._not_before:
            return
        try:
            self._tell_of_failures()
            self._tell_of_archives()
        except AlertFailed as error:
            pause = self._limits.pause_seconds(self._failures)
            self._failures += 1
            self._not_before = self._queue.now() + timedelta(seconds=pause)
            _log.error("an alert could not be sent, and will be tried again in %d s: %s", pause, error)
        else:
            self._failures = 0

    def _tell_of_failures(self) -> None:
        told = self._queue.mark(ALERTED) or self._queue.now()
        failed = [one for one in self._queue.in_state(SeriesState.FAILED) if one.since > told]
        for one in sorted(failed, key=lambda one: one.since):
            alert = Alert("job failed", f"Job {one.number} failed: {one.why}", one.number)
            self._tell(alert, (one.number, one.since))
            self._queue.alerted(one.since)

    def _tell_of_archives(self) -> None:
        """Of results that wait since long, and of archives that are asked for series."""
        since = [one.since for one in self._queue.in_state(SeriesState.SENDING) if one.tries]
        since += [began for archive in self._archives if (began := archive())]
        away = self._queue.now() - min(since) if since else timedelta()
        if away < timedelta(minutes=self._wanted.archive_minutes):
            self._is_away = False
            self._has_run.discard(_AWAY)
        elif not self._is_away:
            minutes = round(away.total_seconds() / 60)
            alert = Alert("archive away", f"The archive could not be used for {minutes} minutes: see the log.")
            self._tell(alert, _AWAY)
            self._is_away = True

    def _tell(self, alert: Alert, occasion: _Occasion) -> None:
        """Tell by both ways; the command is not run again where the URL alone did not take the alert."""
        if self._wanted.command and occasion not in self._has_run:
            _run(self._wanted.command, alert)
            self._has_run.add(occasion)
        if self._wanted.url:
            _post(self._wanted.url, alert)
        self._has_run.discard(occasion)
        _log.info("an alert was sent: %s", alert.event)


def _run(command: Sequence[str], alert: Alert) -> None:
    """Run a command, without a shell and in a folder of its own, with the sentence on its standard input."""
    try:
        with TemporaryDirectory() as own:
            subprocess.run(  # noqa: S603 the configuration is trusted, and what it gets is on its standard input
                list(command),
                input=f"{alert.sentence}\n".encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
                timeout=_PATIENCE_SECONDS,
                **child_process.start_options(Path(own)),
            )
    except subprocess.CalledProcessError as error:
        msg = f"the command of [alerts] ended with code {error.returncode}"
        raise AlertFailed(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"the command of [alerts] took longer than {_PATIENCE_SECONDS} s"
        raise AlertFailed(msg) from error
    except OSError as error:
        msg = f"the command of [alerts] cannot be run ({error.strerror}): give its whole path"
        raise AlertFailed(msg) from error


def _post(url: str, alert: Alert) -> None:
    content = {"event": alert.event, "job": alert.job, "text": f"LiverTumorSeg beside the archive: {alert.sentence}"}
    with requests.Session() as session:
        session.trust_env = False  # neither proxies nor passwords of whoever starts the service
        try:
            answer = session.post(url, json=content, timeout=_PATIENCE_SECONDS, allow_redirects=False, stream=True)
        except requests.RequestException as error:
            msg = f"the url of [alerts] cannot be used ({type(error).__name__})"
            raise AlertFailed(msg) from error
        if answer.status_code >= _LEAST_BAD_STATUS:
            msg = f"the url of [alerts] answers {answer.status_code}"
            raise AlertFailed(msg)

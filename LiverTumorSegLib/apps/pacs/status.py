"""The queue as ``livertumorseg pacs status`` shows it, without identifiers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ...core.sanitize import to_one_line
from .queue import SeriesQueue
from .queue_reader import QueuedSeries

_HEADINGS = ("job", "state", "images", "from", "came", "in this state since", "tries", "next try", "")


def table(queue: SeriesQueue, limit: int) -> Table:
    """The newest series, the last first, times in this machine's zone."""
    made = Table(*_HEADINGS)
    for series in queue.all(limit):
        times = [_local_time(series.made), _local_time(series.since)]
        cells = [str(series.number), series.state.value, str(series.images), series.sender, *times]
        cells += [str(series.tries), _local_time(series.next_try) if series.next_try else "", series.sentence]
        made.add_row(*(Text(to_one_line(cell)) for cell in cells))
    return made


def counts_sentence(queue: SeriesQueue) -> str:
    """A sentence on how many series are in which state."""
    found = [f"{count} {state.value}" for state, count in queue.counts().items() if count]
    return f"{', '.join(found)}." if found else "No series has come yet."


def running_sentence(is_running: bool) -> str:
    """A sentence on whether the service runs."""
    return "The service runs." if is_running else "The service does not run: its series go on when it starts again."


def as_dict(queue: SeriesQueue, limit: int, *, is_running: bool) -> dict[str, Any]:
    """The newest series and the counts of states, ready for JSON, times in UTC."""
    return {
        "running": is_running,
        "counts": {state.value: count for state, count in queue.counts().items()},
        "series": [_series_as_dict(series) for series in queue.all(limit)],
    }


def _series_as_dict(series: QueuedSeries) -> dict[str, Any]:
    return {
        "job": series.number,
        "state": series.state.value,
        "images": series.images,
        "late_images": series.late,
        "from": series.sender,
        "came": series.made.isoformat(),
        "since": series.since.isoformat(timespec="seconds"),
        "tries": series.tries,
        "next_try": series.next_try.isoformat(timespec="seconds") if series.next_try else None,
        "sentence": series.sentence,
    }


def _local_time(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"

"""What ``livertumorseg node status`` shows of a queue, without identifiers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ..visible import on_one_line
from .queue import QueuedSeries, SeriesQueue

_HEADINGS = ("job", "state", "images", "from", "came", "in this state since", "tries", "next try", "")


def table(queue: SeriesQueue, limit: int) -> Table:
    """The newest series, the last first, times in this machine's zone."""
    made = Table(*_HEADINGS)
    for series in queue.all(limit):
        times = [_local(series.made), _local(series.since)]
        cells = [str(series.number), series.state.value, str(series.images), series.sender, *times]
        cells += [str(series.tries), _local(series.next_try) if series.next_try else "", series.sentence]
        made.add_row(*(Text(on_one_line(cell)) for cell in cells))
    return made


def counts(queue: SeriesQueue) -> str:
    """How many series are in which state, in a sentence."""
    found = [f"{count} {state.value}" for state, count in queue.counts().items() if count]
    return f"{', '.join(found)}." if found else "No series has come yet."


def running(is_running: bool) -> str:
    """Whether the node runs, in a sentence."""
    return "The node runs." if is_running else "The node does not run: its series go on when it starts again."


def plain(queue: SeriesQueue, limit: int, *, is_running: bool) -> dict[str, Any]:
    """The same, ready for JSON, times in UTC."""
    return {
        "running": is_running,
        "counts": {state.value: count for state, count in queue.counts().items()},
        "series": [_plain(series) for series in queue.all(limit)],
    }


def _plain(series: QueuedSeries) -> dict[str, Any]:
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


def _local(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"

"""What the node's page says of its queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader

from .. import DISCLAIMER
from ..report_files import LESIONS, PAGE
from ..visible import in_page
from .queue import QueuedSeries, SeriesQueue, State
from .report_pictures import NAMES

ROWS = 50
"""Of a page."""

WORDS = {state: state.value for state in State} | {State.PASSED: "passed by"}
"""For people."""

_FILES = {PAGE: "Report", LESIONS: "lesions.csv"}


@dataclass(frozen=True)
class Wanted:
    """A part of the queue.

    Args:
        state: of its series; None for any.
        before: their job numbers are smaller; None for any.
    """

    state: State | None = None
    before: int | None = None


def overview(queue: SeriesQueue, results: Path, wanted: Wanted) -> str:
    """The page's text.

    Args:
        queue: of the node.
        results: folder with one of each job, named by its number.
        wanted: the part to show; of it, the newest :data:`ROWS`.
    """
    counts = queue.counts()
    found = queue.all(ROWS + 1, before=wanted.before, state=wanted.state)
    shown = found[:ROWS]
    return (
        _environment()
        .get_template("node.html")
        .render(
            disclaimer=DISCLAIMER,
            total=sum(counts.values()),
            counts=[(state.value, words, counts[state]) for state, words in WORDS.items()],
            chosen=wanted.state.value if wanted.state else None,
            chosen_words=WORDS[wanted.state].capitalize() if wanted.state else "All",
            before=wanted.before,
            older=shown[-1].number if len(found) > ROWS else None,
            rows=[_row(series, results / str(series.number)) for series in shown],
            zone=datetime.now().astimezone().tzname(),
        )
    )


def _row(series: QueuedSeries, folder: Path) -> dict[str, Any]:
    files = [(name, words) for name, words in _FILES.items() if (folder / name).is_file()]
    return {
        "series": series,
        "words": WORDS[series.state],
        "files": files,
        "pictures": NAMES if any(name == PAGE for name, _ in files) else (),
    }


@cache
def _environment() -> Environment:
    """Where the template is; what it writes is shown and does nothing."""
    loader = PackageLoader(__package__.partition(".")[0], "templates")
    environment = Environment(loader=loader, autoescape=True, finalize=in_page)
    environment.filters["shown"] = lambda time: time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    environment.globals["address"] = _address
    return environment


def _address(state: str | None, before: int | None) -> str:
    asked = {name: value for name, value in (("state", state), ("before", before)) if value}
    return f"/?{urlencode(asked)}" if asked else "/"

"""The service's page in a browser: the queue, how far each series is, and the reports with their pictures."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader

from ...core.about import DISCLAIMER
from ...core.errors import UserError
from ...core.sanitize import escape_for_page
from ...reporting.report_files import LESIONS_FILE, PAGE_FILE
from ..http_access import AccessGate
from .queue import SeriesQueue
from .queue_reader import QueuedSeries, SeriesState

PLANES = ("axial", "coronal", "sagittal")
_PICTURE = re.compile(r'<figure[^>]*><img src="data:image/png;base64,([^"]*)" alt="(\w+) slice')


def report_pictures(report: Path) -> dict[str, bytes]:
    """The slices with the outlines of liver and lesions, as PNG files by the name of their plane.

    Args:
        report: that :mod:`LiverTumorSegLib.reporting.report_files` wrote.

    Raises:
        OSError: it cannot be read.
    """
    found = _PICTURE.findall(report.read_text(encoding="utf-8"))
    return {plane: base64.b64decode(content) for content, plane in found if plane in PLANES}


ROWS = 50
"""The most series on a page."""

STATE_NAMES = {state: state.value for state in SeriesState} | {SeriesState.PASSED: "passed by"}
"""The states in the words that people read."""

_FILES = {PAGE_FILE: "Report", LESIONS_FILE: "lesions.csv"}


@dataclass(frozen=True)
class QueueFilter:
    """A part of the queue.

    Args:
        state: of its series; None for any.
        before: their job numbers are smaller; None for any.
    """

    state: SeriesState | None = None
    before: int | None = None


def render_page(queue: SeriesQueue, results: Path, wanted: QueueFilter, *, identifiers: bool = False) -> str:
    """The page's text.

    Args:
        queue: of the service.
        results: folder with one of each job, named by its number.
        wanted: the part to show; of it, the newest :data:`ROWS`.
        identifiers: whether to show accession numbers and patients' IDs.
    """
    names = queue.names() if identifiers else {}
    counts = queue.counts()
    found = queue.all(ROWS + 1, before=wanted.before, state=wanted.state)
    shown = found[:ROWS]
    return (
        _environment()
        .get_template("pacs.html")
        .render(
            disclaimer=DISCLAIMER,
            total=sum(counts.values()),
            counts=[(state.value, words, counts[state]) for state, words in STATE_NAMES.items()],
            chosen=wanted.state.value if wanted.state else None,
            chosen_words=STATE_NAMES[wanted.state].capitalize() if wanted.state else "All",
            before=wanted.before,
            older=shown[-1].number if len(found) > ROWS else None,
            identifiers=identifiers,
            rows=[_table_row(series, results / str(series.number), names.get(series.number)) for series in shown],
            zone=datetime.now().astimezone().tzname(),
        )
    )


def _table_row(series: QueuedSeries, folder: Path, names: tuple[str, str] | None) -> dict[str, Any]:
    files = [(name, words) for name, words in _FILES.items() if (folder / name).is_file()]
    return {
        "series": series,
        "names": names or ("", ""),
        "took": _duration(series.since - series.made) if series.state is SeriesState.DONE else "",
        "words": STATE_NAMES[series.state],
        "files": files,
        "pictures": PLANES if any(name == PAGE_FILE for name, _ in files) else (),
    }


def _duration(time: timedelta) -> str:
    """A length of time in words that are as exact as people need it."""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


@cache
def _environment() -> Environment:
    """The templates' environment; no text that they write can act as markup."""
    loader = PackageLoader(__package__, "templates")
    environment = Environment(loader=loader, autoescape=True, finalize=escape_for_page)
    environment.filters["shown"] = lambda time: time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    environment.globals["address"] = _address
    return environment


def _address(state: str | None, before: int | None) -> str:
    asked = {name: value for name, value in (("state", state), ("before", before)) if value}
    return f"/?{urlencode(asked)}" if asked else "/"


_RESULT = "/results/{number:[1-9][0-9]{0,17}}"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(queue: SeriesQueue, results: Path, gate: AccessGate, *, identifiers: bool = False) -> web.Application:
    """An application that shows a queue and its results, to those whom the gate lets in.

    Args:
        queue: of the service.
        results: folder with one of each job, named by its number.
        gate: that every request passes.
        identifiers: whether the page shows accession numbers and patients' IDs.
    """
    app = web.Application()
    gate.guard(app)
    app.add_routes(
        [
            web.get("/", _page_handler(queue, results, identifiers=identifiers)),
            web.post("/retry/{number:[1-9][0-9]{0,17}}", _retry_handler(queue)),
            web.get("/favicon.ico", _no_icon),  # which browsers ask for beside a report
            web.get(f"{_RESULT}/{PAGE_FILE}", _file_handler(results, PAGE_FILE, "text/html; charset=utf-8")),
            web.get(f"{_RESULT}/{LESIONS_FILE}", _file_handler(results, LESIONS_FILE, "text/csv; charset=utf-8")),
            web.get(f"{_RESULT}/{{plane:{'|'.join(PLANES)}}}.png", _picture_handler(results)),
        ]
    )
    return app


def _page_handler(queue: SeriesQueue, results: Path, *, identifiers: bool) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        wanted = _queue_filter(request)
        text = await asyncio.to_thread(render_page, queue, results, wanted, identifiers=identifiers)
        return web.Response(text=text, content_type="text/html")

    return answer


def _retry_handler(queue: SeriesQueue) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        try:
            await asyncio.to_thread(queue.retry, int(request.match_info["number"]))
        except UserError as error:
            raise web.HTTPConflict(text=str(error)) from error
        raise web.HTTPSeeOther(location="/")

    return answer


def _queue_filter(request: web.Request) -> QueueFilter:
    """The part of the queue that an address asks for."""
    state, before = request.query.get("state"), request.query.get("before")
    if state not in (None, *(each.value for each in SeriesState)):
        raise web.HTTPNotFound(text="There is no such state.")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise web.HTTPNotFound(text="There is no such job.")
    return QueueFilter(SeriesState(state) if state else None, int(before) if before else None)


async def _no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)


def _file_handler(results: Path, name: str, kind: str) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = request.match_info["number"]
        path = results / number / name
        if not await asyncio.to_thread(path.is_file):
            raise _missing_file(number)
        saved = {} if name == PAGE_FILE else {"Content-Disposition": f'attachment; filename="job-{number}-{name}"'}
        return web.FileResponse(path, headers={"Content-Type": kind} | saved)

    return answer


def _picture_handler(results: Path) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        try:
            found = await asyncio.to_thread(report_pictures, results / number / PAGE_FILE)
            return web.Response(body=found[request.match_info["plane"]], content_type="image/png")
        except (OSError, KeyError) as error:
            raise _missing_file(number) from error

    return answer


def _missing_file(number: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(
        text=f"Job {number} has no such file: it has no result, or that was deleted after its time."
    )

"""The node's page: what it has received, how far each series is, and the reports with their pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from ..report_files import LESIONS, PAGE
from ..serving.gate import Gate
from .overview import Wanted, overview
from .queue import SeriesQueue, State
from .report_pictures import NAMES, pictures

_RESULT = "/results/{number:[1-9][0-9]{0,17}}"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(queue: SeriesQueue, results: Path, gate: Gate) -> web.Application:
    """An application that shows a queue and its results, to those whom the gate lets in.

    Args:
        queue: of the node.
        results: folder with one of each job, named by its number.
        gate: that every request passes.
    """
    app = web.Application()
    gate.guard(app)
    app.add_routes(
        [
            web.get("/", _overview(queue, results)),
            web.get("/favicon.ico", _no_icon),  # which browsers ask for beside a report
            web.get(f"{_RESULT}/{PAGE}", _file(results, PAGE, "text/html; charset=utf-8")),
            web.get(f"{_RESULT}/{LESIONS}", _file(results, LESIONS, "text/csv; charset=utf-8")),
            web.get(f"{_RESULT}/{{plane:{'|'.join(NAMES)}}}.png", _picture(results)),
        ]
    )
    return app


def _overview(queue: SeriesQueue, results: Path) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        text = await asyncio.to_thread(overview, queue, results, _wanted(request))
        return web.Response(text=text, content_type="text/html")

    return answer


def _wanted(request: web.Request) -> Wanted:
    """The part of the queue that an address asks for."""
    state, before = request.query.get("state"), request.query.get("before")
    if state not in (None, *(each.value for each in State)):
        raise web.HTTPNotFound(text="There is no such state.")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise web.HTTPNotFound(text="There is no such job.")
    return Wanted(State(state) if state else None, int(before) if before else None)


async def _no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)


def _file(results: Path, name: str, kind: str) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = request.match_info["number"]
        path = results / number / name
        if not await asyncio.to_thread(path.is_file):
            raise _missing(number)
        saved = {} if name == PAGE else {"Content-Disposition": f'attachment; filename="job-{number}-{name}"'}
        return web.FileResponse(path, headers={"Content-Type": kind} | saved)

    return answer


def _picture(results: Path) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        try:
            found = await asyncio.to_thread(pictures, results / number / PAGE)
            return web.Response(body=found[request.match_info["plane"]], content_type="image/png")
        except (OSError, KeyError) as error:
            raise _missing(number) from error

    return answer


def _missing(number: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(
        text=f"Job {number} has no such file: it has no result, or that was deleted after its time."
    )

"""The server that browsers talk to: it opens sessions, passes their pages on, and takes uploads and downloads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from ....core.errors import UserError
from ...http_access import AccessGate
from ...http_server import ListeningSocket, served
from ...worker.client import Worker
from ...worker.protocol import Message
from ...worker.queue import GRACE_SECONDS as CANCEL_SECONDS
from ...worker.queue import JobQueue
from . import proxy
from .archives import SessionArchives
from .jobs import SessionJobs
from .session_process import COMMAND, DOWNLOADS, UPLOADS
from .sessions import GRACE_SECONDS, RunningSession, Sessions
from .uploads import UploadTooLarge, receive

if TYPE_CHECKING:
    from ...pacs.archive_list import ListedArchive


def download_response(folder: Path, name: str) -> web.FileResponse:
    """The answer with a file, whole or in parts as the request says; browsers save it under its name.

    Args:
        folder: of files to fetch.
        name: of a file in it.

    Raises:
        aiohttp.web.HTTPNotFound: no plain file of this name is in the folder.
    """
    path = _find_download(folder, name)
    if path is None:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": content_disposition(name), "Content-Type": "application/octet-stream"}
    return web.FileResponse(path, headers=headers)


def content_disposition(name: str) -> str:
    """The header that gives a download its name (RFC 6266), with a plain one for what knows no others."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _find_download(folder: Path, name: str) -> Path | None:
    """Looked up among what is there, so that no name leads out of the folder."""
    with suppress(FileNotFoundError), os.scandir(folder) as inside:
        return next((Path(e.path) for e in inside if e.name == name and e.is_file(follow_symlinks=False)), None)
    return None


_POLL_SECONDS, _TIDY_SECONDS = 0.02, 2.0
_DAY = 86400.0
_MOST_SOCKETS = 16
"""Of a session; each may hold a message as large as may be."""

_BATCH = "{batch:[A-Za-z0-9_-]{1,64}}"


class FrontServer:
    """Opens sessions, passes their pages through, and queues their jobs.

    Args:
        most: sessions at once.
        most_bytes: that a session may upload.
        command: program and arguments of a session's process.
        grace_seconds: a session without a browser is kept for this time.
        worker: of all sessions, asked by nobody else.
        archives: that sessions may search, open from and send to.
    """

    def __init__(
        self,
        *,
        most: int = 8,
        most_bytes: int = 1 << 32,
        command: Sequence[str] = COMMAND,
        grace_seconds: float = GRACE_SECONDS,
        worker: Worker | None = None,
        archives: Sequence[ListedArchive] = (),
    ) -> None:
        self._most_bytes = most_bytes
        self._worker = worker or Worker(idle_seconds=_DAY)
        self._queue = JobQueue(self._worker)
        self._jobs = SessionJobs(self._queue)
        self._archives = SessionArchives(archives, most_bytes)
        self._sessions = Sessions(most, self._heard, self._gone, command=command, grace_seconds=grace_seconds)
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/", self._open, allow_head=False),
                web.get("/s/{session}/ws", self._socket, allow_head=False),
                web.get("/s/{session}/download/{name}", self._download),
                web.post("/s/{session}/paraview/", self._launcher),
                web.put(f"/s/{{session}}/upload/{_BATCH}/{{path:.+}}", self._upload),
                web.post(f"/s/{{session}}/upload/{_BATCH}", self._uploaded),
                web.get("/s/{session}/{path:.*}", self._page),
            ]
        )
        self.app.cleanup_ctx.append(self._asking)
        self.app.on_shutdown.append(self._close)

    @property
    def undeleted(self) -> list[Path]:
        """Folders of what has ended, of which some could not be deleted; whole once the application is shut down."""
        return [*self._sessions.undeleted, *self._worker.undeleted]

    async def run(self) -> None:
        """Keep jobs and sessions going, until cancelled."""
        await asyncio.gather(self._poll(), self._tidy())

    async def _poll(self) -> None:
        while True:
            self._jobs.poll()
            await asyncio.sleep(_POLL_SECONDS)

    async def _tidy(self) -> None:
        while True:
            await self._sessions.tidy()
            await asyncio.sleep(_TIDY_SECONDS)

    async def _asking(self, _: web.Application) -> AsyncIterator[None]:
        async with proxy.make_client() as self._client:
            yield

    async def _close(self, _: web.Application) -> None:
        self._queue.close()
        await self._sessions.close()

    def _heard(self, name: str, message: Message) -> None:
        def send(answer: Message) -> None:
            self._sessions.send(name, answer)

        session = self._sessions.find(name)
        if session and "archive" in message:
            self._archives.take(name, session.folder, message, send)
        else:
            self._jobs.take(name, message, send)

    async def _gone(self, name: str) -> None:
        self._jobs.drop(name)
        await self._archives.drop(name)
        if self._worker.alive:  # until it has stopped, it may write into the session's folder
            await asyncio.sleep(2 * CANCEL_SECONDS)

    async def _open(self, request: web.Request) -> web.Response:
        try:
            session = await self._sessions.open()
        except UserError as error:
            raise proxy.session_unavailable(request, str(error)) from error
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/s/{session.name}/index.html"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        path = request.rel_url.raw_path_qs.removeprefix(f"/s/{session.name}/")
        return await proxy.forward_page(request, self._client, session.child, path)

    async def _launcher(self, request: web.Request) -> web.Response:
        """Say where the websocket is, in the words of wslink's launcher, which a page asks first."""
        name = self._session(request).name
        return web.json_response({"sessionURL": f"ws://{request.host}/s/{name}/ws", "secret": "wslink-secret"})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        if session.sockets >= _MOST_SOCKETS:
            raise web.HTTPTooManyRequests
        with session.watched():
            return await proxy.forward_socket(request, self._client, session.child)

    async def _upload(self, request: web.Request) -> web.Response:
        session, found = self._session(request), request.match_info
        try:
            with session.writing():
                await receive(request, session.folder / UPLOADS, found["path"], self._most_bytes, found["batch"])
        except UserError as error:
            status = (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE if isinstance(error, UploadTooLarge) else HTTPStatus.BAD_REQUEST
            )
            return web.Response(status=status, text=str(error))
        return web.Response(status=HTTPStatus.CREATED)

    async def _uploaded(self, request: web.Request) -> web.Response:
        session, batch = self._session(request), request.match_info["batch"]
        if not (session.folder / UPLOADS / batch).is_dir():
            raise web.HTTPNotFound(text="Nothing has arrived: choose the files again.")
        session.child.send({"arrived": batch})
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return download_response(self._session(request).folder / DOWNLOADS, request.match_info["name"])

    def _session(self, request: web.Request) -> RunningSession:
        session = self._sessions.find(request.match_info["session"])
        if session is None:
            raise proxy.session_ended(request, self._sessions.fate(request.match_info["session"]))
        return session


async def serve(front: FrontServer, gate: AccessGate, listening: ListeningSocket, ready: Callable[[], None]) -> None:
    """Serve until cancelled; ``ready`` is called once browsers can come."""
    gate.guard(front.app)
    async with served(front.app, listening):
        ready()
        await front.run()

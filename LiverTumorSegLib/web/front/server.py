"""The one server that browsers talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus

from aiohttp import web

from ...errors import UserError
from ...serving.gate import Gate
from ...serving.listening import Listening
from ...worker.client import Worker
from ...worker.protocol import Message
from ...worker.queue import GRACE_SECONDS as CANCEL_SECONDS
from ...worker.queue import Queue
from . import answers, downloads, proxy
from .child import DOWNLOADS, PAGE, UPLOADS
from .jobs import Jobs
from .sessions import GRACE_SECONDS, Session, Sessions
from .uploads import TooLarge, receive

_POLL_SECONDS, _TIDY_SECONDS = 0.02, 2.0
_UNFINISHED_SECONDS = 1.0
_DAY = 86400.0
_MOST_SOCKETS = 16
"""Of a session; each may hold a message as large as may be."""

_BATCH = "{batch:[A-Za-z0-9_-]{1,64}}"


class Front:
    """Opens sessions, passes their pages through, and queues their jobs.

    Args:
        most: sessions at once.
        most_bytes: that a session may upload.
        command: program and arguments of a session's process.
        grace_seconds: a session without a browser is kept for this time.
        worker: of all sessions, asked by nobody else.
    """

    def __init__(
        self,
        *,
        most: int = 8,
        most_bytes: int = 1 << 32,
        command: Sequence[str] = PAGE,
        grace_seconds: float = GRACE_SECONDS,
        worker: Worker | None = None,
    ) -> None:
        self._most_bytes = most_bytes
        self._queue = Queue(worker or Worker(idle_seconds=_DAY))
        self._jobs = Jobs(self._queue)
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
        async with proxy.client() as self._client:
            yield

    async def _close(self, _: web.Application) -> None:
        self._queue.close()
        await self._sessions.close()

    def _heard(self, name: str, message: Message) -> None:
        self._jobs.take(name, message, lambda answer: self._sessions.send(name, answer))

    async def _gone(self, name: str) -> None:
        self._jobs.drop(name)
        if self._queue.worker.alive:  # until it has stopped, it may write into the session's folder
            await asyncio.sleep(2 * CANCEL_SECONDS)

    async def _open(self, request: web.Request) -> web.Response:
        try:
            session = await self._sessions.open()
        except UserError as error:
            raise answers.unavailable(request, str(error)) from error
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/s/{session.name}/index.html"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        path = request.rel_url.raw_path_qs.removeprefix(f"/s/{session.name}/")
        return await proxy.page(request, self._client, session.child, path)

    async def _launcher(self, request: web.Request) -> web.Response:
        """Say where the websocket is, in the words of wslink's launcher, which a page asks first."""
        name = self._session(request).name
        return web.json_response({"sessionURL": f"ws://{request.host}/s/{name}/ws", "secret": "wslink-secret"})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        if session.sockets >= _MOST_SOCKETS:
            raise web.HTTPTooManyRequests
        with session.watched():
            return await proxy.socket(request, self._client, session.child)

    async def _upload(self, request: web.Request) -> web.Response:
        session, found = self._session(request), request.match_info
        try:
            with session.writing():
                await receive(request, session.folder / UPLOADS, found["path"], self._most_bytes, found["batch"])
        except UserError as error:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if isinstance(error, TooLarge) else HTTPStatus.BAD_REQUEST
            return web.Response(status=status, text=str(error))
        return web.Response(status=HTTPStatus.CREATED)

    async def _uploaded(self, request: web.Request) -> web.Response:
        session, batch = self._session(request), request.match_info["batch"]
        if not (session.folder / UPLOADS / batch).is_dir():
            raise web.HTTPNotFound(text="Nothing has arrived: choose the files once more.")
        session.child.send({"arrived": batch})
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return downloads.answer(self._session(request).folder / DOWNLOADS, request.match_info["name"])

    def _session(self, request: web.Request) -> Session:
        session = self._sessions.find(request.match_info["session"])
        if session is None:
            raise answers.ended(request)
        return session


async def serve(front: Front, gate: Gate, listening: Listening, ready: Callable[[], None]) -> None:
    """Serve until cancelled; ``ready`` is called once browsers can come."""
    gate.guard(front.app)
    runner = web.AppRunner(front.app, access_log=None, shutdown_timeout=_UNFINISHED_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listening.socket).start()
        ready()
        await front.run()
    finally:
        await runner.cleanup()

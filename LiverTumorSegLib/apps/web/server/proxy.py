"""Requests and websockets passed on to a session's own server, and the answers where there is none."""

from __future__ import annotations

import asyncio
import html
from contextlib import suppress
from enum import Enum

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    TCPConnector,
    WSCloseCode,
    WSMsgType,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from .session_process import HEADER, SessionProcess

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>LiverTumorSeg</title></head>
<body><h1>LiverTumorSeg</h1>
<p>{sentence}</p>
<p><a href="/">Open a new session</a></p>
</body></html>
"""


class Fate(Enum):
    """Fate of the files of a session that has ended, in words."""

    DELETED = "This session has ended, and what it had is deleted."
    DELETING = "This session has ended, and what it had is being deleted."
    UNDELETED = "This session has ended, but not all it had could be deleted: tell whoever started the program."


def session_ended(request: web.Request, fate: Fate) -> web.HTTPGone:
    """The answer to all requests to a session that is not there any more.

    Args:
        request: from a browser.
        fate: of the session's files.
    """
    text, kind = _page_or_text(request, fate.value)
    return web.HTTPGone(text=text, content_type=kind)


def session_unavailable(request: web.Request, sentence: str) -> web.HTTPServiceUnavailable:
    """The answer where no session can be opened.

    Args:
        request: from a browser.
        sentence: why, and what to do.
    """
    text, kind = _page_or_text(request, sentence)
    return web.HTTPServiceUnavailable(text=text, content_type=kind)


def _page_or_text(request: web.Request, sentence: str) -> tuple[str, str]:
    """A page where the browser shows one, and plain text for scripts; with its type."""
    if request.method in ("GET", "HEAD"):
        return _PAGE.format(sentence=html.escape(sentence)), "text/html"
    return sentence, "text/plain"


MOST_BYTES, MOST_BYTES_UP = 1 << 26, 1 << 24
"""Of a message of a websocket, to the browser and from it: pages send little, and each message is held as a whole."""

_FORWARDED_HEADERS = ("Accept", "Accept-Encoding", "If-Modified-Since", "If-None-Match", "If-Range", "Range")
"""Headers of requests; cookies and all else are for the front alone."""

_CONNECTION_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "set-cookie"}
)
_BLOCK = 1 << 16
_HEARTBEAT, _CLOSE_SECONDS, _SILENT_SECONDS = 60.0, 2.0, 60.0
_UNSENDABLE = (None, WSCloseCode.ABNORMAL_CLOSURE, 1005)  # they say that no code came
_Socket = web.WebSocketResponse | ClientWebSocketResponse


def make_client() -> ClientSession:
    """Client of the sessions' servers: whatever they send is passed on as it is, and no session sees another's."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_read=_SILENT_SECONDS),
    )


async def forward_page(
    request: web.Request, client: ClientSession, child: SessionProcess, path: str
) -> web.StreamResponse:
    """Answer with what the session's server has, as it arrives.

    Args:
        request: GET or HEAD.
        client: see :func:`client`.
        child: of the session.
        path: as it was written in the request, with what follows the question mark.

    Raises:
        aiohttp.web.HTTPGone: the server is not there any more.
    """
    headers = {name: request.headers[name] for name in _FORWARDED_HEADERS if name in request.headers} | {
        HEADER: child.key
    }
    try:
        answer = await client.request(request.method, _url(child, path), headers=headers, allow_redirects=False)
    except (ClientError, asyncio.TimeoutError) as error:
        raise session_ended(request, Fate.DELETING) from error
    async with answer:
        return await _stream(request, answer)


async def forward_socket(request: web.Request, client: ClientSession, child: SessionProcess) -> web.WebSocketResponse:
    """Pass a websocket's messages on both ways until either end closes; the other is closed with the same code.

    Each message is sent before the next is read, so that a slow end slows the other down. Nothing is packed: images
    are already, and to this machine it only takes time.

    Raises:
        aiohttp.web.HTTPGone: the server is not there any more.
    """
    timeout = ClientWSTimeout(ws_close=_CLOSE_SECONDS)
    try:
        server = await client.ws_connect(
            _url(child, "ws"), headers={HEADER: child.key}, max_msg_size=MOST_BYTES, timeout=timeout
        )
    except (ClientError, asyncio.TimeoutError) as error:
        raise session_ended(request, Fate.DELETING) from error
    async with server:
        browser = web.WebSocketResponse(
            max_msg_size=MOST_BYTES_UP, heartbeat=_HEARTBEAT, timeout=_CLOSE_SECONDS, compress=False
        )
        await browser.prepare(request)
        await _connect(browser, server)
    return browser


async def _stream(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    named = {name.strip().lower() for name in answer.headers.get("Connection", "").split(",")}
    kept = ((k, v) for k, v in answer.headers.items() if k.lower() not in _CONNECTION_HEADERS | named)
    passed = web.StreamResponse(status=answer.status, headers=CIMultiDict(kept))
    await passed.prepare(request)
    try:
        async for block in answer.content.iter_chunked(_BLOCK):
            await passed.write(block)
    except (ClientError, asyncio.TimeoutError) as error:  # the browser must not take it for the whole
        raise ConnectionResetError from error
    await passed.write_eof()
    return passed


async def _connect(browser: web.WebSocketResponse, server: ClientWebSocketResponse) -> None:
    down, up = (
        asyncio.create_task(_forward_messages(server, browser)),
        asyncio.create_task(_forward_messages(browser, server)),
    )
    try:
        await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
        is_from_browser = up.done()
    finally:
        for task in (down, up):
            task.cancel()
        await asyncio.gather(down, up, return_exceptions=True)
    code = browser.close_code if is_from_browser else server.close_code
    code = WSCloseCode.GOING_AWAY if code in _UNSENDABLE else code
    with suppress(ConnectionError):
        await (server if is_from_browser else browser).close(code=code or WSCloseCode.GOING_AWAY)


async def _forward_messages(source: _Socket, target: _Socket) -> None:
    with suppress(ConnectionError):
        async for message in source:
            if message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                await target.send_str(message.data)


def _url(child: SessionProcess, path: str) -> URL:
    return URL(f"http://127.0.0.1:{child.port}/{path}", encoded=True)

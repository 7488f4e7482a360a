"""Passes requests and websockets through to a session's own server."""

from __future__ import annotations

import asyncio
from contextlib import suppress

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

from . import answers
from .child import HEADER, Child

MOST_BYTES, MOST_BYTES_UP = 1 << 26, 1 << 24
"""Of a message of a websocket, to the browser and from it: pages send little, and each message is held as a whole."""

_PASSED_ON = ("Accept", "Accept-Encoding", "If-Modified-Since", "If-None-Match", "If-Range", "Range")
"""Headers of requests; cookies and all else are for the front alone."""

_OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "set-cookie"}
)
_BLOCK = 1 << 16
_HEARTBEAT, _CLOSE_SECONDS, _SILENT_SECONDS = 60.0, 2.0, 60.0
_UNSENDABLE = (None, WSCloseCode.ABNORMAL_CLOSURE, 1005)  # they say that no code came
_Socket = web.WebSocketResponse | ClientWebSocketResponse


def client() -> ClientSession:
    """What asks the sessions' servers: whatever they send is passed on as it is, and no session sees another's."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_read=_SILENT_SECONDS),
    )


async def page(request: web.Request, client: ClientSession, child: Child, path: str) -> web.StreamResponse:
    """Answer with what the session's server has, as it arrives.

    Args:
        request: GET or HEAD.
        client: see :func:`client`.
        child: of the session.
        path: as it was written in the request, with what follows the question mark.

    Raises:
        aiohttp.web.HTTPGone: the server is not there any more.
    """
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers} | {HEADER: child.key}
    try:
        answer = await client.request(request.method, _url(child, path), headers=headers, allow_redirects=False)
    except (ClientError, asyncio.TimeoutError) as error:
        raise answers.ended(request) from error
    async with answer:
        return await _stream(request, answer)


async def socket(request: web.Request, client: ClientSession, child: Child) -> web.WebSocketResponse:
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
        raise answers.ended(request) from error
    async with server:
        browser = web.WebSocketResponse(
            max_msg_size=MOST_BYTES_UP, heartbeat=_HEARTBEAT, timeout=_CLOSE_SECONDS, compress=False
        )
        await browser.prepare(request)
        await _connect(browser, server)
    return browser


async def _stream(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    named = {name.strip().lower() for name in answer.headers.get("Connection", "").split(",")}
    kept = ((k, v) for k, v in answer.headers.items() if k.lower() not in _OF_THE_CONNECTION | named)
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
    down, up = asyncio.create_task(_pass(server, browser)), asyncio.create_task(_pass(browser, server))
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


async def _pass(source: _Socket, target: _Socket) -> None:
    with suppress(ConnectionError):
        async for message in source:
            if message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                await target.send_str(message.data)


def _url(child: Child, path: str) -> URL:
    return URL(f"http://127.0.0.1:{child.port}/{path}", encoded=True)

import asyncio
import gzip
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from support.web_front_cases import driven, until
from yarl import URL

from LiverTumorSegLib.apps.web.server import proxy
from LiverTumorSegLib.apps.web.server.session_process import HEADER

MEGABYTE = 1 << 20
KEY = "key"
CLOSED = web.AppKey("closed", int)


@asynccontextmanager
async def passing(handler):
    """A proxy before a server that answers everything with a handler; gives a client and the server."""
    inner = web.Application()
    inner.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(inner) as server, proxy.make_client() as client:
        child = SimpleNamespace(port=server.port, key=KEY)

        async def pass_on(request):
            if request.path == "/ws":
                return await proxy.forward_socket(request, client, child)
            return await proxy.forward_page(request, client, child, request.rel_url.raw_path_qs[1:])

        outer = web.Application()
        outer.router.add_get("/{path:.*}", pass_on)
        runner = web.AppRunner(outer)  # a test server cancels handlers, which the front does not
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession(address, auto_decompress=False) as own:
            yield own, server
        await runner.cleanup()


def asked(handler, path="/page", method="GET", **options):
    """Status, headers and body of an answer that came through."""

    async def use():
        async with passing(handler) as (client, _):
            async with client.request(method, path, allow_redirects=False, **options) as answer:
                return answer.status, answer.headers, await answer.read()

    return driven(use())


async def tell(request):
    """The request, as JSON."""
    answer = web.json_response({"path": request.raw_path, "headers": dict(request.headers)})
    answer.headers.update({"Connection": "X-Secret, keep-alive", "X-Secret": "1", "X-Open": "2", "Set-Cookie": "a=b"})
    return answer


def test_a_path_arrives_as_it_was_written():
    path = "/a%20b/%C3%A9%2Fc.js?x=1%202&y=%26"
    _, _, body = asked(tell, URL(path, encoded=True))
    assert f'"path": "{path}"'.encode() in body


def test_the_key_is_added_and_nothing_passed_on_that_is_for_the_front_alone():
    given = {"Cookie": "secret=1", "Authorization": "Basic x", "X-Forwarded-For": "1.2.3.4", "Accept": "text/css"}
    _, headers, body = asked(tell, headers=given)
    assert f'"{HEADER}": "{KEY}"'.encode() in body
    assert b"text/css" in body
    assert not any(word in body for word in (b"secret", b"Basic", b"1.2.3.4"))
    assert headers["X-Open"] == "2"
    assert "X-Secret" not in headers
    assert "Set-Cookie" not in headers


def test_the_status_and_a_redirect_come_through():
    async def redirect(_):
        raise web.HTTPFound(location="index.html")

    status, headers, _ = asked(redirect)
    assert (status, headers["Location"]) == (302, "index.html")


def test_packed_content_stays_as_it_is():
    packed = gzip.compress(b"text" * 100)

    async def answer(_):
        return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/css"})

    _, headers, body = asked(answer)
    assert (headers["Content-Encoding"], headers["Content-Type"], body) == ("gzip", "text/css", packed)


@pytest.fixture
def file(tmp_path):
    """A handler that serves a file of 3 MB."""
    (tmp_path / "a.js").write_bytes(bytes(range(250)) * 12_000)

    async def serve(_):
        return web.FileResponse(tmp_path / "a.js")

    return serve


def test_asking_for_the_head_alone_gives_the_length_alone(file):
    status, headers, body = asked(file, method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "3000000", b"")


def test_a_part_of_a_file_comes_through(file):
    status, headers, body = asked(file, headers={"Range": "bytes=10-14"})
    assert (status, headers["Content-Range"], body) == (206, "bytes 10-14/3000000", bytes(range(10, 15)))


def test_a_file_that_the_browser_has_is_not_sent_again(file):
    async def use():
        async with passing(file) as (client, _):
            async with client.get("/a.js") as first:
                assert len(await first.read()) == 3_000_000
            async with client.get("/a.js", headers={"If-None-Match": first.headers["Etag"]}) as second:
                return second.status, await second.read()

    assert driven(use()) == (304, b"")


def test_what_is_sent_first_arrives_before_the_rest_is_there():
    rest = asyncio.Event()

    async def answer(request):
        streamed = web.StreamResponse()
        await streamed.prepare(request)
        await streamed.write(b"first")
        await rest.wait()
        await streamed.write(b"rest")
        return streamed

    async def use():
        async with passing(answer) as (client, _), client.get("/page") as answer_:
            first = await answer_.content.read(5)
            rest.set()
            return first, await answer_.read()

    assert driven(use()) == (b"first", b"rest")


@pytest.mark.parametrize("length", [{"Content-Length": "100"}, {}])
def test_half_an_answer_is_not_taken_for_the_whole(length):
    async def break_off(request):
        streamed = web.StreamResponse(headers=length)
        await streamed.prepare(request)
        await streamed.write(b"half")
        request.transport.abort()
        return streamed

    with pytest.raises(aiohttp.ClientError):
        asked(break_off)


@pytest.mark.parametrize("path", ["/page", "/ws"])
def test_a_server_that_has_gone_is_told_in_words(path):
    async def use():
        async with passing(tell) as (client, server):
            await server.close()
            async with client.get(path) as answer:
                return answer.status, answer.content_type, await answer.text()

    status, kind, text = driven(use())
    assert (status, kind) == (410, "text/html")
    assert "session has ended" in text
    assert 'href="/"' in text


def test_a_server_that_takes_no_websockets_is_gone_for_them():
    async def use():
        async with passing(tell) as (client, _):
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                await client.ws_connect("/ws")
            return error.value.status

    assert driven(use()) == 410


def socket(answer):
    """A handler for websockets that calls ``answer(connection, message)`` for each message."""

    async def serve(request):
        connection = web.WebSocketResponse(max_msg_size=0)
        await connection.prepare(request)
        async for message in connection:
            await answer(connection, message)
        request.app[CLOSED] = connection.close_code
        return connection

    return serve


async def echo(connection, message):
    if message.type is WSMsgType.TEXT:
        await connection.send_str(message.data)
    else:
        await connection.send_bytes(message.data)


def test_messages_of_a_websocket_come_back_as_they_went_and_unpacked():
    image = bytes(range(256)) * (15 * MEGABYTE // 256)

    async def use():
        async with passing(socket(echo)) as (client, _):
            async with client.ws_connect("/ws", max_msg_size=0, compress=15) as own:
                await own.send_str("words: é")
                await own.send_bytes(image)
                return await own.receive_str(), await own.receive_bytes() == image, own.compress

    assert driven(use()) == ("words: é", True, 0)


def test_a_large_image_comes_through_but_nothing_as_large_from_a_browser():
    image, heard = bytes(40 * MEGABYTE), []

    async def show(connection, message):
        heard.append(len(message.data))
        await connection.send_bytes(image)

    async def use():
        async with passing(socket(show)) as (client, server), client.ws_connect("/ws", max_msg_size=0) as own:
            await own.send_str("show")
            shown = await own.receive_bytes()
            with suppress(ConnectionError):  # it may be cut off before all is sent
                await own.send_bytes(image)
            await own.close()
            await until(lambda: CLOSED in server.app)
            return shown == image

    assert driven(use())
    assert heard == [len("show")]


def test_the_code_of_a_server_that_closes_reaches_the_browser():
    async def close(connection, _):
        await connection.close(code=4321)

    async def use():
        async with passing(socket(close)) as (client, _), client.ws_connect("/ws") as own:
            await own.send_str("end")
            return (await own.receive()).type, own.close_code

    assert driven(use()) == (WSMsgType.CLOSE, 4321)


def test_the_code_of_a_browser_that_closes_reaches_the_server():
    async def use():
        async with passing(socket(echo)) as (client, server):
            async with client.ws_connect("/ws") as own:
                await own.close(code=4322)
            await until(lambda: CLOSED in server.app)
            return server.app[CLOSED]

    assert driven(use()) == 4322


def test_a_server_that_breaks_off_closes_the_websocket_of_the_browser():
    async def break_off(connection, _):
        connection._req.transport.abort()

    async def use():
        async with passing(socket(break_off)) as (client, _), client.ws_connect("/ws") as own:
            await own.send_str("end")
            return (await own.receive()).type, own.close_code

    assert driven(use()) == (WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)


def test_a_slow_browser_holds_up_the_server_and_gets_all():
    sent, most = [], 200

    async def flood(connection, _):
        for number in range(most):
            await connection.send_bytes(bytes([number]) * MEGABYTE)
            sent.append(number)

    async def steady():
        before = -1
        while before != len(sent):
            before = len(sent)
            await asyncio.sleep(0.5)
        return before

    async def use():
        async with passing(socket(flood)) as (client, _), client.ws_connect("/ws") as own:
            await own.send_str("flood")
            held_at = await steady()
            arrived = [(await own.receive_bytes())[0] for _ in range(most)]
            return held_at, arrived

    held_at, arrived = driven(use())
    assert held_at < most / 4  # what the buffers of four sockets hold
    assert arrived == list(range(most))

"""Whoever only connects, or says what is no request, keeps nobody out who may come in."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from support.web_front_cases import Here, driven

from LiverTumorSegLib.apps.http_access import AccessGate
from LiverTumorSegLib.apps.http_server import listen, most_connections, served
from LiverTumorSegLib.core.sparse_log import MOST

HALF = b"GET / HTTP/1.1\r\nHost: a\r\n"


class Site:
    """A served application with a gate, and a visitor who was let in."""

    def __init__(self, gate, listening, client):
        self.gate, self.listening, self.client = gate, listening, client
        self.address = listening.address("").partition("?")[0]

    async def ask(self, path="echo", **headers):
        async with self.client.get(f"{self.address}{path}", headers=headers) as answer:
            return answer.status

    async def connect(self, said=HALF):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listening.port)
        writer.write(said)
        await writer.drain()
        return reader, writer


async def echo(request):
    connection = web.WebSocketResponse()
    if not connection.can_prepare(request):
        return web.Response(text="echo")
    await connection.prepare(request)
    async for message in connection:
        await connection.send_str(message.data)
    return connection


@asynccontextmanager
async def serving(**options):
    listening = listen()
    gate, app = AccessGate(listening.name), web.Application()
    gate.guard(app)
    app.router.add_get("/", echo)
    app.router.add_get("/echo", echo)
    async with served(app, listening, **options):
        connector = aiohttp.TCPConnector(resolver=Here(), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as client:
            site = Site(gate, listening, client)
            assert await site.ask(f"?token={gate.token}") == 200
            yield site


async def is_closed(reader):
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("said", [b"", HALF])
def test_a_request_that_does_not_come_to_its_end_is_given_up(said):
    async def use():
        async with serving(strange_seconds=0.3) as site:
            reader, _ = await site.connect(said)
            return await is_closed(reader)

    assert driven(use())


def test_one_who_may_not_come_in_is_not_kept_longer_for_asking_again_and_again():
    async def ask(writer):
        while True:
            writer.write(b"\r\n" + HALF)
            await asyncio.sleep(0.02)

    async def use():
        async with serving(strange_seconds=0.5) as site:
            reader, writer = await site.connect()
            asking, answers = asyncio.create_task(ask(writer)), b""
            with suppress(ConnectionError):
                while part := await reader.read(1 << 16):
                    answers += part
            asking.cancel()
            return answers

    assert driven(use()).startswith(b"HTTP/1.1 403")


def test_the_oldest_stranger_makes_room_and_what_was_let_in_stays():
    async def use():
        async with serving(most=8, strange_seconds=600) as site:
            async with site.client.ws_connect(f"{site.address}echo") as socket:
                half = [await site.connect() for _ in range(7)]
                assert await site.ask() == 200
                half += [await site.connect() for _ in range(100)]
                assert await site.ask() == 200
                await socket.send_str("still there")
                assert await socket.receive_str() == "still there"
                assert await is_closed(half[0][0])
                half[-1][1].write(b"\r\n")
                return (await half[-1][0].readline()).split()[1]

    assert driven(use()) == b"403"


async def comes_in(site):
    try:
        return await site.ask() == 200
    except aiohttp.ClientError:
        return False


def test_where_all_were_let_in_no_more_are_taken_until_one_goes():
    async def use():
        async with serving(most=3) as site:
            sockets = [await site.client.ws_connect(f"{site.address}echo") for _ in range(3)]
            reader, _ = await site.connect()
            assert await is_closed(reader)
            await sockets.pop().close()
            while not await comes_in(site):
                await asyncio.sleep(0.02)
            for socket in sockets:
                await socket.send_str("still there")
                assert await socket.receive_str() == "still there"

    driven(use())


def test_connections_that_end_are_not_counted_any_more():
    async def use():
        async with serving(most=4) as site, site.client.ws_connect(f"{site.address}echo") as socket:
            for _ in range(30):
                assert await site.ask() == 200
                _, writer = await site.connect()
                writer.close()
            await socket.send_str("still there")
            return await socket.receive_str()

    assert driven(use()) == "still there"


def test_noise_does_not_fill_the_log(caplog):
    caplog.set_level(logging.INFO)
    noise = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"

    async def use():
        async with serving() as site:
            for _ in range(10 * MOST):
                reader, writer = await site.connect(noise)
                assert (await reader.readline()).split()[1] == b"400"
                writer.close()
            return await site.ask()

    assert driven(use()) == 200
    assert len(caplog.records) == MOST
    assert "left out for a minute" in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("limits", "wanted", "most"),
    [
        ((1024, 1024), 1024, 256),
        ((256, 256), 256, 16),
        ((256, 1 << 20), 1792, 512),
        ((1024, -1), 1792, 512),
        ((-1, -1), None, 512),
        ((20_000, 20_000), None, 512),
    ],
)
def test_the_number_of_connections_stays_below_the_limit_of_files(monkeypatch, limits, wanted, most):
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    assert most_connections() == most
    assert asked == ([] if wanted is None else [(wanted, limits[1])])

"""A front with light stand-ins for page and worker, and a browser's requests to it."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import psutil
from aiohttp.abc import AbstractResolver

from LiverTumorSegLib.apps.http_access import AccessGate
from LiverTumorSegLib.apps.http_server import listen
from LiverTumorSegLib.apps.web.server.app import FrontServer, serve
from LiverTumorSegLib.apps.worker.client import Worker

HERE = Path(__file__).parent
PAGE = (sys.executable, str(HERE / "web_stand_in.py"))
WORKER = [sys.executable, str(HERE / "web_stand_in_worker.py")]
HANG_SECONDS = 60


def driven(use):
    """Run a coroutine, which must not hang."""
    return asyncio.run(asyncio.wait_for(use, HANG_SECONDS))


async def until(is_so):
    """Wait until something is so; what never is, hangs, which :func:`driven` ends."""
    while not is_so():
        await asyncio.sleep(0.02)


def is_alive(pid):
    """Whether a process is there and not only waits to be forgotten."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Here(AbstractResolver):
    """Leads names under localhost to this machine, as browsers do."""

    async def resolve(self, host, port=0, **_):
        assert host.endswith(".localhost"), host
        found = {"hostname": host, "host": "127.0.0.1", "port": port}
        return [found | {"family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self):
        pass


class Browser:
    """Requests as of one browser that was given the address.

    Args:
        client: has the cookie.
        address: of the front, without a path.
        front: that it visits.
    """

    def __init__(self, client, address, front):
        self.client, self.address, self.front = client, address, front

    async def open(self):
        """A new session: the address of its folder."""
        async with self.client.get(f"{self.address}/") as answer:
            assert answer.status == 200, await answer.text()
            return str(answer.url).removesuffix("index.html")

    async def facts(self, session):
        """Facts that a stand-in says about itself."""
        async with self.client.get(f"{session}facts") as answer:
            return await answer.json()

    async def ask(self, method, url, **options):
        """Status, text and headers of an answer."""
        async with self.client.request(method, url, **options) as answer:
            return answer.status, await answer.text(), answer.headers


@asynccontextmanager
async def visiting(command=PAGE, **options):
    """A running front and a browser that was let in."""
    front = FrontServer(command=command, worker=Worker(WORKER), **options)
    listening = listen()
    gate, ready = AccessGate(listening.name), asyncio.Event()
    serving = asyncio.create_task(serve(front, gate, listening, ready.set))
    await ready.wait()
    address = f"http://{listening.name}:{listening.port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Here())) as client:
        async with client.get(f"{address}/", params={"token": gate.token}, allow_redirects=False) as answer:
            assert answer.status == 303
        try:
            yield Browser(client, address, front)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

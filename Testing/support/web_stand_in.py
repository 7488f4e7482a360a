"""A light page of a session for tests of the front: the protocol of the real one, and a server that does as it is told.

Its websocket takes orders: ``close CODE``, ``flood COUNT``, ``print BYTES``, ``child`` (answers with the number of a
process that it starts), ``end`` and ``say JSON`` (to the front); anything else comes back as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import WSMsgType, web

from LiverTumorSegLib.apps.web.server.session_process import HEADER, KEY_VARIABLE
from LiverTumorSegLib.apps.web.session.server_link import ServerLink

MEGABYTE = 1 << 20
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Page:
    """Page of a session: what it was sent, and what it serves."""

    def __init__(self, link: ServerLink, key: str) -> None:
        self.link, self.key, self.heard, self.sent = link, key, [], 0

    @web.middleware
    async def guard(self, request, handler):
        if request.headers.get(HEADER) != self.key:
            raise web.HTTPForbidden
        return await handler(request)

    async def show(self, request):
        """This process, as JSON."""
        facts = {"pid": os.getpid(), "heard": self.heard, "sent": self.sent, "temporary": tempfile.gettempdir()}
        return web.json_response(facts | {"url": request.raw_path, "headers": dict(request.headers)})

    async def socket(self, request):
        connection = web.WebSocketResponse(max_msg_size=0)
        await connection.prepare(request)
        async for message in connection:
            if message.type is WSMsgType.BINARY:
                await connection.send_bytes(message.data)
            else:
                await self.obey(connection, *message.data.partition(" ")[::2])
        return connection

    async def obey(self, connection, order, rest):
        if order == "close":
            await connection.close(code=int(rest), message=b"as told")
        elif order == "flood":
            for _ in range(int(rest)):
                await connection.send_bytes(bytes(MEGABYTE))
                self.sent += 1
        elif order == "print":
            sys.stderr.write("x" * int(rest) + "\nthe end\n")
            await connection.send_str("printed")
        elif order == "child":
            await connection.send_str(str(subprocess.Popen(SLEEP).pid))
        elif order == "say":
            self.link.send(json.loads(rest))
        elif order == "end":
            os._exit(1)
        else:
            await connection.send_str(f"{order} {rest}".strip())


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pids", type=Path, help="gets a file for each process")
    parser.add_argument("--fails", type=Path, help="it fails at the start where this file exists")
    parser.add_argument("--hangs", action="store_true")
    parser.add_argument("--says", default="{}")
    chosen = parser.parse_args()
    key = os.environ.pop(KEY_VARIABLE)
    if chosen.pids:
        (chosen.pids / str(os.getpid())).touch()
    if chosen.hangs:
        time.sleep(600)
    if chosen.fails and chosen.fails.exists():
        sys.exit("There is no such library.")
    page = Page(ServerLink.of_this_process(), key)
    app = web.Application(middlewares=[page.guard])
    app.add_routes([web.get("/ws", page.socket), web.get("/{path:.*}", page.show)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page.link.listen(page.heard.append)
    both = {"ready": runner.addresses[0][1]}, json.loads(chosen.says)
    for message in both:
        page.link.send(message)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

import asyncio
import threading
import urllib.request
from urllib.error import HTTPError

import pytest
from archive_cases import free_port
from node_core_cases import Node

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.node import services
from LiverTumorSegLib.node.config import Page
from LiverTumorSegLib.node.parts import Part

pytest.importorskip("aiohttp")


def test_parts_work_for_the_length_of_a_block(tmp_path):
    working, count = threading.Event(), [0]

    def step():
        count[0] += 1
        working.set()

    async def run():
        async with services.working([Part("counting", step, 0.001)]):
            await asyncio.to_thread(working.wait, 30)
        ended = count[0]
        await asyncio.sleep(0.05)
        return ended

    assert asyncio.run(run()) == count[0]


def test_the_page_is_open_to_who_has_its_address(tmp_path):
    node = Node(tmp_path)

    async def run():
        async with services.page(Page(), node.queue, node.folder.results) as address:
            shown = await asyncio.to_thread(status, address)
            closed = await asyncio.to_thread(status, address.partition("?")[0])
        return shown, closed

    assert asyncio.run(run()) == (200, 403)


def status(address):
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    try:
        return opener.open(address, timeout=30).status
    except HTTPError as error:
        return error.code


def test_a_port_that_is_taken_is_said_with_its_place_in_the_configuration(tmp_path):
    node, port = Node(tmp_path), free_port()

    async def run():
        async with (
            services.page(Page(port=port), node.queue, node.folder.results),
            services.page(Page(port=port), node.queue, node.folder.results),
        ):
            pass

    with pytest.raises(UserError, match=rf"Port {port} cannot be listened on: give another in \[page\]"):
        asyncio.run(run())

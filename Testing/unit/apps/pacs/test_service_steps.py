import asyncio
import threading

import pytest
from support.archive_cases import free_port
from support.pacs_core_cases import PacsService

from LiverTumorSegLib.apps.pacs.config import Page
from LiverTumorSegLib.apps.pacs.service import StepThread, running_steps, serving_page
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("aiohttp")
import aiohttp
from support.web_front_cases import Here


def test_parts_work_for_the_length_of_a_block(tmp_path):
    working, count = threading.Event(), [0]

    def step():
        count[0] += 1
        working.set()

    async def run():
        async with running_steps([StepThread("counting", step, 0.001)]):
            await asyncio.to_thread(working.wait, 30)
        ended = count[0]
        await asyncio.sleep(0.05)
        return ended

    assert asyncio.run(run()) == count[0]


def test_the_page_is_open_to_who_has_its_address(tmp_path):
    service = PacsService(tmp_path)

    async def run():
        async with serving_page(Page(), service.queue, service.folder.results) as address:
            return [await status(each) for each in (address, address.partition("?")[0])]

    assert asyncio.run(run()) == [200, 403]


async def status(address):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Here())) as visitor:
        async with visitor.get(address) as answer:
            return answer.status


def test_a_port_that_is_taken_is_said_with_its_place_in_the_configuration(tmp_path):
    service, port = PacsService(tmp_path), free_port()

    async def run():
        async with (
            serving_page(Page(port=port), service.queue, service.folder.results),
            serving_page(Page(port=port), service.queue, service.folder.results),
        ):
            pass

    with pytest.raises(UserError, match=rf"The page cannot listen on port {port}: give another port in \[page\]"):
        asyncio.run(run())

import asyncio
import gzip
import sys
import tracemalloc

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from LiverTumorSegLib.apps.web.server import uploads
from LiverTumorSegLib.apps.web.server.uploads import receive
from LiverTumorSegLib.core.errors import UserError

MOST = 3_000_000
HANG_SECONDS = 20


def serving(folder, use):
    """Run ``use(client)`` against a server that receives into a folder."""

    async def put(request):
        try:
            path = await receive(request, folder, request.query["name"], MOST, request.query.get("batch", ""))
        except UserError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(text=path.relative_to(folder).as_posix())

    async def run():
        app = web.Application()
        app.router.add_put("/", put)
        async with TestClient(TestServer(app)) as client:
            return await asyncio.wait_for(use(client), HANG_SECONDS)

    return asyncio.run(run())


async def put(client, body, name="ct.nii", batch="", **options):
    async with client.put("/", params={"name": name, "batch": batch}, data=body, **options) as answer:
        return answer.status, await answer.text()


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_arrives_as_it_was_sent(tmp_path):
    content = bytes(range(256)) * 8000
    assert serving(tmp_path, lambda client: put(client, content, "a/ct.nii.gz")) == (200, "ct.nii.gz")
    assert (tmp_path / "ct.nii.gz").read_bytes() == content


def test_an_empty_file_arrives(tmp_path):
    assert serving(tmp_path, lambda client: put(client, b"", headers={"Content-Length": "0"})) == (200, "ct.nii")


@pytest.mark.parametrize("name", ["../../ct.nii", "/tmp/ct.nii", "..\\ct.nii", "C:\\ct.nii", "...ct.nii", "c\nt.nii"])
@pytest.mark.parametrize("batch", ["", "b1"])
def test_nothing_is_written_outside_the_folder(tmp_path, name, batch):
    folder = tmp_path / "session" / "uploads"
    status, where = serving(folder, lambda client: put(client, b"x", name, batch))
    assert status == 200
    assert where.endswith("ct.nii")
    assert files_in(tmp_path) == [f"session/uploads/{where}"]


def test_files_of_one_name_are_numbered(tmp_path):
    async def use(client):
        return [await put(client, content) for content in (b"1", b"22", b"333")]

    assert [name for _, name in serving(tmp_path, use)] == ["ct.nii", "ct (2).nii", "ct (3).nii"]
    assert (tmp_path / "ct (3).nii").read_bytes() == b"333"


def test_the_files_of_a_folder_come_at_once_and_keep_their_folders(tmp_path):
    async def use(client):
        names = [f"study/series {series}/IM{number}" for series in (1, 2) for number in range(10)]
        return await asyncio.gather(*(put(client, name.encode(), name, "drop-7") for name in names))

    assert {status for status, _ in serving(tmp_path, use)} == {200}
    assert len(files_in(tmp_path)) == 20
    assert (tmp_path / "drop-7/study/series 2/IM3").read_bytes() == b"study/series 2/IM3"


@pytest.mark.parametrize("batch", ["..", "a/b", "a.b", "x" * 65, "\N{WORD JOINER}"])
def test_a_batch_cannot_be_called_as_it_likes(tmp_path, batch):
    status, words = serving(tmp_path / "uploads", lambda client: put(client, b"x", batch=batch))
    assert (status, "not allowed" in words) == (400, True)
    assert files_in(tmp_path) == []


def test_a_batch_called_like_a_file_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "b1").touch()
    status, words = serving(tmp_path, lambda client: put(client, b"x", batch="b1"))
    assert (status, words.startswith("ct.nii cannot be stored (")) == (400, True)
    assert files_in(tmp_path) == ["b1"]


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    async def use(client):
        answer = await client.put(
            "/", params={"name": "ct.nii"}, data=never_ending(), headers={"Content-Length": str(MOST + 1)}
        )
        return answer.status, await answer.text()

    status, words = serving(tmp_path, use)
    assert (status, words.startswith("ct.nii is too large (3 MB are left")) == (400, True)
    assert files_in(tmp_path) == []


async def never_ending():
    yield b"begun"
    await asyncio.sleep(HANG_SECONDS)


def test_the_limit_is_of_all_that_the_folder_holds(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "before").write_bytes(bytes(MOST - 100))

    async def use(client):
        return [(await put(client, bytes(size)))[0] for size in (101, 100, 1)]

    assert serving(tmp_path, use) == [400, 200, 400]


def test_files_that_arrive_at_the_same_time_share_the_limit(tmp_path):
    async def use(client):
        answers = await asyncio.gather(*(put(client, bytes(MOST // 2), f"{number}.nii") for number in range(5)))
        return sorted(status for status, _ in answers)

    assert serving(tmp_path, use) == [200, 200, 400, 400, 400]
    assert len(files_in(tmp_path)) == 2


@pytest.mark.parametrize("body", [gzip.compress(bytes(MOST * 9)), gzip.compress(b"short", mtime=0)])
def test_a_body_that_unpacks_to_another_length_than_stated_is_refused(tmp_path, body):
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(body))}
    status, words = serving(tmp_path, lambda client: put(client, body, headers=headers))
    assert (status, "arrived with another size than the browser announced" in words) == (400, True)
    assert files_in(tmp_path) == []


def test_a_body_without_a_stated_length_is_refused(tmp_path):
    async def blocks():
        yield b"1"

    status, words = serving(tmp_path, lambda client: put(client, blocks()))
    assert (status, "came without its size" in words) == (400, True)
    assert files_in(tmp_path) == []


def test_what_was_deleted_or_failed_leaves_its_room_to_others(tmp_path):
    async def use(client):
        failing = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
        first = [await put(client, packed, headers=failing), await put(client, bytes(MOST))]
        (tmp_path / "ct.nii").unlink()
        while (await put(client, bytes(MOST)))[0] != 200:
            await asyncio.sleep(0.1)
        return [status for status, _ in first]

    packed = gzip.compress(bytes(range(256)) * 9000, compresslevel=0)
    assert serving(tmp_path, use) == [400, 200]


def cut_in_the_middle(tmp_path, after):
    """Send half of a file; ``after(writer)`` then ends the connection in its way."""

    async def use(client):
        _reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(b"PUT /?name=ct.nii HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + bytes(1_000_000))
        await writer.drain()
        while not files_in(tmp_path):
            await asyncio.sleep(0.01)
        unfinished = files_in(tmp_path)
        after(writer)
        while files_in(tmp_path):
            await asyncio.sleep(0.01)
        return unfinished

    return serving(tmp_path, use)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_of_a_browser_that_goes_away_nothing_stays(tmp_path, end):
    (unfinished,) = cut_in_the_middle(tmp_path, lambda writer: getattr(writer.transport, end)())
    assert unfinished.startswith(".")
    assert files_in(tmp_path) == []


def test_of_a_request_that_is_cancelled_nothing_stays(tmp_path):
    async def run():
        receiving = asyncio.Event()
        outcome = []

        async def put_cancelled(request):
            task = asyncio.create_task(receive(request, tmp_path, "ct.nii", MOST))
            while not files_in(tmp_path):
                await asyncio.sleep(0.01)
            task.cancel()
            outcome.extend(await asyncio.gather(task, return_exceptions=True))
            receiving.set()
            return web.Response()

        app = web.Application()
        app.router.add_put("/", put_cancelled)
        async with TestClient(TestServer(app)) as client:
            sending = asyncio.create_task(client.put("/", data=never_ending(), headers={"Content-Length": "2000000"}))
            await asyncio.wait_for(receiving.wait(), HANG_SECONDS)
            sending.cancel()
        return outcome

    (outcome,) = asyncio.run(run())
    assert isinstance(outcome, asyncio.CancelledError)
    assert files_in(tmp_path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_FSIZE")
def test_a_disk_that_is_full_is_a_sentence_and_leaves_nothing(tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        status, words = serving(tmp_path, lambda client: put(client, bytes(200_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (status, words.startswith("ct.nii cannot be stored (File too large)")) == (400, True)
    assert files_in(tmp_path) == []


def test_a_file_is_never_whole_in_memory(tmp_path, monkeypatch):
    size = 64 << 20
    monkeypatch.setattr(sys.modules[__name__], "MOST", size)
    (tmp_path / "sent").touch()
    with (tmp_path / "sent").open("r+b") as sent:
        sent.truncate(size)

    async def use(client):
        tracemalloc.start()
        with (tmp_path / "sent").open("rb") as body:
            await put(client, body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak = serving(tmp_path / "uploads", use)
    assert (tmp_path / "uploads" / "ct.nii").stat().st_size == size
    assert peak < size / 4


def test_files_are_counted_too_also_the_empty_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "_MOST_FILES", 4)

    async def use(client):
        return [await put(client, b"", f"{number}.dcm", "batch") for number in range(5)]

    *taken, (status, words) = serving(tmp_path, use)
    assert [status for status, _ in taken[:3]] == [200] * 3
    assert (status, "more than 4 files" in words) == (400, True)
    assert len(files_in(tmp_path)) <= 4

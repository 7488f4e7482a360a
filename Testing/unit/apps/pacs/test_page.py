import asyncio
import io
import re

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from support.pacs_page_cases import fill, finished, report

from LiverTumorSegLib.apps.http_access import AccessGate
from LiverTumorSegLib.apps.pacs.page import ROWS, application
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["report"]


@pytest.fixture
def queue(tmp_path):
    queue = SeriesQueue(tmp_path / "node.sqlite")
    yield queue
    queue.close()


@pytest.fixture
def ask(queue, tmp_path):
    """Ask the page for an address: status, content and headers."""

    def ask(path, method="GET", *, inside=True):
        async def run():
            gate = AccessGate("127.0.0.1")
            server = TestServer(application(queue, tmp_path / "results", gate))
            async with TestClient(server, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
                if inside:
                    assert (await client.get("/", params={"token": gate.token})).status == 200
                answer = await client.request(method, path, allow_redirects=False)
                return answer.status, await answer.read(), answer.headers

        return asyncio.run(run())

    return ask


def text_of(answer):
    status, content, headers = answer
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return content.decode()


def jobs(text):
    return [int(number) for number in re.findall(r'id="job-(\d+)"', text)]


def test_thousands_of_series_are_shown_in_pages_that_lead_to_each_other(ask, queue):
    with queue.transaction():
        for number in range(3 * ROWS + 7):
            queue.create(f"1.2.{number}", "1.1", "CT1")
    path, seen = "/", []
    while path:
        text = text_of(ask(path))
        seen += [jobs(text)]
        older = re.search(r'<a href="([^"]*)">Older</a>', text)
        path = older[1].replace("&amp;", "&") if older else None
    assert [len(page) for page in seen] == [ROWS, ROWS, ROWS, 7]
    assert [number for page in seen for number in page] == list(range(3 * ROWS + 7, 0, -1))


def test_the_part_of_the_queue_that_is_asked_for_is_shown(ask, queue):
    fill(queue)
    fill(queue)
    last, first = [series.number for series in queue.all() if series.state is SeriesState.FAILED]
    assert jobs(text_of(ask("/"))) == [series.number for series in queue.all()]
    assert jobs(text_of(ask("/?state=failed"))) == [last, first]
    assert jobs(text_of(ask(f"/?state=failed&before={last}"))) == [first]


@pytest.mark.parametrize("query", ["state=none", "state=", "before=x", "before=-1", "before=²", f"before={10**30}"])
def test_a_part_of_the_queue_that_cannot_be_is_not_found(ask, query):
    assert ask(f"/?{query}")[0] == 404


def test_a_result_has_its_report_its_pictures_and_its_lesions(ask, queue, tmp_path, report):
    number = finished(queue, tmp_path / "results", report)
    assert text_of(ask(f"/results/{number}/report.html")) == (report / "report.html").read_text(encoding="utf-8")
    status, content, headers = ask(f"/results/{number}/lesions.csv")
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert headers["Content-Disposition"] == f'attachment; filename="job-{number}-lesions.csv"'
    assert content == (report / "lesions.csv").read_bytes()
    for plane in ("axial", "coronal", "sagittal"):
        status, content, headers = ask(f"/results/{number}/{plane}.png")
        assert (status, headers["Content-Type"]) == (200, "image/png")
        assert max(Image.open(io.BytesIO(content)).size) == 560


def test_a_result_that_is_gone_is_not_found(ask, queue):
    fill(queue)
    for name in ("report.html", "lesions.csv", "axial.png"):
        status, content, headers = ask(f"/results/1/{name}")
        assert status == 404
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert content.startswith(b"Job 1 has no such file")


@pytest.mark.parametrize(
    "path",
    [
        "/results/1/segmentation.dcm",
        "/results/1/",
        "/results/0/report.html",
        "/results/-1/report.html",
        "/results/01/report.html",
        "/results/one/report.html",
        "/results/%31/../../node.sqlite",
        "/results/..%2f..%2fnode.sqlite/report.html",
        "/results/1/..%2f..%2fnode.sqlite",
        "/results/1/oblique.png",
        f"/results/{10**40}/report.html",
        "/node.sqlite",
    ],
)
def test_nothing_but_reports_lesions_and_pictures_is_served(ask, queue, tmp_path, report, path):
    finished(queue, tmp_path / "results", report)
    assert ask(path)[0] == 404


def test_the_head_of_each_answer_can_be_asked_for(ask, queue, tmp_path, report):
    number = finished(queue, tmp_path / "results", report)
    for path in ("/", *(f"/results/{number}/{name}" for name in ("report.html", "lesions.csv", "axial.png"))):
        status, content, headers = ask(path, "HEAD")
        assert (status, content) == (200, b"")
        assert headers["Content-Type"] == ask(path)[2]["Content-Type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/results/1/report.html"])
def test_the_page_can_only_be_looked_at(ask, path, method):
    assert ask(path, method)[0] == 405


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/results/1/report.html", "/results/1/axial.png", "/none"])
def test_nobody_without_the_token_is_let_in(ask, queue, tmp_path, report, path):
    finished(queue, tmp_path / "results", report)
    status, content, _ = ask(path, inside=False)
    assert status == 403
    assert b"Open the whole address" in content


@pytest.mark.parametrize("path", ["/", "/results/1/report.html", "/results/1/lesions.csv", "/results/9/report.html"])
def test_every_answer_stays_on_this_machine(ask, queue, tmp_path, report, path):
    finished(queue, tmp_path / "results", report)
    headers = ask(path)[2]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_queue_is_read_beside_the_loop(queue, tmp_path):
    """Another process holds the queue while the page answers others."""

    async def run():
        gate, reading, go_on = AccessGate("127.0.0.1"), asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        class Slow(SeriesQueue):
            def counts(self):
                loop.call_soon_threadsafe(reading.set)
                asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
                return super().counts()

        slow = Slow(tmp_path / "node.sqlite")
        jar = aiohttp.CookieJar(unsafe=True)
        async with TestClient(TestServer(application(slow, tmp_path, gate)), cookie_jar=jar) as client:
            await client.get("/", params={"token": gate.token}, allow_redirects=False)
            page = asyncio.create_task(client.get("/"))
            await reading.wait()
            assert (await client.get("/results/1/report.html")).status == 404
            assert not page.done()
            go_on.set()
            assert (await page).status == 200
        slow.close()

    asyncio.run(asyncio.wait_for(run(), 60))

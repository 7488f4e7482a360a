"""A person is told of what failed for good, once, without identifiers, by a command or a URL."""

import asyncio
import json
import sys
import threading
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.archive_cases import free_port
from support.pacs_core_cases import PacsService, configured, series

from LiverTumorSegLib.apps.pacs.alerts import Alerts
from LiverTumorSegLib.apps.pacs.config import AlertConfig
from LiverTumorSegLib.apps.pacs.service import _start_sources
from LiverTumorSegLib.apps.pacs.storage import ServiceFolder

KEEP = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read())"


@pytest.fixture
def service(tmp_path):
    one = PacsService(tmp_path, limits={"retry_seconds": 10})
    yield one
    one.queue.close()


@contextmanager
def hook(status=200):
    """A URL that keeps what is posted to it."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    got = []
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.status = status
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got, server
        server.shutdown()


def alerts(service, archives=(), **wanted):
    return Alerts(AlertConfig.model_validate(wanted), service.config.limits, service.queue, archives)


def fails(service, uid="1.2.3"):
    service.take(*series(uid, 2))
    service.clock.wait(1)
    service.queue.failed(service.queue.of(uid).number, "Its slices lie unevenly.")


def test_a_failed_job_is_told_of_once_also_after_a_restart_and_without_identifiers(service):
    fails(service, "1.2.4")
    with hook() as (url, got, _):
        alerting = alerts(service, url=url)
        alerting.step()
        assert got == []  # it failed before anybody was to be told
        fails(service)
        alerting.step()
        alerting.step()
        alerts(service, url=url).step()
    text = "LiverTumorSeg beside the archive: Job 2 failed: Its slices lie unevenly."
    assert got == [{"event": "job failed", "job": 2, "text": text}]


def test_a_command_gets_the_sentence_and_no_shell(service, tmp_path):
    kept = tmp_path / "kept; touch here"
    alerting = alerts(service, command=(sys.executable, "-c", KEEP, str(kept)))
    fails(service)
    alerting.step()
    assert kept.read_text() == "Job 1 failed: Its slices lie unevenly.\n"
    assert not (tmp_path / "here").exists()


def test_an_archive_that_is_away_for_long_is_told_of_once_each_time(service):
    with hook() as (url, got, _):
        alerting = alerts(service, url=url)
        service.take(*series())
        service.queue.waits(1)
        service.queue.begin()
        service.queue.made(1, ["a.dcm"])
        for _ in range(5):
            service.clock.wait(20 * 60)
            service.queue.send_again(1, "The archive cannot be reached.", timedelta(seconds=1))
            alerting.step()
        assert [one["event"] for one in got] == ["archive away"]
        assert "for 60 minutes" in got[0]["text"]
        service.queue.sent(1)
        alerting.step()
        assert len(got) == 1


def test_an_archive_that_is_asked_for_series_counts_as_well(service):
    with hook() as (url, got, _):
        alerting = alerts(service, [lambda: service.clock.time - timedelta(minutes=61)], url=url, archive_minutes=61)
        alerting.step()
    assert [one["event"] for one in got] == ["archive away"]


def test_an_alert_that_is_not_taken_is_a_line_and_is_sent_later(service, caplog):
    with hook(500) as (url, got, server):
        alerting = alerts(service, url=url)
        fails(service)
        alerting.step()
        alerting.step()
        assert len(got) == 1
        assert "the url of [alerts] answers 500" in caplog.text
        server.status = 200
        service.clock.wait(10)
        alerting.step()
        alerting.step()
    assert [one["job"] for one in got] == [1, 1]


def test_the_command_is_run_once_though_the_url_fails_for_long(service, tmp_path):
    kept = tmp_path / "kept"
    with hook(500) as (url, got, server):
        alerting = alerts(service, command=(sys.executable, "-c", KEEP, str(kept)), url=url)
        for uid in ("1.2.3", "1.2.4"):
            fails(service, uid)
        for status in (500, 500, 200):
            server.status = status
            service.clock.wait(3600)
            alerting.step()
    assert [one["job"] for one in got] == [1, 1, 1, 2]
    assert kept.read_text().splitlines() == [f"Job {number} failed: Its slices lie unevenly." for number in (1, 2)]


def test_the_next_time_that_an_archive_is_away_runs_the_command_though_the_url_failed_before(service, tmp_path):
    kept, away = tmp_path / "kept", [service.clock.time]
    with hook(500) as (url, _got, _server):
        command = (sys.executable, "-c", KEEP, str(kept))
        alerting = alerts(service, [lambda: away[0]], command=command, url=url)
        for since in (service.clock.time, None, service.clock.time + timedelta(hours=3)):
            away[0] = since
            service.clock.wait(2 * 3600)
            alerting.step()
    assert len(kept.read_text().splitlines()) == 2


def test_a_job_that_fails_anew_runs_the_command_though_the_url_failed_before(service, tmp_path):
    kept = tmp_path / "kept"
    with hook(500) as (url, _got, _server):
        alerting = alerts(service, command=(sys.executable, "-c", KEEP, str(kept)), url=url)
        fails(service)
        alerting.step()
        service.queue.retry(1)
        service.clock.wait(3600)
        service.queue.failed(1, "Its slices lie unevenly.")
        alerting.step()
    assert len(kept.read_text().splitlines()) == 2


def test_a_watched_archive_is_one_that_alerts_know_of(service, tmp_path):
    pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
    web = {"url": f"http://127.0.0.1:{free_port()}/dicom-web"}
    watched = configured(tmp_path / "watched", receive=None, watch=web, send={"web": web})
    ServiceFolder(watched.folder).make()

    async def start():
        async with AsyncExitStack() as stack:
            return await _start_sources(watched, service.queue, stack)

    assert len(asyncio.run(start())) == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [((sys.executable, "-c", "raise SystemExit(3)"), "ended with code 3"), (("/no/such",), "give its whole path")],
)
def test_a_command_that_fails_is_a_line(service, caplog, command, why):
    alerting = alerts(service, command=command)
    fails(service)
    alerting.step()
    assert why in caplog.text


def test_no_way_to_tell_is_refused():
    with pytest.raises(ValueError, match="needs command or url"):
        AlertConfig()

"""People find a job by its accession number or the patient's ID if they want to, and else nothing keeps these."""

import asyncio

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from support.pacs_core_cases import PacsService, series

from LiverTumorSegLib.apps.http_access import AccessGate
from LiverTumorSegLib.apps.pacs.page import QueueFilter, application, render_page
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.apps.pacs.storage import FolderCleanup

DAY = 24 * 3600
ACCESSION, PATIENT = "ACC-20261122", "PAT<b>77"


def named(uid="1.2.3"):
    made = series(uid)
    for one in made:
        one.AccessionNumber, one.PatientID = ACCESSION, PATIENT
    return made


def page(service):
    shown = service.config.page.identifiers
    return render_page(service.queue, service.folder.results, QueueFilter(), identifiers=shown)


def kept(service):
    return b"".join(path.read_bytes() for path in service.folder.path.glob("node.sqlite*"))


def test_nothing_is_kept_or_shown_unless_wanted(tmp_path):
    service = PacsService(tmp_path)
    service.take(*named())
    assert ACCESSION not in page(service)
    assert ACCESSION.encode() not in kept(service)


def test_both_are_shown_as_letters_where_wanted(tmp_path):
    service = PacsService(tmp_path, page={"identifiers": True})
    service.take(*named())
    assert ACCESSION in page(service)
    assert "PAT&lt;b&gt;77" in page(service)


def test_they_go_with_the_series_and_when_they_are_no_longer_wanted(tmp_path):
    service = PacsService(tmp_path, page={"identifiers": True}, limits={"keep_days": 2})
    service.take(*named())
    service.queue.passed(1, "No rule fits.")
    FolderCleanup(service.config, service.queue).step()
    assert service.queue.names() == {1: (ACCESSION, PATIENT)}
    service.clock.wait(2 * DAY + 1)
    FolderCleanup(service.config, service.queue).step()
    assert service.queue.names() == {}
    service.take(*named("1.2.4"))
    assert ACCESSION.encode() in kept(service)
    without = service.config.model_copy(update={"page": None})
    FolderCleanup(without, service.queue).repair()
    assert ACCESSION.encode() not in kept(service)
    assert PATIENT.encode() not in kept(service)


def asked(service, path, **headers):
    async def run():
        gate = AccessGate("127.0.0.1")
        app = application(service.queue, service.folder.results, gate)
        async with TestClient(TestServer(app), cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            await client.get("/", params={"token": gate.token})
            return (await client.post(path, headers=headers, allow_redirects=False)).status

    return asyncio.run(run())


def test_a_job_that_failed_is_tried_again_from_the_page_and_from_no_other(tmp_path):
    service = PacsService(tmp_path)
    service.take(*series())
    service.queue.failed(1, "Its slices lie unevenly.")
    assert 'action="/retry/1"' in page(service)
    assert asked(service, "/retry/1", Origin="http://evil.example") == 403
    assert service.only().state is SeriesState.FAILED
    assert asked(service, "/retry/1") == 303
    assert service.only().state is SeriesState.WAITING
    assert "/retry/" not in page(service)
    assert asked(service, "/retry/1") == 409


@pytest.mark.parametrize(("seconds", "said"), [(42, "42 s"), (200, "3 min 20 s"), (7300, "2 h 1 min")])
def test_how_long_a_job_took_is_said(tmp_path, seconds, said):
    service = PacsService(tmp_path)
    service.take(*series())
    service.queue.waits(1)
    service.queue.begin()
    service.queue.made(1, ["a.dcm"])
    service.clock.wait(seconds)
    service.queue.sent(1)
    assert f", {said} after it came" in page(service)

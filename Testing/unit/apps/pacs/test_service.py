import signal
import sys

import pytest
from support import archive_cases
from support.archive_cases import free_port
from support.pacs_core_cases import series
from support.pacs_process import PacsProcess, send, times_asked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")


def to_peer(port):
    return f'[send.dicom]\nae_title = "{archive_cases.TITLE}"\naddress = "127.0.0.1"\nport = {port}'


@pytest.fixture
def started(tmp_path):
    """Start services that are killed at the end of the test."""
    made = []

    def started(send, more="", **environment):
        made.append(PacsProcess(tmp_path, send, more))
        made[-1].start(**environment)
        return made[-1]

    yield started
    for service in made:
        service.kill()


def test_a_service_that_is_killed_while_it_works_ends_with_one_result(started, archive):
    service = started(to_peer(archive.dicom), STAND_IN_SECONDS="0.3")
    service.ready()
    assert send(service.port, series()) == [0] * 12
    for words in ("is being segmented", "waits to be sent"):
        service.until(lambda words=words: words in service.text())
        service.kill()
        service.start()
    service.until(lambda: service.states() == [(1, "done")])
    assert sorted(one.Modality for one in archive.data_sets()) == ["SEG", "SR"]
    assert times_asked(service)["1"] >= 2
    service.ready(3)
    assert service.end() == 128 + signal.SIGTERM
    assert service.text().rstrip().endswith("the service has ended")


def test_an_archive_that_is_down_or_a_second_service_in_the_folder_does_not_keep_series_from_being_segmented(
    started, tmp_path
):
    port = free_port()
    service = started(to_peer(port))
    service.ready()
    other = service.command("pacs", "--config", str(service.config))
    assert other.returncode == 3
    assert "Another service works in" in other.stderr
    for uid in ("1.2.3", "1.2.4"):
        assert send(service.port, series(uid, 11)) == [0] * 11
    service.until(lambda: service.states() == [(1, "sending"), (2, "sending")])
    service.until(lambda: service.text().count("will be sent again in") >= 2)
    with archive_cases.running(tmp_path / "orthanc", dicom=port) as late:
        service.until(lambda: service.states() == [(1, "done"), (2, "done")])
        assert len(late.instances()) == 4
    assert service.end() == 128 + signal.SIGTERM


def test_a_wrong_model_is_refused_before_anything_is_received(started):
    service = started(to_peer(1), '[segment]\nmodel = "none"')
    assert service.process.wait(60) == 3
    assert "error: There is no model “none”" in service.text()
    assert "ready" not in service.text()

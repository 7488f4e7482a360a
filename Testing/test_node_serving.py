import signal
import sys

import archive_cases
import pytest
from archive_cases import free_port
from node_core_cases import series
from node_process import NodeProcess, send, times_asked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")


def to_peer(port):
    return f'[send.dicom]\nae_title = "{archive_cases.TITLE}"\naddress = "127.0.0.1"\nport = {port}'


@pytest.fixture
def started(tmp_path):
    """Start nodes that are killed at the end of the test."""
    made = []

    def started(send, more="", **environment):
        made.append(NodeProcess(tmp_path, send, more))
        made[-1].start(**environment)
        return made[-1]

    yield started
    for node in made:
        node.kill()


def test_a_node_that_is_killed_while_it_works_ends_with_one_result(started, archive):
    node = started(to_peer(archive.dicom), STAND_IN_SECONDS="0.3")
    node.ready()
    assert send(node.port, series()) == [0] * 12
    for words in ("is being segmented", "waits to be sent"):
        node.until(lambda words=words: words in node.text())
        node.kill()
        node.start()
    node.until(lambda: node.states() == [(1, "done")])
    assert sorted(one.Modality for one in archive.data_sets()) == ["SEG", "SR"]
    assert times_asked(node)["1"] >= 2
    node.ready(3)
    assert node.end() == 128 + signal.SIGTERM
    assert node.text().rstrip().endswith("the node has ended")


def test_an_archive_that_is_down_or_a_second_node_in_the_folder_does_not_keep_series_from_being_segmented(
    started, tmp_path
):
    port = free_port()
    node = started(to_peer(port))
    node.ready()
    other = node.command("node", "--config", str(node.config))
    assert other.returncode == 3
    assert "Another node works in" in other.stderr
    for uid in ("1.2.3", "1.2.4"):
        assert send(node.port, series(uid, 11)) == [0] * 11
    node.until(lambda: node.states() == [(1, "sending"), (2, "sending")])
    node.until(lambda: node.text().count("is sent again in") >= 2)
    with archive_cases.running(tmp_path / "orthanc", dicom=port) as late:
        node.until(lambda: node.states() == [(1, "done"), (2, "done")])
        assert len(late.instances()) == 4
    assert node.end() == 128 + signal.SIGTERM


def test_a_wrong_model_is_refused_before_anything_is_received(started):
    node = started(to_peer(1), '[segment]\nmodel = "none"')
    assert node.process.wait(60) == 3
    assert "error: There is no model “none”" in node.text()
    assert "ready" not in node.text()

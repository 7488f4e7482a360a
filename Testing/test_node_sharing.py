"""Two whole nodes, with light workers, share the series of one Orthanc through a PostgreSQL."""

import sys
from collections import Counter
from datetime import date
from pathlib import Path

import node_process
import pytest
import test_node_shared
from archive_cases import _one_archive, archive  # noqa: F401
from node_core_cases import series
from node_process import NodeProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

server, database = test_node_shared.server, test_node_shared.database
PROGRAM = Path(__file__).with_name("shared_program.py")
SERIES = [f"1.2.{number}" for number in range(3, 9)]


@pytest.fixture
def nodes(archive, database, tmp_path):  # noqa: F811
    """Two nodes of the archive, not yet started; killed at the end of the test."""
    watch = f'[watch]\nurl = "{archive.web}"\nevery_seconds = 0.3\nquiet_seconds = 0.3\ndays = 2'
    share = f'[share]\ndatabase = "{database}"'
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        send = f'[send.web]\nurl = "{archive.web}"'
        made.append(NodeProcess(tmp_path / name, send, f"{watch}\n{share}", program=[str(PROGRAM)]))
    yield made
    for node in made:
        node.kill()


@pytest.fixture
def stored(archive, tmp_path):  # noqa: F811
    """CT series of today in the archive."""
    for uid in SERIES:
        for image in series(uid, 10):
            image.StudyDate = f"{date.today():%Y%m%d}"
            image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
            archive.store(tmp_path / "image.dcm")


def results(archive):  # noqa: F811
    """How many objects of each kind each series has; the light worker writes the series into its objects."""
    return Counter((one.SeriesDescription, one.Modality) for one in archive.data_sets() if one.Modality != "CT")


ONE_EACH = {(uid, modality): 1 for uid in SERIES for modality in ("SEG", "SR")}


def asked(node):
    """How many series a node segmented."""
    return sum(node_process.times_asked(node).values())


def test_two_nodes_segment_each_series_once(nodes, archive, stored):  # noqa: F811
    one, other = nodes
    for node in nodes:
        node.start(STAND_IN_SECONDS="0.3")
    other.until(lambda: len(archive.instances()) == 10 * len(SERIES) + 2 * len(SERIES))
    other.until(lambda: {state for node in nodes for _, state in node.states()} == {"done"})
    assert results(archive) == ONE_EACH
    assert asked(one) + asked(other) == len(SERIES)
    assert asked(one)
    assert asked(other)
    assert [node.end() for node in nodes] == [143, 143]
    for node in nodes:
        assert not [uid for uid in SERIES if uid in node.text()]


def test_series_of_a_node_that_is_killed_are_segmented_by_the_other(nodes, archive, stored):  # noqa: F811
    killed, other = nodes
    killed.start(STAND_IN_SECONDS="3")
    killed.until(lambda: killed.asked.exists())
    killed.kill()
    other.start()
    other.until(lambda: results(archive) == ONE_EACH)
    assert "a node was silent" in other.text()
    killed.start()  # again, with what it has not done
    killed.ready(2)
    killed.until(lambda: {state for _, state in killed.states()} == {"done"})
    assert results(archive) == ONE_EACH

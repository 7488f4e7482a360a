"""Two whole nodes, with light workers, share the series of one Orthanc through a PostgreSQL."""

import sys
from collections import Counter
from datetime import date
from pathlib import Path

import node_process
import pytest
import test_node_shared
from node_core_cases import series
from node_process import NodeProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

server, database = test_node_shared.server, test_node_shared.database
PROGRAM = Path(__file__).with_name("shared_program.py")
LEFT, SHARED = [f"1.2.{number}" for number in (3, 4)], [f"1.2.{number}" for number in range(5, 11)]


@pytest.fixture
def nodes(archive, database, tmp_path):
    """Two nodes of the archive, not yet started; killed at the end of the test."""
    watch = f'[watch]\nurl = "{archive.web}"\nevery_seconds = 0.3\nquiet_seconds = 0.3\ndays = 2'
    share = f'[share]\ndatabase = "{database}"'
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        send = f'[send.web]\nurl = "{archive.web}"'
        made.append(NodeProcess(tmp_path / name, send, f"{watch}\n{share}", quiet_seconds=None, program=[str(PROGRAM)]))
    yield made
    for node in made:
        node.kill()


def store(archive, uids, folder):
    """CT series of today come into the archive."""
    for uid in uids:
        for image in series(uid, 10):
            image.StudyDate = f"{date.today():%Y%m%d}"
            image.save_as(folder / "image.dcm", enforce_file_format=True)
            archive.store(folder / "image.dcm")


def results(archive):
    """How many objects of each kind each series has; the light worker writes the series into its objects."""
    return Counter((one.SeriesDescription, one.Modality) for one in archive.data_sets() if one.Modality != "CT")


def one_each(*uids):
    """What the archive has when each series has its result, and none has two."""
    return {(uid, modality): 1 for uid in uids for modality in ("SEG", "SR")}


def asked(node):
    """How many series a node segmented."""
    return sum(node_process.times_asked(node).values())


def are_done(node):
    return {state for _, state in node.states()} == {"done"}


def test_nodes_share_the_work_and_one_does_that_of_another_which_is_killed(nodes, archive, tmp_path):
    killed, other = nodes
    store(archive, LEFT, tmp_path)
    killed.start(STAND_IN_SECONDS="3")
    killed.until(lambda: killed.asked.exists())
    killed.kill()
    other.start(STAND_IN_SECONDS="0.3")
    other.until(lambda: results(archive) == one_each(*LEFT))
    assert "a node was silent" in other.text()
    killed.start(STAND_IN_SECONDS="0.3")  # again, with what it has not done
    killed.ready(2)
    killed.until(lambda: are_done(killed))
    before = [asked(node) for node in nodes]
    store(archive, SHARED, tmp_path)
    other.until(lambda: results(archive) == one_each(*LEFT, *SHARED))
    other.until(lambda: are_done(killed) and are_done(other))
    each = [asked(node) - earlier for node, earlier in zip(nodes, before, strict=True)]
    assert sum(each) == len(SHARED), "each was segmented once"
    assert min(each) > 0, "by both"
    assert [node.end() for node in nodes] == [143, 143]
    for node in nodes:
        assert not [uid for uid in (*LEFT, *SHARED) if uid in node.text()]

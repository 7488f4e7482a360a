"""Two whole services, with light workers, share the series of one Orthanc through a PostgreSQL."""

import sys
from collections import Counter
from datetime import date

import pytest
from support import pacs_process
from support.pacs_core_cases import series
from support.pacs_process import PacsProcess
from support.repository import SUPPORT

pytest.importorskip("procrastinate", reason="needs procrastinate: pip install 'livertumorseg[shared]'")
pytest.importorskip("psycopg", reason="needs psycopg: pip install 'livertumorseg[shared]'")

from support.shared_queue_cases import database, server

__all__ = ["database", "server"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
PROGRAM = SUPPORT / "shared_program.py"
LEFT, SHARED = [f"1.2.{number}" for number in (3, 4)], [f"1.2.{number}" for number in range(5, 11)]


@pytest.fixture
def services(archive, database, tmp_path):
    """Two services of the archive, not yet started; killed at the end of the test."""
    watch = f'[watch]\nurl = "{archive.web}"\nevery_seconds = 0.3\nquiet_seconds = 0.3\ndays = 2'
    share = f'[share]\ndatabase = "{database}"'
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        send = f'[send.web]\nurl = "{archive.web}"'
        made.append(PacsProcess(tmp_path / name, send, f"{watch}\n{share}", quiet_seconds=None, program=[str(PROGRAM)]))
    yield made
    for service in made:
        service.kill()


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


def asked(service):
    """How many series a service segmented."""
    return sum(pacs_process.times_asked(service).values())


def are_done(service):
    return {state for _, state in service.states()} == {"done"}


def test_services_share_the_work_and_one_does_that_of_another_which_is_killed(services, archive, tmp_path):
    killed, other = services
    store(archive, LEFT, tmp_path)
    killed.start(STAND_IN_SECONDS="60")
    killed.until(lambda: killed.asked.exists() and "job 2: 10 images" in killed.text())
    killed.kill()
    other.start(STAND_IN_SECONDS="0.3")
    other.until(lambda: results(archive) == one_each(*LEFT))
    assert "a service was silent" in other.text()
    killed.start(STAND_IN_SECONDS="0.3")  # again, with what it has not done
    killed.ready(2)
    killed.until(lambda: are_done(killed))
    before = [asked(service) for service in services]
    store(archive, SHARED, tmp_path)
    other.until(lambda: results(archive) == one_each(*LEFT, *SHARED))
    other.until(lambda: are_done(killed) and are_done(other))
    each = [asked(service) - earlier for service, earlier in zip(services, before, strict=True)]
    assert sum(each) == len(SHARED), "each was segmented once"
    assert min(each) > 0, "by both"
    assert [service.end() for service in services] == [143, 143]
    for service in services:
        assert not [uid for uid in (*LEFT, *SHARED) if uid in service.text()]

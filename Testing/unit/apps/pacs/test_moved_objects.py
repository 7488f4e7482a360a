"""A series comes by C-MOVE through a port that nobody else can use; what Orthanc does is in test_archive_reader.py."""

import socket
import tempfile
import threading
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from support.archive_cases import free_port

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")

from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from support.pacs_moving import TITLE, MovingArchive, dated, moving

from LiverTumorSegLib.apps.pacs import moved_objects
from LiverTumorSegLib.apps.pacs.archive_reader import FoundSeries
from LiverTumorSegLib.apps.pacs.config import Peer, Receive
from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable
from LiverTumorSegLib.apps.pacs.dimse_reader import DimseReader
from LiverTumorSegLib.core.atomic_files import SHARED_PREFIX, remove_leftovers
from LiverTumorSegLib.core.errors import UserError

SERIES = FoundSeries("1.2.3", "CT", "", "", "")
DAY = "20260131120000"


@pytest.fixture
def archive():
    with moving(MovingArchive(held=[*dated(DAY), *dated(DAY, "1.2.4")])) as one:
        yield one


@pytest.fixture
def receive(archive):
    """The port, which the archive knows."""
    made = Receive(ae_title="PAGE", port=free_port(), senders=[{"ae_title": TITLE, "address": "127.0.0.1"}])
    archive.knows["PAGE"] = made.port
    return made


def fetch(archive, receive, take=lambda *_: None, stopped=None):
    peer = Peer(ae_title=TITLE, address="127.0.0.1", port=archive.port, timeout_seconds=10)
    DimseReader(peer, 1 << 20, receive).fetch("1.2.9.1.2.3", SERIES, take, stopped)


def is_open(receive):
    with socket.socket() as caller:
        return caller.connect_ex((receive.address, receive.port)) == 0


def test_the_port_is_open_while_a_series_comes_to_the_archive_alone(archive, receive):
    seen = []

    def take(content, of):
        if not seen:
            stranger = AE("STRANGER")
            stranger.add_requested_context(CTImageStorage)
            seen.append(stranger.associate("127.0.0.1", receive.port, ae_title="PAGE").is_rejected)
        seen.append((pydicom.dcmread(BytesIO(content)).SeriesInstanceUID, of))

    assert not is_open(receive)
    fetch(archive, receive, take)
    assert seen == [True, *[("1.2.3", 3)] * 3]
    assert not is_open(receive)


def test_what_was_not_asked_for_is_not_taken(archive, receive):
    archive.adds, got = "1.2.4", []
    fetch(archive, receive, lambda content, _: got.append(pydicom.dcmread(BytesIO(content)).SeriesInstanceUID))
    assert got == ["1.2.3"] * 3


def test_another_program_that_begins_meanwhile_sweeps_nothing_away(archive, receive):
    got = []

    def take(content, _):
        remove_leftovers(Path(tempfile.gettempdir()), SHARED_PREFIX)
        got.append(content)

    fetch(archive, receive, take)
    assert len(got) == 3


def test_what_a_session_does_not_take_ends_it_all(archive, receive):
    got = []

    def take(content, _):
        got.append(content)
        msg = "There is too much of it."
        raise UserError(msg)

    with pytest.raises(UserError, match="too much"):
        fetch(archive, receive, take)
    assert len(got) == 1
    assert not is_open(receive)


def test_an_archive_that_does_not_know_the_port_is_said_not_to(archive, receive):
    archive.knows.clear()
    with pytest.raises(Rejected, match=r"does not send the series \(status A801\): check that it knows “PAGE”"):
        fetch(archive, receive)


def test_a_port_that_is_taken_is_said_to_the_log_and_not_to_the_session(archive, receive, caplog):
    with socket.create_server((receive.address, receive.port)):
        with pytest.raises(Unreachable, match="nothing can be received from it now: tell whoever started") as error:
            fetch(archive, receive)
    assert str(receive.port) not in str(error.value)
    assert f"port {receive.port} of 127.0.0.1 cannot be listened on" in caplog.text


def test_one_series_waits_for_another_and_no_longer_than_an_answer(archive, receive):
    lock = moved_objects._ports[receive.address, receive.port]
    with lock:
        peer = Peer(ae_title=TITLE, address="127.0.0.1", port=archive.port, timeout_seconds=0.2)
        with pytest.raises(Unreachable, match="to another session"):
            DimseReader(peer, 1 << 20, receive).fetch("1.2.9.1.2.3", SERIES, lambda *_: None)
    fetch(archive, receive)
    assert not lock.locked()


def test_a_user_who_stops_waits_for_no_silent_archive(archive, receive):
    asked, answered, stopped = (threading.Event() for _ in range(3))

    def silent(_):
        asked.set()
        answered.wait(60)
        yield None, None

    archive.move = silent
    with moving(archive):
        user = threading.Thread(target=lambda: (asked.wait(), stopped.set()))
        user.start()
        try:
            with pytest.raises(Unreachable, match="ended the connection"):
                fetch(archive, receive, stopped=stopped)
            assert not is_open(receive)
        finally:
            answered.set()
            user.join()


def test_an_archive_that_offers_no_c_move_is_said_not_to(receive):
    with moving(MovingArchive(), Find, CTImageStorage) as archive:
        with pytest.raises(Unreachable, match="accepts nothing that this service"):
            fetch(archive, receive)

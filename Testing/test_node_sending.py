import shutil
from contextlib import contextmanager

import pytest
from node_core_cases import Node
from node_sending import dicom, objects

from LiverTumorSegLib.node import sender
from LiverTumorSegLib.node.queue import State
from LiverTumorSegLib.node.reaching import Rejected, Unreachable
from LiverTumorSegLib.node.sending import Sending

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[node]")
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from test_node_c_store import answering

__all__ = ["objects"]


class Archive:
    """What is sent where, and what comes of it."""

    def __init__(self):
        self.got, self.raises = [], None

    def __call__(self, objects, to):
        self.got.append(([path.relative_to(path.parents[1]).as_posix() for path in objects], to))
        if self.raises:
            raise self.raises


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path, limits={"retry_seconds": 10, "longest_retry_seconds": 35, "send_days": 1})


@pytest.fixture
def archive():
    return Archive()


def made(node, uid="1.2.3"):
    number = node.queue.create(uid, "1.1", "SCANNER")
    node.queue.arrived(f"{uid}.1", number, 1, 0)
    node.queue.waits(number)
    node.queue.begin()
    result(node, number, [b"a", b"b"])
    node.queue.made(number, ["a.dcm", "b.dcm"])
    return number


def result(node, number, contents):
    node.folder.result(number).mkdir()
    for name, content in zip(("a.dcm", "b.dcm"), contents, strict=True):
        (node.folder.result(number) / name).write_bytes(content)


def test_what_was_sent_is_done(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    assert sending.step()
    assert not sending.step()
    assert archive.got == [(["1/a.dcm", "1/b.dcm"], node.config.send)]
    assert node.only().state is State.DONE


def test_an_archive_that_is_down_is_asked_ever_less_often_until_it_answers(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    archive.raises = Unreachable("The archive PACS cannot be used now: it does not answer.")
    for pause in (10, 20, 35, 35):
        assert sending.step()
        assert not sending.step(), "not before its time"
        assert (node.only().next_try - node.clock()).total_seconds() == pause
        assert node.only().why == "The archive PACS cannot be used now: it does not answer."
        node.clock.wait(pause)
    archive.raises = None
    sending.step()
    assert (node.only().state, node.only().why) == (State.DONE, "")


def test_an_archive_that_is_down_for_too_long_ends_in_a_failure_that_can_be_tried_again(node, archive):
    made(node)
    sending = Sending(node.config, node.queue, archive)
    archive.raises = Unreachable("It does not answer.")
    node.clock.wait(24 * 3600 + 1)
    sending.step()
    assert (node.only().state, node.only().why) == (State.FAILED, "It does not answer. That was tried for 1 days.")
    node.queue.retry(1)
    archive.raises = None
    sending.step()
    assert node.only().state is State.DONE


def test_what_the_archive_refuses_has_failed(node, archive, caplog):
    made(node)
    archive.raises = Rejected("The archive PACS refuses: it knows no such class.")
    Sending(node.config, node.queue, archive).step()
    assert (node.only().state, node.only().why) == (State.FAILED, str(archive.raises))
    assert "job 1: failed. The archive PACS refuses" in caplog.text


def test_an_error_that_nobody_foresaw_holds_no_other_series_up_and_is_not_quoted(node, archive, caplog):
    made(node)
    archive.raises = KeyError("Some^One")
    sending = Sending(node.config, node.queue, archive)
    sending.step()
    assert node.only().state is State.SENDING
    assert node.only().why.startswith("Sending failed unexpectedly (KeyError at test_node_sending.py")
    assert "Some^One" not in node.only().why
    archive.raises = None
    made(node, "1.2.4")
    sending.step()
    assert node.queue.find(2).state is State.DONE


def test_a_result_that_is_gone_is_made_again_and_holds_nothing_up(node, archive):
    made(node)
    (node.folder.result(1) / "b.dcm").unlink()
    sending = Sending(node.config, node.queue, archive)
    sending.step()
    assert node.only().state is State.WAITING
    assert not sending.step()
    assert archive.got == []


def test_a_kill_between_sending_and_its_record_sends_nothing_twice(tmp_path, objects):
    """The archive counts every C-STORE, also such as change nothing in it."""
    with counting() as (port, stored):
        node = Node(tmp_path, send=dicom(port).model_dump(exclude_none=True))
        number = made(node)
        shutil.rmtree(node.folder.result(number))
        result(node, number, [file.read_bytes() for file in objects])

        def kill(*sent):
            sender.send(*sent)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Sending(node.config, node.queue, kill).step()
        assert (node.only().state, len(stored)) == (State.SENDING, 2)
        Sending(node.config, node.queue, sender.send).step()
    assert node.only().state is State.DONE
    assert sorted(stored) == ["1.2.3.100.1", "1.2.3.101.1"]


@contextmanager
def counting():
    """An archive of pynetdicom's that answers what it has; its port, and the UID of each C-STORE."""
    stored = []

    def store(event):
        stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    def find(event):
        if event.identifier.SOPInstanceUID in stored:
            yield 0xFF00, event.identifier

    with answering(store, [*AllStoragePresentationContexts, Find], find=find) as (port, _):
        yield port, stored

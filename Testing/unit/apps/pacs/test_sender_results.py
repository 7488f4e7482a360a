import shutil
from contextlib import contextmanager

import pytest
from support.pacs_core_cases import PacsService
from support.pacs_sending import dicom, objects

from LiverTumorSegLib.apps.pacs import sender
from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState
from LiverTumorSegLib.apps.pacs.sender import ResultSender

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from support.pacs_accepting import answering

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
def service(tmp_path):
    return PacsService(tmp_path, limits={"retry_seconds": 10, "longest_retry_seconds": 35, "send_days": 1})


@pytest.fixture
def archive():
    return Archive()


def made(service, uid="1.2.3"):
    number = service.queue.create(uid, "1.1", "SCANNER")
    service.queue.arrived(f"{uid}.1", number, 1, 0)
    service.queue.waits(number)
    service.queue.begin()
    result(service, number, [b"a", b"b"])
    service.queue.made(number, ["a.dcm", "b.dcm"])
    return number


def result(service, number, contents):
    service.folder.result(number).mkdir()
    for name, content in zip(("a.dcm", "b.dcm"), contents, strict=True):
        (service.folder.result(number) / name).write_bytes(content)


def test_what_was_sent_is_done(service, archive):
    made(service)
    sending = ResultSender(service.config, service.queue, archive)
    assert sending.step()
    assert not sending.step()
    assert archive.got == [(["1/a.dcm", "1/b.dcm"], service.config.send)]
    assert service.only().state is SeriesState.DONE


def test_an_archive_that_is_down_is_asked_ever_less_often_until_it_answers(service, archive):
    made(service)
    sending = ResultSender(service.config, service.queue, archive)
    archive.raises = Unreachable("The archive PACS cannot be used now: it does not answer.")
    for pause in (10, 20, 35, 35):
        assert sending.step()
        assert not sending.step(), "not before its time"
        assert (service.only().next_try - service.clock()).total_seconds() == pause
        assert service.only().why == "The archive PACS cannot be used now: it does not answer."
        service.clock.wait(pause)
    archive.raises = None
    sending.step()
    assert (service.only().state, service.only().why) == (SeriesState.DONE, "")


def test_an_archive_that_is_down_for_too_long_ends_in_a_failure_that_can_be_tried_again(service, archive):
    made(service)
    sending = ResultSender(service.config, service.queue, archive)
    archive.raises = Unreachable("It does not answer.")
    service.clock.wait(24 * 3600 + 1)
    sending.step()
    assert (service.only().state, service.only().why) == (
        SeriesState.FAILED,
        "It does not answer. It was tried for 1 days.",
    )
    service.queue.retry(1)
    archive.raises = None
    sending.step()
    assert service.only().state is SeriesState.DONE


def test_what_the_archive_refuses_has_failed(service, archive, caplog):
    made(service)
    archive.raises = Rejected("The archive PACS refuses: it knows no such class.")
    ResultSender(service.config, service.queue, archive).step()
    assert (service.only().state, service.only().why) == (SeriesState.FAILED, str(archive.raises))
    assert "job 1: failed. The archive PACS refuses" in caplog.text


def test_an_error_that_nobody_foresaw_holds_no_other_series_up_and_is_not_quoted(service, archive, caplog):
    made(service)
    archive.raises = KeyError("Some^One")
    sending = ResultSender(service.config, service.queue, archive)
    sending.step()
    assert service.only().state is SeriesState.SENDING
    assert service.only().why.startswith("Sending failed unexpectedly (KeyError at test_sender_results.py")
    assert "Some^One" not in service.only().why
    archive.raises = None
    made(service, "1.2.4")
    sending.step()
    assert service.queue.find(2).state is SeriesState.DONE


def test_a_result_that_is_gone_is_made_again_and_holds_nothing_up(service, archive):
    made(service)
    (service.folder.result(1) / "b.dcm").unlink()
    sending = ResultSender(service.config, service.queue, archive)
    sending.step()
    assert service.only().state is SeriesState.WAITING
    assert not sending.step()
    assert archive.got == []


def test_a_kill_between_sending_and_its_record_sends_nothing_twice(tmp_path, objects):
    """The archive counts every C-STORE, also such as change nothing in it."""
    with counting() as (port, stored):
        service = PacsService(tmp_path, send=dicom(port).model_dump(exclude_none=True))
        number = made(service)
        shutil.rmtree(service.folder.result(number))
        result(service, number, [file.read_bytes() for file in objects])

        def kill(*sent):
            sender.send_objects(*sent)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ResultSender(service.config, service.queue, kill).step()
        assert (service.only().state, len(stored)) == (SeriesState.SENDING, 2)
        ResultSender(service.config, service.queue, sender.send_objects).step()
    assert service.only().state is SeriesState.DONE
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

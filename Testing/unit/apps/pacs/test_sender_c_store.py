"""Statuses of C-STORE say what becomes of an object."""

import socket
import threading

import pydicom
import pytest
from support.archive_cases import PATIENCE, certificates, running
from support.pacs_cases import assert_no_identifiers
from support.pacs_sending import dicom, held, objects

from LiverTumorSegLib.apps.pacs.sender import Rejected, Unreachable, send_objects

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
import pynetdicom
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind
from support.pacs_accepting import answering

__all__ = ["objects"]


@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0124])
def test_an_archive_that_is_full_or_in_trouble_is_tried_again(objects, status):
    with answering(status) as (port, got), pytest.raises(Unreachable, match=f"status {status:04X}") as raised:
        send_objects(objects, dicom(port))
    assert len(got) == 1
    assert_no_identifiers(str(raised.value))


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122])
def test_what_an_archive_refuses_does_not_keep_the_other_object_from_it(objects, status):
    with answering(status) as (port, got), pytest.raises(Rejected, match=f"SEG .status {status:04X}"):
        send_objects(objects, dicom(port))
    assert len(got) == 2


@pytest.mark.parametrize("status", [0x0111, 0x0000])
def test_an_object_that_an_archive_says_it_has_is_sent(objects, status):
    with answering(status) as (port, got):
        send_objects(objects, dicom(port))
    assert len(got) == 2


def test_a_warning_is_logged_and_is_no_failure(objects, caplog):
    with answering(0xB000) as (port, got):
        send_objects(objects, dicom(port))
    assert caplog.text.count("with a warning (status B000)") == 2
    assert len(got) == 2


def test_an_archive_that_ends_the_connection_is_tried_again(objects):
    with answering(lambda event: event.assoc.abort() or 0) as (port, _), pytest.raises(Unreachable):
        send_objects(objects, dicom(port))


def test_an_archive_without_segmentations_gets_the_report(objects):
    with answering(0, ["1.2.840.10008.5.1.4.1.1.88.34"]) as (port, got), pytest.raises(Rejected, match="takes no SEG"):
        send_objects(objects, dicom(port))
    assert got == ["1.2.3.101.1"]


def test_an_archive_that_speaks_implicit_vr_alone_gets_it_so(objects):
    syntaxes = []

    def note(event):
        syntaxes.append(event.context.transfer_syntax)
        assert event.dataset.SOPInstanceUID in ("1.2.3.100.1", "1.2.3.101.1")
        return 0

    with answering(note, transfer_syntax=[pydicom.uid.ImplicitVRLittleEndian]) as (port, _):
        send_objects(objects, dicom(port))
    assert syntaxes == [pydicom.uid.ImplicitVRLittleEndian] * 2


def test_a_machine_that_is_not_known_may_be_known_later(objects):
    with pytest.raises(Unreachable, match="is not known"):
        send_objects(objects, dicom(104, address="no.such.machine.invalid"))


def test_an_archive_that_does_not_know_this_service_may_be_told(archive, objects):
    with pytest.raises(Unreachable, match="check both AE titles"):
        send_objects(objects, dicom(archive.dicom, ae_title="OTHER"))


@pytest.mark.parametrize("answer", [b"", b"\7\0\0\0\0\4\0\0\2\0"], ids=["closes", "aborts"])
def test_an_archive_that_ends_the_connection_at_once_was_connected_to(objects, answer):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def end():
            with listening.accept()[0] as link:
                link.recv(1 << 16)
                link.sendall(answer)

        threading.Thread(target=end, daemon=True).start()
        with pytest.raises(
            Unreachable, match="closes the connection or does not answer: check that it knows this service"
        ):
            send_objects(objects, dicom(listening.getsockname()[1]))


def test_an_archive_that_takes_nothing_of_it_is_said(objects):
    with answering(0, [pydicom.uid.CTImageStorage]) as (port, _), pytest.raises(Unreachable, match="accepts nothing"):
        send_objects(objects, dicom(port))


def test_encrypted_c_store(tmp_path, objects):
    tls = certificates(tmp_path / "certificates", "archive")
    mine = certificates(tmp_path / "certificates", "pacs")
    with running(tmp_path / "orthanc", tls=tls) as archive:
        send_objects(objects, dicom(archive.dicom, tls=mine))
        assert len(held(archive)) == 2
        for wrong in (None, certificates(tmp_path / "others", "stranger")):
            with pytest.raises(Unreachable):
                send_objects(objects, dicom(archive.dicom, tls=wrong))


def test_an_archive_that_may_not_be_asked_gets_objects_again_and_has_each_once(tmp_path, objects):
    with running(tmp_path / "orthanc", DicomAlwaysAllowFind=False) as archive:
        send_objects(objects, dicom(archive.dicom))
        send_objects(objects, dicom(archive.dicom))
        assert held(archive) == ["1.2.3.100.1", "1.2.3.101.1"]


def test_an_archive_that_stops_in_the_middle_of_an_answer_is_given_up(objects):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def half():
            with listening.accept()[0] as link:
                link.recv(6)
                link.sendall(b"\2\0\0\0\1\0half an answer")
                link.recv(1 << 16)
                while link.recv(1 << 16):
                    pass

        answering = threading.Thread(target=half, daemon=True)
        answering.start()
        with pytest.raises(Unreachable):
            send_objects(objects, dicom(listening.getsockname()[1], timeout_seconds=0.5))
        answering.join(PATIENCE)


def test_an_archive_that_answers_a_question_with_all_it_has_is_not_heard_to_the_end(objects):
    said = []

    def find(event):
        for number in range(100_000):
            said.append(number)
            event.identifier.SOPInstanceUID = f"1.2.{number}"
            yield 0xFF00, event.identifier

    contexts = [*pynetdicom.AllStoragePresentationContexts, StudyRootQueryRetrieveInformationModelFind]
    with answering(0, contexts, find) as (port, got):
        send_objects(objects, dicom(port))
    assert got == ["1.2.3.100.1", "1.2.3.101.1"]
    assert len(said) < 50_000

"""Images come in by C-STORE from listed senders alone, each as it was sent."""

import socket
import threading
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from support import archive_cases, dicom_slices, enhanced_dicom
from support.archive_cases import free_port
from support.pacs_cases import PACKAGE, dcmtk, images, make_service, series, until

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_series

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage
from support.pacs_receiving import SENDER, TITLE, associated, echoes, receiving, request, storescu

from LiverTumorSegLib.apps.pacs.receiver import TRANSFER_SYNTAXES, Receiver

__all__ = ["make_service", "receiving"]


def test_a_series_comes_in_as_it_was_sent(receiving, tmp_path):
    service = receiving()
    sent = series(tmp_path / "sent", count=4)
    assert storescu(service, *sent).returncode == 0
    assert [(one.series, one.sender, one.images) for one in service.queue.all()] == [("1.2.3", SENDER, 4)]
    as_sent = {(one := pydicom.dcmread(file)).SOPInstanceUID: one for file in sent}
    for file in images(service):
        one = pydicom.dcmread(file)
        assert one == as_sent[one.SOPInstanceUID]
    assert list(service.inbox.arriving.iterdir()) == []


def test_an_image_that_comes_twice_is_kept_once_and_is_no_error(receiving, tmp_path):
    service = receiving()
    sent = series(tmp_path / "sent", count=2)
    assert storescu(service, *sent, sent[0]).returncode == 0
    assert len(images(service)) == 2


COMPRESSED = {
    "RLE Lossless": ["dcmcrle"],
    "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])": ["dcmcjpeg", "+e1"],
    "JPEG Lossless, Non-Hierarchical (Process 14)": ["dcmcjpeg", "+el"],
    "JPEG-LS Lossless Image Compression": ["dcmcjpls", "+el"],
    "Implicit VR Little Endian": ["dcmconv", "+ti"],
    "Explicit VR Big Endian": ["dcmconv", "+tb"],
}


@pytest.mark.parametrize("name", COMPRESSED)
def test_encodings_that_the_reader_reads_come_in_as_they_are(receiving, tmp_path, name):
    service = receiving()
    plain, other = series(tmp_path / "plain"), tmp_path / "other"
    other.mkdir()
    for file in plain:
        assert dcmtk(*COMPRESSED[name], file, other / file.name).returncode == 0
    (syntax,) = {pydicom.dcmread(file).file_meta.TransferSyntaxUID for file in other.iterdir()}
    with associated(service, syntax) as association:
        for file in other.iterdir():
            assert association.send_c_store(file).Status == 0
    assert {pydicom.dcmread(file).file_meta.TransferSyntaxUID.name for file in images(service)} == {name}
    np.testing.assert_array_equal(
        dicom_series.read(images(service)[0].parent).values, dicom_series.read(tmp_path / "plain").values
    )


def test_jpeg_2000_comes_in_and_is_read(receiving, tmp_path):
    service = receiving()
    sent, reader, writer = series(tmp_path / "plain"), sitk.ImageFileReader(), sitk.ImageFileWriter()
    writer.SetCompressor("JPEG2000")
    writer.UseCompressionOn()
    writer.KeepOriginalImageUIDOn()
    (tmp_path / "other").mkdir()
    for file in sent:
        reader.SetFileName(str(file))
        writer.SetFileName(str(tmp_path / "other" / file.name))
        writer.Execute(reader.Execute())
    with associated(service, pydicom.uid.JPEG2000Lossless) as association:
        for file in sent:
            assert association.send_c_store(tmp_path / "other" / file.name).Status == 0
    taken = {pydicom.dcmread(file).SOPInstanceUID: file for file in images(service)}
    for file in sent:
        received = sitk.ReadImage(str(taken[pydicom.dcmread(file).SOPInstanceUID]))
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(received), sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
        )


def test_every_encoding_that_is_accepted_is_known_to_the_reader():
    assert len(set(TRANSFER_SYNTAXES)) == len(TRANSFER_SYNTAXES) == 11
    assert pydicom.uid.HTJ2KLossless not in TRANSFER_SYNTAXES
    assert not any(syntax.is_deflated for syntax in TRANSFER_SYNTAXES)


@pytest.mark.parametrize("asked", [{"calling": "STRANGER"}, {"called": "ELSEWHERE"}])
def test_a_stranger_is_rejected_and_logged(receiving, tmp_path, caplog, asked):
    service = receiving()
    assert "Rejected Permanent" in storescu(service, *series(tmp_path / "sent"), **asked).stderr
    assert service.queue.all() == []
    assert f"“{asked.get('calling', SENDER)}” at 127.0.0.1" in caplog.text
    assert asked.get("called", "[receive] senders") in caplog.text
    assert echoes(service)


def test_a_listed_title_from_another_address_is_rejected(receiving, tmp_path):
    service = receiving(senders=[{"ae_title": SENDER, "address": "127.0.0.2"}])
    assert storescu(service, *series(tmp_path / "sent")).returncode != 0
    assert service.queue.all() == []


def test_a_listed_title_from_its_machines_name_is_served(receiving, tmp_path):
    service = receiving(senders=[{"ae_title": SENDER, "address": "localhost"}])
    assert storescu(service, *series(tmp_path / "sent")).returncode == 0


def test_one_listed_title_does_not_lend_its_address_to_another(receiving, tmp_path):
    here, there = {"ae_title": "ANOTHER", "address": "127.0.0.1"}, {"ae_title": SENDER, "address": "no.such.machine"}
    service = receiving(senders=[here, there])
    assert storescu(service, *series(tmp_path / "sent")).returncode != 0


def test_a_sender_of_other_objects_alone_is_warned_of_each_time_and_what_to_do_is_said(receiving, tmp_path, caplog):
    service = receiving()
    other = series(tmp_path / "mr", SOPClassUID=pydicom.uid.MRImageStorage, Modality="MR")
    for times in (1, 2):
        assert storescu(service, *other, options=["-R"]).returncode != 0
        until(lambda times=times: caplog.text.count("only what is not taken here (MR Image Storage)") == times)
    assert {record.levelname for record in caplog.records if "not taken here" in record.message} == {"WARNING"}
    assert "have it send CT images" in caplog.text
    assert service.queue.all() == []


def test_a_sender_of_ct_that_may_send_more_is_told_of_once_and_is_no_warning(receiving, caplog):
    service, entity = receiving(), AE(SENDER)
    for kind in (CTImageStorage, pydicom.uid.MRImageStorage):
        entity.add_requested_context(kind)
    for _ in range(2):
        association = entity.associate("127.0.0.1", service.port, ae_title=TITLE)
        assert association.is_established
        association.release()
    lines = [record for record in caplog.records if "also offers other kinds" in record.message]
    assert [record.levelname for record in lines] == ["INFO"]


def test_who_only_asks_whether_the_service_is_there_is_not_logged(receiving, caplog):
    assert echoes(receiving())
    assert caplog.text == ""


def test_ct_in_no_encoding_that_is_read_is_said(receiving, caplog):
    service, entity = receiving(), AE(SENDER)
    entity.add_requested_context(CTImageStorage, [pydicom.uid.HTJ2KLossless, "1.2.3.4"])
    assert not entity.associate("127.0.0.1", service.port, ae_title=TITLE).is_established
    until(lambda: "CT images only in encodings that are not read here" in caplog.text)
    assert "Lossless Only" in caplog.text
    assert "1.2.3.4" not in caplog.text


def test_another_kind_of_object_in_disguise_is_refused(receiving, tmp_path, caplog):
    service = receiving()
    (file,) = series(tmp_path / "sent", count=1)
    one = pydicom.dcmread(file)
    one.Modality = "MR"
    with associated(service) as association:
        assert association.send_c_store(one).Status == 0xA900
        one.Modality = "CT"
        assert association.send_c_store(one).Status == 0
    assert "was refused: it is not a CT image" in caplog.text


def test_an_unexpected_error_is_a_status_and_a_line_and_the_service_goes_on(receiving, tmp_path, caplog, monkeypatch):
    service = receiving()
    (file,) = series(tmp_path / "sent", count=1)
    with monkeypatch.context() as patch, associated(service) as association:
        patch.setattr(type(service.inbox), "take", lambda *_: 1 / 0)
        assert association.send_c_store(file).Status == 0x0110
    assert "ZeroDivisionError" in caplog.text
    assert list(service.inbox.arriving.iterdir()) == []
    assert storescu(service, file).returncode == 0


def test_an_image_without_a_place_to_be_kept_may_be_sent_again(receiving, tmp_path, monkeypatch):
    service = receiving()
    (file,) = series(tmp_path / "sent", count=1)
    monkeypatch.setattr(service.inbox, "arriving", tmp_path / "gone")
    with associated(service) as association:
        assert association.send_c_store(file).Status == 0xA700


def large(folder, megabytes):
    one = dicom_slices.plain(count=1)[0]
    dicom_slices.store(one, np.zeros((megabytes * 500, 1000), np.uint16))
    return dicom_slices.write([one], folder)[0]


def test_an_oversized_image_ends_its_association_before_it_has_come(receiving, tmp_path, caplog):
    service = receiving({"image_mb": 1})
    assert storescu(service, large(tmp_path / "large", 40)).returncode != 0
    assert "sent an image of more than 1 MB: its association was ended" in caplog.text
    assert caplog.text.count("more than 1 MB") == 1
    assert service.queue.all() == []
    assert storescu(service, *series(tmp_path / "sent")).returncode == 0


@contextmanager
def offering(service, kind):
    entity = AE(SENDER)
    entity.add_requested_context(kind)
    association = entity.associate("127.0.0.1", service.port, ae_title=TITLE)
    yield association
    association.release()


@pytest.mark.parametrize("kind", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage])
def test_an_enhanced_ct_comes_in_though_it_is_larger_than_an_image_may_be(receiving, kind, caplog):
    service = receiving({"image_mb": 0.001})
    one = enhanced_dicom.enhanced(dicom_slices.plain())
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = kind
    with offering(service, kind) as association:
        assert association.send_c_store(one).Status == 0
    (file,) = images(service)
    assert pydicom.dcmread(file) == one
    assert dicom_series.read(file.parent).values.shape == dicom_slices.SHAPE
    assert "WARNING" not in caplog.text


def test_an_oversized_enhanced_ct_ends_its_association(receiving, caplog):
    service = receiving({"image_mb": 0.001, "enhanced_mb": 0.002})
    one = enhanced_dicom.enhanced(dicom_slices.plain(count=60))
    with offering(service, EnhancedCTImageStorage) as association:
        association.send_c_store(one)
    assert "sent an image of more than 0.002 MB: its association was ended" in caplog.text
    assert service.queue.all() == []


def test_many_images_that_are_small_each_are_no_large_one(receiving, tmp_path):
    service = receiving({"image_mb": 0.01})
    assert storescu(service, *series(tmp_path / "sent", count=30)).returncode == 0
    assert len(images(service)) == 30


def test_more_associations_than_allowed_have_to_come_again(receiving, caplog):
    service = receiving(associations=1)
    with associated(service):
        assert "Rejected Transient" in dcmtk("echoscu", "-aet", SENDER, "-aec", TITLE, "127.0.0.1", service.port).stderr
    until(lambda: echoes(service))
    assert "[receive] associations allows no more than 1 at once" in caplog.text
    assert "does not try again loses what it sent" in caplog.text


def test_titles_cannot_write_into_the_log(receiving, caplog):
    service = receiving()
    for title in ("A\x1b[2J", "A\nB", "“\u202e".encode().decode("latin1")):
        with socket.create_connection(("127.0.0.1", service.port), timeout=archive_cases.PATIENCE) as evil:
            evil.sendall(request(title))
            assert evil.recv(1) != b"\2"
    own = "".join(record.getMessage() for record in caplog.records if record.name.startswith(PACKAGE))
    assert not set(own) & {"\x1b", "\u202e", "\n"}


def test_a_taken_port_is_one_sentence(receiving, make_service):
    service = receiving()
    with pytest.raises(UserError, match=f"cannot listen on port {service.port} of 127.0.0.1"):
        Receiver(service.config.receive, service.config.limits, service.inbox).start()


def test_after_its_end_nothing_listens(receiving, make_service):
    service = make_service(receive={"port": free_port(), "senders": [{"ae_title": SENDER}]})
    receiver = Receiver(service.config.receive, service.config.limits, service.inbox)
    receiver.start()
    service.port = service.config.receive.port
    with socket.create_connection(("127.0.0.1", service.port)):
        receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port))
    receiver.stop()


def test_images_sent_without_waiting_for_answers_are_not_heaped_up(receiving, tmp_path, caplog, monkeypatch):
    service, answer = receiving(), threading.Event()
    monkeypatch.setattr(type(service.inbox), "take", lambda *_: answer.wait(archive_cases.PATIENCE))
    (file,) = series(tmp_path / "sent", count=1)
    one = pydicom.dcmread(file)
    with associated(service) as association:
        for number in range(10):
            message = C_STORE()
            message.MessageID, message.Priority = number + 1, 2
            message.AffectedSOPClassUID, message.AffectedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
            message.DataSet = BytesIO(encode(one, False, True))
            association.dimse.send_msg(message, association.accepted_contexts[0].context_id)
        until(lambda: "images without waiting for answers: its association was ended" in caplog.text)
        answer.set()
        until(lambda: not association.is_established)
    assert echoes(service)


def test_an_association_is_ended_with_the_service(receiving, make_service):
    service = make_service(receive={"port": free_port(), "senders": [{"ae_title": SENDER}]})
    receiver = Receiver(service.config.receive, service.config.limits, service.inbox)
    receiver.start()
    service.port = service.config.receive.port
    with associated(service) as association:
        receiver.stop()
        until(lambda: association.is_aborted)

"""Objects are in the archive once, by whichever way they go, and what went wrong is said without identifiers."""

import socket

import pydicom
import pytest
from support.archive_cases import certificates, free_port
from support.pacs_cases import assert_no_identifiers
from support.pacs_sending import dicom, held, objects, web

from LiverTumorSegLib.apps.pacs import sender
from LiverTumorSegLib.apps.pacs.sender import Unreachable, send_objects
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
__all__ = ["objects"]


@pytest.fixture(params=["C-STORE", "STOW-RS"])
def goal(request, archive):
    """The archive, by either way."""
    return dicom(archive.dicom) if request.param == "C-STORE" else web(archive.web)


def test_objects_are_in_the_archive_as_they_are(archive, goal, objects):
    send_objects(objects, goal)
    for file in objects:
        sent = pydicom.dcmread(file)
        (stored,) = archive.data_sets(sent.Modality)
        assert stored.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        assert stored == sent


def test_what_is_there_is_not_sent_again(archive, goal, objects, monkeypatch):
    send_objects(objects[:1], goal)
    sent = counted(monkeypatch)
    send_objects(objects, goal)
    assert sent == ["SR"]
    assert held(archive) == ["1.2.3.100.1", "1.2.3.101.1"]
    send_objects(objects, goal)
    assert sent == ["SR"]


def counted(monkeypatch):
    """The modality of each object that is really sent from now on."""
    from LiverTumorSegLib.apps.pacs import dicomweb, sender

    sent, c_send, stow = [], sender._send, dicomweb.DicomWeb.store
    monkeypatch.setattr(sender, "_send", lambda link, one: sent.append(one.Modality) or c_send(link, one))
    monkeypatch.setattr(dicomweb.DicomWeb, "store", lambda self, one: sent.append(one.Modality) or stow(self, one))
    return sent


@pytest.mark.parametrize("make", [dicom, lambda port: web(f"http://127.0.0.1:{port}/dicom-web")])
def test_an_archive_that_is_down_may_be_reached_later(objects, make):
    with pytest.raises(Unreachable, match="cannot be connected to") as raised:
        send_objects(objects, make(free_port()))
    assert_no_identifiers(str(raised.value))


@pytest.mark.parametrize("make", [dicom, lambda port, **more: web(f"http://127.0.0.1:{port}", **more)])
def test_an_archive_that_says_nothing_is_given_up(objects, make):
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable):
        send_objects(objects, make(silent.getsockname()[1], timeout_seconds=0.3))


def test_wrong_files_are_said_when_the_service_begins(tmp_path):
    with pytest.raises(UserError, match=r"nowhere cannot be read .*password in its first line"):
        sender.make_archive(web("http://127.0.0.1:1", user="pacs", password_file=tmp_path / "nowhere"))
    tls = certificates(tmp_path / "certificates")
    for make in (lambda tls: dicom(1, tls=tls), lambda tls: web("https://127.0.0.1:1", tls=tls)):
        with pytest.raises(UserError, match=r"nowhere\.pem cannot be read"):
            sender.make_archive(make(tls.model_copy(update={"authorities": tmp_path / "nowhere.pem"})))

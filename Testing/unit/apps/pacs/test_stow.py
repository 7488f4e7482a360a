"""Answers to STOW-RS say what becomes of an object."""

import logging
import socket
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pydicom
import pytest
from support.archive_cases import PATIENCE, certificates, encrypted, running
from support.pacs_cases import PACKAGE, assert_no_identifiers
from support.pacs_sending import held, objects, web

from LiverTumorSegLib.apps.pacs.sender import Rejected, Unreachable, send_objects

pytest.importorskip("dicomweb_client", reason="needs dicomweb-client: pip install livertumorseg[pacs]")
__all__ = ["objects"]


class Answer(BaseHTTPRequestHandler):
    """Says nothing is held, and answers STOW-RS as it is told."""

    def do_GET(self):
        self._say(204, b"")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding"):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored += 1
        self._say(*self.server.says)

    def _say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def stow(status, body=b""):
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.says, server.stored = (status, body), 0
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/dicom-web", server
        server.shutdown()


def failed(reason):
    item = {"00081155": {"vr": "UI", "Value": ["1.2.3.100.1"]}}
    if reason is not None:
        item["00081197"] = {"vr": "US", "Value": [reason]}
    return pydicom.Dataset.from_json({"00081198": {"vr": "SQ", "Value": [item]}}).to_json().encode()


@pytest.mark.parametrize(
    ("status", "reason"), [(409, 0xA700), (202, 0xA700), (409, 0x0110), (409, None), (200, 0xA701)]
)
def test_a_web_archive_that_may_take_it_later_is_tried_again(objects, status, reason):
    with stow(status, failed(reason)) as (url, _), pytest.raises(Unreachable, match="does not store a SEG") as raised:
        send_objects(objects, web(url))
    assert_no_identifiers(str(raised.value))


@pytest.mark.parametrize(("status", "reason"), [(409, 0xA900), (202, 0xC000), (409, 0x0122)])
def test_what_a_web_archive_refuses_does_not_keep_the_other_object_from_it(objects, status, reason):
    with stow(status, failed(reason)) as (url, server), pytest.raises(Rejected, match="does not store a SEG"):
        send_objects(objects, web(url))
    assert server.stored == 2


@pytest.mark.parametrize(("status", "body"), [(409, failed(0x0111)), (200, b""), (200, b"{}")])
def test_what_a_web_archive_has_or_says_nothing_against_is_sent(objects, status, body):
    with stow(status, body) as (url, server):
        send_objects(objects, web(url))
    assert server.stored == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", Unreachable),
        (403, b"", Unreachable),
        (404, b"", Unreachable),
        (429, b"", Unreachable),
        (500, b"", Unreachable),
        (503, b"", Unreachable),
        (599, b"", Unreachable),
        (400, b"", Rejected),
        (413, b"", Rejected),
        (415, b"", Rejected),
        (409, b"no JSON", Unreachable),
        (200, b"[1]", Unreachable),
    ],
)
def test_answers_of_http_say_whether_it_may_pass(objects, status, body, error):
    with stow(status, body) as (url, server), pytest.raises(error) as raised:
        send_objects(objects, web(url))
    assert server.stored == (2 if error is Rejected else 1)
    assert_no_identifiers(str(raised.value))


def test_a_warning_of_a_web_archive_is_logged(objects, caplog):
    caplog.set_level(logging.WARNING, PACKAGE)
    item = {"00081155": {"vr": "UI", "Value": ["1.2.3.100.1"]}, "00081196": {"vr": "US", "Value": [0xB000]}}
    body = pydicom.Dataset.from_json({"00081199": {"vr": "SQ", "Value": [item]}}).to_json().encode()
    with stow(202, body) as (url, _):
        send_objects(objects, web(url))
    assert caplog.text.count("with a warning (status B000)") == 2


def test_encrypted_stow(tmp_path, archive, objects):
    tls = certificates(tmp_path / "certificates", "archive")
    with encrypted(archive.http, tls) as port:
        url = f"https://127.0.0.1:{port}/dicom-web"
        for wrong in (None, certificates(tmp_path / "others", "stranger")):
            with pytest.raises(Unreachable, match="certificates"):
                send_objects(objects, web(url, tls=wrong))
        send_objects(objects, web(url, tls=certificates(tmp_path / "certificates", "pacs")))
    assert len(held(archive)) == 2


def test_a_web_archive_asks_for_its_user_and_password(tmp_path, objects):
    secret = tmp_path / "password"
    with running(tmp_path / "orthanc", password=("pacs", "séance 1")) as archive:
        secret.write_text("wrong\n", encoding="utf-8")
        with pytest.raises(Unreachable, match="401.*the password"):
            send_objects(objects, web(archive.web, user="pacs", password_file=secret))
        secret.write_text("séance 1\n", encoding="utf-8")
        send_objects(objects, web(archive.web, user="pacs", password_file=secret))
        assert len(held(archive)) == 2


def test_settings_of_whoever_starts_the_service_change_nothing(archive, objects, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as elsewhere:
        elsewhere.settimeout(PATIENCE)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{elsewhere.getsockname()[1]}")
        send_objects(objects, web(archive.web, timeout_seconds=5))
    assert len(held(archive)) == 2

"""Against a real server on this machine that misbehaves as told."""

import hashlib
import http.server
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, job
from LiverTumorSegLib.models import download
from LiverTumorSegLib.models.download import check_address, fetch

CONTENT = bytes(range(256)) * 4000
HALF = len(CONTENT) // 2


@dataclass
class Manner:
    """How the server behaves, and what it was asked.

    Args:
        content: what it has.
        cuts: after how many bytes it drops a connection, one after another.
        ranges: whether it knows ranges.
        shift: by how much a piece begins later than it was asked for.
        redirect: where it sends everybody.
        pause: seconds between single bytes.
        told: length that it states, None for the right one.
    """

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    shift: int = 0
    redirect: str = ""
    pause: float = 0
    told: int | None = None
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def manner():
    return Manner()


@pytest.fixture
def address(manner):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer(self, manner)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/model.zip"
        server.shutdown()


def answer(handler, manner):
    asked = handler.headers.get("Range")
    manner.asked.append(asked)
    handler.close_connection = True
    if manner.redirect:
        handler.send_response(302)
        handler.send_header("Location", manner.redirect)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = int(asked[6:-1]) if asked and manner.ranges else 0
    if asked and manner.ranges and start >= len(manner.content):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(manner.content)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    body = manner.content[start + (manner.shift if start else 0) :]
    handler.send_response(206 if asked and manner.ranges else 200)
    handler.send_header("Content-Length", str(len(body) if manner.told is None else manner.told))
    if asked and manner.ranges:
        handler.send_header("Content-Range", f"bytes {start + manner.shift}-{len(manner.content) - 1}/*")
    handler.end_headers()
    send(handler, body, manner)


def send(handler, body, manner):
    if manner.cuts:
        body = body[: manner.cuts.pop(0)]
    try:
        for place in range(0, len(body), 1 if manner.pause else len(body)):
            handler.wfile.write(body[place : place + (1 if manner.pause else len(body))])
            handler.wfile.flush()
            time.sleep(manner.pause)
        handler.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # whoever asked has gone


def test_a_file_comes_in_one_piece(address, manner, tmp_path):
    told = []
    assert not fetch(address, tmp_path / "part", job(lambda f, s: told.append(f), None))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert manner.asked == [None]
    assert told == sorted(told)
    assert told[-1] == 1


def test_connections_that_break_are_made_again_from_where_they_broke(address, manner, tmp_path):
    manner.cuts = [1000, 2000]
    assert fetch(address, tmp_path / "part", job(None, None))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert manner.asked == [None, "bytes=1000-", "bytes=3000-"]


def test_what_breaks_again_and_again_is_an_error_and_what_came_stays(address, manner, tmp_path):
    manner.cuts = [100] * 20
    with pytest.raises(UserError, match=r"cannot be downloaded \(.*\): check the address and the connection\.$"):
        fetch(address, tmp_path / "part", job(None, None))
    assert 0 < (tmp_path / "part").stat().st_size < 1000
    manner.cuts = []
    assert fetch(address, tmp_path / "part", job(None, None))
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize("change", [{"ranges": False}, {"shift": 7}], ids=str)
def test_a_server_that_gives_another_piece_is_asked_for_all(address, manner, tmp_path, change):
    (tmp_path / "part").write_bytes(CONTENT[:HALF])
    for name, value in change.items():
        setattr(manner, name, value)
    fetch(address, tmp_path / "part", job(None, None))
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize("before", [CONTENT, CONTENT + b"more"], ids=["whole", "longer"])
def test_a_server_without_more_to_give_is_believed_where_the_size_is_its_own(address, manner, tmp_path, before):
    (tmp_path / "part").write_bytes(before)
    fetch(address, tmp_path / "part", job(None, None))
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_length_that_is_none_of_the_file_is_not_taken_for_it(address, manner, tmp_path):
    manner.told = len(CONTENT) + 5
    assert fetch(address, tmp_path / "part", job(None, None))
    assert manner.asked == [None, f"bytes={len(CONTENT)}-"]  # of which there are none
    assert (tmp_path / "part").read_bytes() == CONTENT
    manner.told = HALF
    (tmp_path / "part").unlink()
    fetch(address, tmp_path / "part", job(None, None))
    assert (tmp_path / "part").read_bytes() == CONTENT[:HALF]  # which its checksum then tells


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://example.org/m.zip", "gopher://x"])
def test_a_redirect_leads_nowhere_else(address, manner, tmp_path, to):
    manner.redirect = to
    with pytest.raises(UserError):
        fetch(address, tmp_path / "part", job(None, None))
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("url", ["http://example.org/", "file:///x", "ftp://x/", "https://", "https://[", "", "x"])
def test_other_addresses_are_refused(url):
    with pytest.raises(UserError, match="is not an address that starts with https"):
        check_address(url)


def test_https_never_becomes_http():
    with pytest.raises(UserError):
        check_address("http://127.0.0.1/", here=False)


def test_who_sends_a_byte_now_and_then_is_not_waited_for(address, manner, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_PATIENCE_S", 0.3)
    manner.pause = 0.01
    with pytest.raises(UserError, match="less than 1 kB come a second"):
        fetch(address, tmp_path / "part", job(None, None))


def test_who_says_nothing_is_not_waited_for(manner, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(UserError, match="timed out"):
            fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/", tmp_path / "part", job(None, None))


def test_a_file_larger_than_any_model_is_not_brought_to_its_end(address, manner, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST_DOWNLOAD", 1000)
    with pytest.raises(UserError, match="more than a model is"):
        fetch(address, tmp_path / "part", job(None, None))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_an_error_in_words(address, tmp_path):
    (tmp_path / "part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"cannot be written to \(No space left on device\): free some space"):
        fetch(address, tmp_path / "part", job(None, None))


def test_it_can_be_cancelled_in_the_middle(address, manner, tmp_path):
    token = CancelToken()
    with pytest.raises(Cancelled):
        fetch(address, tmp_path / "part", job(lambda *_: token.cancel(), token))
    assert hashlib.sha256((tmp_path / "part").read_bytes()).digest() != hashlib.sha256(CONTENT).digest()

"""A connection that sends no DICOM, or stops in its middle, is given up and held in no memory."""

import os
import socket

import pytest
from support import archive_cases
from support.pacs_cases import make_service

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from support.pacs_receiving import echoes, receiving, request

__all__ = ["make_service", "receiving"]


NOISE = {
    "words": b"GET / HTTP/1.1\r\n\r\n",
    "random bytes": os.urandom(5000),
    "nothing": b"",
    "half a header": b"\1\0\0",
    "a request that says it has 4 GB": b"\1\0\xff\xff\xff\xff" + bytes(100_000),
    "half a request": request()[:40],
    "a request and noise": request() + os.urandom(5000),
    "a request and data that say they have 4 GB": request() + b"\4\0\xff\xff\xff\xff" + bytes(100_000),
    "a request and an end": request() + b"\5\0\0\0\0\4\0\0\0\0",
    "data before a request": b"\4\0\0\0\0\12\0\0\0\6\1\3\0\0\0\0",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # pynetdicom's own
@pytest.mark.parametrize("name", NOISE)
def test_noise_on_the_port_harms_nobody(receiving, name):
    service = receiving()
    with socket.create_connection(("127.0.0.1", service.port)) as noise:
        noise.sendall(NOISE[name])
        assert echoes(service)
        assert service.queue.all() == []


@pytest.mark.parametrize("head", [b"\1\0\xff\xff\xff\xff", request() + b"\4\0\xff\xff\xff\xff"])
def test_a_pdu_longer_than_any_honest_one_ends_the_connection_at_once(receiving, head):
    service = receiving()
    with socket.create_connection(("127.0.0.1", service.port), timeout=archive_cases.PATIENCE) as noise:
        noise.sendall(head)
        while noise.recv(4096):
            pass


def test_a_connection_that_stops_in_the_middle_of_an_image_is_given_up(receiving, monkeypatch):
    from LiverTumorSegLib.apps.pacs import receiver

    monkeypatch.setattr(receiver, "SILENT_SECONDS", 0.3)
    service = receiving()
    with socket.create_connection(("127.0.0.1", service.port), timeout=archive_cases.PATIENCE) as half:
        half.sendall(request() + b"\4\0\0\0\1\0half a PDU")
        while half.recv(4096):
            pass
    assert echoes(service)

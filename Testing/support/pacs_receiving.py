"""A receiver for tests, and what sends to it: dcmtk, pynetdicom, and bytes that a test makes up."""

import logging
import struct
from contextlib import contextmanager

import pynetdicom
import pytest
from pydicom.uid import CTImageStorage

from LiverTumorSegLib.apps.pacs.receiver import TRANSFER_SYNTAXES, Receiver
from support.archive_cases import free_port
from support.pacs_cases import PACKAGE, dcmtk

SENDER, TITLE = "SCANNER", "LIVERTUMORSEG"


@pytest.fixture
def receiving(make_service, caplog):
    """Start a receiver that runs until the test ends, of ``[limits]`` and what ``[receive]`` says."""
    caplog.set_level(logging.INFO, PACKAGE)
    running = []

    def start(limits=None, **receive):
        asked = {"port": free_port(), "senders": [{"ae_title": SENDER}], "quiet_seconds": 1000} | receive
        service = make_service(receive=asked, limits=limits or {})
        receiver = Receiver(service.config.receive, service.config.limits, service.inbox)
        receiver.start()
        running.append(receiver)
        service.port, service.receiver = service.config.receive.port, receiver
        return service

    yield start
    for receiver in running:
        receiver.stop()


def storescu(service, *files, calling=SENDER, called=TITLE, options=()):
    """Send files with dcmtk."""
    return dcmtk("storescu", "-aet", calling, "-aec", called, *options, "127.0.0.1", service.port, *files)


def echoes(service):
    """Whether the service still answers."""
    return dcmtk("echoscu", "-aet", SENDER, "-aec", TITLE, "127.0.0.1", service.port).returncode == 0


@contextmanager
def associated(service, *syntaxes):
    """An association of pynetdicom's own client, which aborts nothing when a status is bad."""
    entity = pynetdicom.AE(SENDER)
    entity.add_requested_context(CTImageStorage, list(syntaxes or TRANSFER_SYNTAXES[:1]))
    association = entity.associate("127.0.0.1", service.port, ae_title=TITLE)
    assert association.is_established
    yield association
    association.release()


def request(title=SENDER):
    """An A-ASSOCIATE-RQ of verification alone (PS3.8 section 9.3.2), as bytes."""

    def item(kind, content):
        return struct.pack(">BxH", kind, len(content)) + content

    syntax = item(0x30, b"1.2.840.10008.1.1") + item(0x40, b"1.2.840.10008.1.2")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, b"\1\0\0\0" + syntax)
    items += item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    head = struct.pack(">H2x", 1) + TITLE.encode().ljust(16) + title.encode("latin1").ljust(16) + bytes(32)
    return struct.pack(">BxI", 1, len(head + items)) + head + items

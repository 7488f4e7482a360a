"""A receiver for tests, and what sends to it: dcmtk, pynetdicom, and bytes that a test makes up."""

import logging
import struct
from contextlib import contextmanager

import pynetdicom
import pytest
from archive_cases import free_port
from node_cases import PACKAGE, dcmtk
from pydicom.uid import CTImageStorage

from LiverTumorSegLib.node.receiver import TRANSFER_SYNTAXES, Receiver

SENDER, TITLE = "SCANNER", "LIVERTUMORSEG"


@pytest.fixture
def receiving(make_node, caplog):
    """Start a receiver that runs until the test ends, of ``[limits]`` and what ``[receive]`` says."""
    caplog.set_level(logging.INFO, PACKAGE)
    running = []

    def start(limits=None, **receive):
        asked = {"port": free_port(), "senders": [{"ae_title": SENDER}], "quiet_seconds": 1000} | receive
        node = make_node(receive=asked, limits=limits or {})
        receiver = Receiver(node.config.receive, node.config.limits, node.inbox)
        receiver.start()
        running.append(receiver)
        node.port, node.receiver = node.config.receive.port, receiver
        return node

    yield start
    for receiver in running:
        receiver.stop()


def storescu(node, *files, calling=SENDER, called=TITLE, options=()):
    """Send files with dcmtk."""
    return dcmtk("storescu", "-aet", calling, "-aec", called, *options, "127.0.0.1", node.port, *files)


def echoes(node):
    """Whether the node still answers."""
    return dcmtk("echoscu", "-aet", SENDER, "-aec", TITLE, "127.0.0.1", node.port).returncode == 0


@contextmanager
def associated(node, *syntaxes):
    """An association of pynetdicom's own client, which aborts nothing when a status is bad."""
    entity = pynetdicom.AE(SENDER)
    entity.add_requested_context(CTImageStorage, list(syntaxes or TRANSFER_SYNTAXES[:1]))
    association = entity.associate("127.0.0.1", node.port, ae_title=TITLE)
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

"""Whoever connects and says nothing, or cannot show a certificate, harms nobody."""

import socket
import ssl
from contextlib import ExitStack

import archive_cases
import pytest
from archive_cases import certificates
from node_cases import dcmtk, images, make_node, series, until

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[node]")
from node_receiving import SENDER, TITLE, associated, echoes, receiving, storescu

__all__ = ["make_node", "receiving"]


def test_connections_that_say_nothing_are_closed_when_they_are_too_many(receiving):
    node = receiving(associations=1)
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(8)]
    closed = silent[-1]
    closed.settimeout(archive_cases.PATIENCE)
    assert closed.recv(1) == b""
    for one in silent:
        one.close()
    until(lambda: echoes(node))


def test_connections_that_say_nothing_take_no_association_from_others(receiving):
    """More of them than pynetdicom serves at once by itself, which is ten."""
    node = receiving(associations=5)
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(12)]
    until(lambda: len(node.receiver._listener.active_associations) == 12)
    assert echoes(node)
    for one in silent:
        one.close()


def test_more_associations_than_ten_may_be_allowed(receiving):
    node = receiving(associations=12)
    with ExitStack() as open_ones:
        for _ in range(12):
            open_ones.enter_context(associated(node))


@pytest.fixture
def tls(tmp_path):
    return certificates(tmp_path / "certificates")


def over_tls(tls):
    return ["+tls", tls.key, tls.certificate, "+cf", tls.authorities]


def test_a_certificate_of_the_authority_is_let_in(receiving, tmp_path, tls):
    node = receiving(tls=tls)
    scanner = certificates(tmp_path / "certificates", "scanner")
    assert storescu(node, *series(tmp_path / "sent"), options=over_tls(scanner)).returncode == 0
    assert len(images(node)) == 3


def test_no_certificate_or_one_of_others_is_not_let_in(receiving, tmp_path, tls, caplog):
    node = receiving(tls=tls)
    stranger = certificates(tmp_path / "others", "stranger")
    trusting = ["+tls", stranger.key, stranger.certificate, "+cf", tls.authorities]
    for options in (["+tla", "+cf", tls.authorities], trusting, []):
        assert storescu(node, *series(tmp_path / "sent"), options=options).returncode != 0
    assert node.queue.all() == []
    until(lambda: caplog.text.count("a connection from 127.0.0.1 was refused") == 3)
    assert storescu(node, *series(tmp_path / "sent"), options=over_tls(tls)).returncode == 0


def test_a_handshake_that_never_ends_holds_up_nobody(receiving, tls):
    node = receiving(tls=tls)
    with socket.create_connection(("127.0.0.1", node.port)) as silent:
        silent.sendall(b"\x16\x03\x01")
        assert dcmtk("echoscu", "-aet", SENDER, *over_tls(tls), "127.0.0.1", node.port, "-aec", TITLE).returncode == 0


def test_old_versions_of_tls_are_refused(receiving, tls):
    node = receiving(tls=tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.authorities)
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", node.port)) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="127.0.0.1")

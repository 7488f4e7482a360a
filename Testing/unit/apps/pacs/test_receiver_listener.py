"""Whoever connects and says nothing, or cannot show a certificate, harms nobody."""

import socket
import ssl
from contextlib import ExitStack

import pytest
from support import archive_cases
from support.archive_cases import certificates
from support.pacs_cases import dcmtk, images, make_service, series, until

pytest.importorskip("pynetdicom", reason="needs pynetdicom: pip install livertumorseg[pacs]")
from support.pacs_receiving import SENDER, TITLE, associated, echoes, receiving, request, storescu

from LiverTumorSegLib.apps.pacs import receiver
from LiverTumorSegLib.core.sparse_log import MOST

__all__ = ["make_service", "receiving"]


THERE = "127.0.0.2"


def connected(service, stack, here="127.0.0.1", count=1):
    """Connections that say nothing, from an address of this machine."""
    made = [(("127.0.0.1", service.port), archive_cases.PATIENCE, (here, 0)) for _ in range(count)]
    return [stack.enter_context(socket.create_connection(*each)) for each in made]


@pytest.fixture
def there():
    """Another address of this machine, which macOS has not."""
    try:
        with socket.socket() as tried:
            tried.bind((THERE, 0))
    except OSError:
        pytest.skip(f"this machine has no {THERE}")
    return THERE


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Lets no connection end for being silent, however slow this machine is now."""
    monkeypatch.setattr(receiver, "_REQUEST_SECONDS", 600)


def is_served(connection):
    """Whether an association that is asked for is accepted."""
    connection.sendall(request())
    return connection.recv(1) == b"\2"


def test_connections_that_say_nothing_are_closed_when_they_are_too_many_and_keep_no_sender_out(receiving):
    service = receiving()
    with ExitStack() as stack:
        silent = connected(service, stack, count=31)
        assert all(is_served(*connected(service, stack)) for _ in range(2))
        assert silent[0].recv(1) == b""
        assert echoes(service)


def test_those_of_one_address_end_none_of_another(receiving, there):
    service = receiving(associations=5)
    with ExitStack() as stack:
        (slow,) = connected(service, stack)
        noise = connected(service, stack, there, 16)
        assert noise[0].recv(1) == b""
        assert is_served(slow)


def test_where_they_are_too_many_the_address_with_most_of_them_makes_room(receiving, there):
    service = receiving(associations=1)
    with ExitStack() as stack:
        (slow,) = connected(service, stack)
        for number in range(3, 11):
            connected(service, stack, f"127.0.0.{number}")
        noise = connected(service, stack, there, 3)
        connected(service, stack, "127.0.0.11")
        assert noise[0].recv(1) == b""
        assert is_served(slow)


def test_associations_that_are_served_are_not_ended_for_others(receiving, tmp_path):
    service = receiving(associations=3)
    (file,) = series(tmp_path / "sent", count=1)
    with associated(service) as association, ExitStack() as stack:
        silent = connected(service, stack, count=20)
        assert silent[0].recv(1) == b""
        assert association.send_c_store(file).Status == 0


def test_an_address_of_no_sender_is_refused_before_it_says_a_word(receiving, there, caplog):
    service = receiving(senders=[{"ae_title": SENDER, "address": there}])
    with ExitStack() as stack:
        (stranger,) = connected(service, stack)
        assert stranger.recv(1) == b""
        assert is_served(*connected(service, stack, there))
    assert "a connection from 127.0.0.1 was refused (no sender is listed at this address)" in caplog.text


def test_where_one_sender_has_no_address_all_may_ask(receiving):
    service = receiving(senders=[{"ae_title": "ANOTHER", "address": "192.0.2.1"}, {"ae_title": SENDER}])
    assert echoes(service)


def test_noise_does_not_fill_the_log(receiving, caplog):
    service = receiving(senders=[{"ae_title": SENDER, "address": "192.0.2.1"}])
    for _ in range(3 * MOST):
        with ExitStack() as stack:
            (stranger,) = connected(service, stack)
            assert stranger.recv(1) == b""
    until(lambda: "left out for a minute" in caplog.text and caplog.text.count("was refused") >= MOST)
    assert caplog.text.count("was refused") == MOST


def test_more_associations_than_ten_may_be_allowed(receiving):
    service = receiving(associations=12)
    with ExitStack() as open_ones:
        for _ in range(12):
            open_ones.enter_context(associated(service))


@pytest.fixture
def tls(tmp_path):
    return certificates(tmp_path / "certificates")


def over_tls(tls):
    return ["+tls", tls.key, tls.certificate, "+cf", tls.authorities]


def test_a_certificate_of_the_authority_is_let_in(receiving, tmp_path, tls):
    service = receiving(tls=tls)
    scanner = certificates(tmp_path / "certificates", "scanner")
    assert storescu(service, *series(tmp_path / "sent"), options=over_tls(scanner)).returncode == 0
    assert len(images(service)) == 3


def test_no_certificate_or_one_of_others_is_not_let_in(receiving, tmp_path, tls, caplog):
    service = receiving(tls=tls)
    stranger = certificates(tmp_path / "others", "stranger")
    trusting = ["+tls", stranger.key, stranger.certificate, "+cf", tls.authorities]
    for options in (["+tla", "+cf", tls.authorities], trusting, []):
        assert storescu(service, *series(tmp_path / "sent"), options=options).returncode != 0
    assert service.queue.all() == []
    until(lambda: caplog.text.count("a connection from 127.0.0.1 was refused") == 3)
    assert storescu(service, *series(tmp_path / "sent"), options=over_tls(tls)).returncode == 0


def test_a_handshake_that_never_ends_holds_up_nobody(receiving, tls):
    service = receiving(tls=tls)
    with ExitStack() as stack:
        for silent in connected(service, stack, count=31):
            silent.sendall(b"\x16\x03\x01")
        asked = dcmtk("echoscu", "-aet", SENDER, *over_tls(tls), "127.0.0.1", service.port, "-aec", TITLE)
        assert asked.returncode == 0


def test_old_versions_of_tls_are_refused(receiving, tls):
    service = receiving(tls=tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.authorities)
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", service.port)) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="127.0.0.1")

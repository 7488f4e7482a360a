"""Who may connect and send, of those that the configuration lists."""

import socket

import pytest

from LiverTumorSegLib.apps.pacs.allowed_senders import Senders, parsed
from LiverTumorSegLib.apps.pacs.config import Sender

HERE = Sender(ae_title="HERE", address="127.0.0.1")
THERE = Sender(ae_title="THERE", address="there.example")
ANYWHERE = Sender(ae_title="ANYWHERE")


@pytest.fixture
def names(monkeypatch):
    """A name server: addresses by name, and the names that it was asked for."""
    known, asked = {"there.example": "192.0.2.7"}, []
    ask = socket.getaddrinfo

    def answer(host, *rest, **options):
        asked.append(host)
        if host.endswith(".example") and host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return ask(known.get(host, host), *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known, asked


def test_where_all_have_an_address_nobody_connects_from_another(names):
    senders = Senders([HERE, THERE])
    assert [senders.may_connect(each) for each in ("127.0.0.1", "192.0.2.7", "::ffff:192.0.2.7")] == [True] * 3
    assert not senders.may_connect("192.0.2.8")
    assert not senders.may_connect("fe80::1%eth0")


def test_where_one_has_none_all_may_connect_and_its_title_alone_may_send():
    senders = Senders([HERE, ANYWHERE])
    assert senders.may_connect("192.0.2.8")
    assert senders.may_send("ANYWHERE", "192.0.2.8")
    assert not senders.may_send("HERE", "192.0.2.8")
    assert senders.may_send("HERE", "127.0.0.1")


def test_a_name_is_asked_for_once_in_a_while_however_many_connect(names):
    senders = Senders([THERE])
    assert not any(senders.may_connect("192.0.2.8") for _ in range(100))
    assert names[1] == ["there.example"]


def test_a_name_that_moves_is_followed_and_one_that_is_not_found_for_a_while_stays(names):
    senders, (known, _) = Senders([THERE], known_seconds=-1), names
    known["there.example"] = "192.0.2.9"
    assert [senders.may_connect(each) for each in ("192.0.2.7", "192.0.2.9")] == [False, True]
    del known["there.example"]
    assert senders.may_connect("192.0.2.9")


def test_a_name_that_was_never_found_lets_nobody_in(names):
    assert not Senders([Sender(ae_title="A", address="no.example")]).may_connect("192.0.2.7")


def test_an_address_of_version_4_is_one_however_it_is_written():
    assert parsed("::ffff:127.0.0.1") == parsed("127.0.0.1")

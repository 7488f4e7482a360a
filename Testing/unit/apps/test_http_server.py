import ipaddress
import re
import socket

import pytest

from LiverTumorSegLib.apps.http_server import listen, tunnel_command
from LiverTumorSegLib.core.errors import UserError

EVERYWHERE = str(ipaddress.IPv4Address(0))


@pytest.fixture
def opened():
    """Closes what a test listens on."""
    kept = []
    yield lambda *arguments, **options: kept.append(listen(*arguments, **options)) or kept[-1]
    for listening in kept:
        for each in listening.sockets:
            each.close()


def test_without_a_choice_only_this_machine_can_connect(opened):
    listening = opened()
    places = [each.getsockname()[:2] for each in listening.sockets]
    assert places == [("127.0.0.1", listening.port), ("::1", listening.port)][: len(places)]
    assert (listening.warning, listening.is_remote, listening.is_everywhere) == ("", False, False)
    with socket.create_connection(("127.0.0.1", listening.port), timeout=10):
        pass


def test_each_run_has_a_name_of_its_own(opened):
    names = {opened().name for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"[0-9a-f]{20}\.localhost", name) for name in names)
    listening = opened()
    assert listening.address("abc") == f"http://{listening.name}:{listening.port}/?token=abc"


@pytest.fixture
def squatted():
    """A port of the second address that browsers look for such a name at, which another account has."""
    try:
        squatter = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with squatter:
        yield squatter.getsockname()[1]


def test_a_port_that_another_has_at_the_other_loopback_address_is_not_used(opened, squatted, monkeypatch):
    """Browsers ask there first, so that the token would be the other's."""
    with pytest.raises(UserError, match=rf"^Port {squatted} of ::1 is taken: give another with --port"):
        listen(port=squatted)
    with socket.create_server(("127.0.0.1", squatted)):
        pass  # it was closed
    create, first = socket.create_server, iter([squatted])

    def as_it_happens(address, **options):
        return create((address[0], address[1] or next(first, 0)), **options)

    monkeypatch.setattr(socket, "create_server", as_it_happens)
    listening = opened()
    assert listening.port != squatted
    assert len(listening.sockets) == 2


def test_a_port_is_kept_and_one_that_is_taken_is_named(opened):
    port = opened().port
    with pytest.raises(UserError, match=rf"^Port {port} of 127\.0\.0\.1 is taken: give another with --port"):
        listen(port=port)


def test_a_port_that_cannot_be_is_named():
    with pytest.raises(UserError, match="Port 70000 of localhost cannot be opened"):
        listen("localhost", 70000)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.7"])
def test_other_machines_are_let_in_only_when_told_and_the_refusal_says_what_it_means_and_what_is_safer(host):
    with pytest.raises(UserError) as refused:
        listen(host, 8123)
    sentence = str(refused.value)
    for words in (f"--host {host}", "patients' images", "unencrypted", tunnel_command(8123), "--allow-remote"):
        assert words in sentence
    assert sentence.count(".") - tunnel_command(8123).count(".") - host.count(".") == 1


def test_the_tunnel_leads_from_the_same_port_to_this_machine():
    assert tunnel_command(8123) == f"ssh -N -L 8123:127.0.0.1:8123 {socket.gethostname()}"


def test_the_refusal_gives_a_port_where_none_was_chosen():
    with pytest.raises(UserError, match="--port 8765 .* 8765:127.0.0.1:8765"):
        listen(EVERYWHERE)


def test_all_addresses_are_listened_on_when_told_and_the_machine_is_named(opened):
    listening = opened(EVERYWHERE, allow_remote=True)
    name = socket.gethostname().lower()
    assert listening.address("abc") == f"http://{name}:{listening.port}/?token=abc"
    assert (listening.name, listening.is_remote, listening.is_everywhere) == (name, True, True)
    assert "unencrypted" in listening.warning


def test_names_of_this_machine_alone_need_no_leave_and_a_warning_says_what_they_share(opened):
    listening = opened("LocalHost")
    assert listening.address("abc").startswith("http://127.0.0.1:")
    assert not listening.is_remote
    assert "give the cookie that lets in to every program that they visit at 127.0.0.1" in listening.warning


def test_an_address_of_version_6_is_printed_in_brackets(opened):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    listening = opened("::1")
    assert listening.address("abc") == f"http://[::1]:{listening.port}/?token=abc"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "", "a" * 70])
def test_a_host_that_is_not_known_is_named(host):
    with pytest.raises(UserError, match=f"^The host “{host}” is not known here"):
        listen(host, allow_remote=True)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(UserError, match=r"^The host “192\.0\.2\.7” is not this machine"):
        listen("192.0.2.7", allow_remote=True)

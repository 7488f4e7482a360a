import ipaddress
import socket

import pytest

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.serving.listening import LOOPBACK, listen, tunnel

EVERYWHERE = str(ipaddress.IPv4Address(0))


@pytest.fixture
def opened():
    """Closes what a test listens on."""
    kept = []
    yield lambda *arguments, **options: kept.append(listen(*arguments, **options)) or kept[-1]
    for listening in kept:
        listening.socket.close()


def test_without_a_choice_only_this_machine_can_connect(opened):
    listening = opened()
    assert listening.socket.getsockname() == ("127.0.0.1", listening.port)
    assert listening.address("abc") == f"http://127.0.0.1:{listening.port}/?token=abc"
    assert (listening.names, listening.warning) == (LOOPBACK, "")
    with socket.create_connection(("127.0.0.1", listening.port), timeout=10):
        pass


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
    for words in (f"--host {host}", "patients' images", "unencrypted", tunnel(8123), "--allow-remote"):
        assert words in sentence
    assert sentence.count(".") - tunnel(8123).count(".") - host.count(".") == 1


def test_the_tunnel_leads_from_the_same_port_to_this_machine():
    assert tunnel(8123) == f"ssh -N -L 8123:127.0.0.1:8123 {socket.gethostname()}"


def test_the_refusal_gives_a_port_where_none_was_chosen():
    with pytest.raises(UserError, match="--port 8765 .* 8765:127.0.0.1:8765"):
        listen(EVERYWHERE)


def test_all_addresses_are_listened_on_when_told_and_the_machine_is_named(opened):
    listening = opened(EVERYWHERE, allow_remote=True)
    name = socket.gethostname().lower()
    assert listening.address("abc") == f"http://{name}:{listening.port}/?token=abc"
    assert listening.names == LOOPBACK | {name}
    assert "unencrypted" in listening.warning


def test_names_of_this_machine_alone_need_no_leave(opened):
    assert opened("LocalHost").address("abc").startswith("http://127.0.0.1:")


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

"""Who gets in at a running `livertumorseg web`, asked as no browser would."""

import http.client
from urllib.parse import urlsplit

import psutil
import pytest
from support import web_cases
from support.waiting import PATIENCE
from support.web_cases import UPGRADE


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    web_cases.need_packages()
    with web_cases.serving(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def cookie(site):
    answer = ask(site, urlsplit(site.address).query)
    assert answer.status == 303
    assert "token" not in answer.getheader("Location")
    return answer.getheader("Set-Cookie").partition(";")[0]


@pytest.fixture(scope="module")
def session(site, cookie):
    """Path of a session's page."""
    return ask(site, Cookie=cookie).getheader("Location")


def ask(site, query="", path="/", port=None, **headers):
    at = urlsplit(site.address)
    connection = http.client.HTTPConnection("127.0.0.1", port or at.port, timeout=PATIENCE)
    connection.request("GET", f"{path}?{query}" if query else path, headers={"Host": at.netloc} | headers)
    answer = connection.getresponse()
    connection.close()
    return answer


def socket(site, session, **headers):
    return ask(site, path=session.replace("index.html", "ws"), **UPGRADE, **headers).status


def test_the_address_as_printed_lets_in(site, cookie, session):
    assert ask(site, path=session, Cookie=cookie).status == 200
    assert socket(site, session, Cookie=cookie, Origin=site.origin) == 101


@pytest.mark.parametrize("query", ["", "token=", "token=wrong"])
def test_without_the_token_nobody_gets_in(site, session, query):
    assert ask(site, query).status == 403
    assert ask(site, query, path=session).status == 403


def test_a_cookie_of_another_server_does_not_let_in(site, cookie, session):
    name, _, value = cookie.partition("=")
    for other in (f"{name}={value[::-1]}", f"livertumorseg-00000000={value}"):
        assert ask(site, Cookie=other).status == 403
        assert ask(site, path=session, Cookie=other).status == 403


def test_another_name_for_this_machine_does_not_let_in(site, cookie, session):
    at = urlsplit(site.address)
    own = f"127.0.0.1:{at.port}", f"localhost:{at.port}", f"other.localhost:{at.port}"
    for name in (*own, "evil.example", f"{at.hostname}.evil.example", f"evil.example:{at.port}", f"a@{at.netloc}"):
        assert ask(site, urlsplit(site.address).query, Host=name).status == 403
        assert ask(site, path=session, Cookie=cookie, Host=name).status == 403


def test_pages_of_others_get_no_websocket(site, cookie, session):
    for origin in ("http://evil.example", "null", f"{site.origin}.evil.example", "http://127.0.0.1:1"):
        assert socket(site, session, Cookie=cookie, Origin=origin) == 403


def test_a_session_s_own_port_answers_the_front_alone(site, cookie, session):
    """Other users of the machine can connect to it, too."""
    pages = psutil.Process(site.process.pid).children(recursive=True)
    found = [link for page in pages for link in page.net_connections("tcp") if link.status == psutil.CONN_LISTEN]
    assert found
    for link in found:
        assert link.laddr.ip == "127.0.0.1"
        assert ask(site, path="/index.html", port=link.laddr.port, Cookie=cookie).status == 403

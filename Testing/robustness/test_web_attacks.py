"""Attacks on a running `livertumorseg web`: from another account, from a page elsewhere, with a file."""

import gzip
import http.client
import sys
from urllib.parse import urlsplit

import psutil
import pytest
from support import web_cases
from support.web_cases import UPGRADE

from LiverTumorSegLib.apps.web.server.session_process import DOWNLOADS, HEADER
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io.nifti import write_volume

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
PATHS = ("/", "/index.html", "/ws", "/paraview/", "/__lts/page.js", "/upload/b/ct.nii", "/none", "/%2e%2e/")
MARKUP = "{{7-7}}<img src=x onerror=document.title='ran'>'`${7-7}"
CANARY = "a file beside the sessions"
SENT = b"sent by the attacker"
MOST_BYTES = 1_000_000
CT = phantom.create((20, 48, 56), (8.0, 8.0, 8.0), seed=1, lesions=0).volume


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    web_cases.need_packages()
    folder = tmp_path_factory.mktemp("site")
    shared = folder / "shared"
    shared.mkdir()
    for path in (shared / "ct.nii.gz", shared / f"{MARKUP}.nii.gz", folder / "outside.nii.gz"):
        write_volume(path, CT)
    with web_cases.serving(folder, "--folder", shared, "--most-gb", MOST_BYTES / 1e9) as site:
        (site.temporary / "canary.txt").write_text(CANARY)
        yield site


@pytest.fixture(scope="module")
def cookie(site):
    parts = urlsplit(site.address)
    return ask(site, f"{parts.path}?{parts.query}")[1]["Set-Cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def session(site, cookie):
    """Path of a session's folder on the front, with a slash at its end."""
    path = ask(site, Cookie=cookie)[1]["Location"].removesuffix("index.html")
    for folder in site.temporary.glob("livertumorseg-*"):
        (folder / DOWNLOADS).mkdir(exist_ok=True)  # as after a result: a way out that begins in it leads somewhere
    return path


def ask(site, path="/", method="GET", at=None, body=None, **headers):
    """Status, headers and body of an answer to a request that is sent as it is written, to another place if wanted.

    The machine is asked by its address, as not every system finds names below localhost by itself.
    """
    parts = urlsplit(site.address)
    machine = "127.0.0.1" if parts.hostname.endswith("localhost") else parts.hostname
    connection = http.client.HTTPConnection(*(at or (machine, parts.port)), timeout=web_cases.PATIENCE)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers={"Host": parts.netloc} | named)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), b"" if answer.status == 101 else answer.read()
    connection.close()
    return found


@pytest.fixture(scope="module")
def own_ports(site, session):
    """Where the processes of sessions listen."""
    pages = psutil.Process(site.process.pid).children(recursive=True)
    found = [link for page in pages for link in page.net_connections("tcp") if link.status == psutil.CONN_LISTEN]
    assert {link.laddr.ip.partition(".")[0] for link in found} == {"127"}
    return [tuple(link.laddr) for link in found]


@pytest.mark.parametrize("method", METHODS)
def test_a_sessions_own_port_has_nothing_for_who_does_not_know_its_key(site, cookie, own_ports, method):
    for place in own_ports:
        for headers in ({}, {HEADER: ""}, {HEADER: "guessed"}, {"Cookie": cookie}):
            assert {ask(site, path, method, place, **headers)[0] for path in PATHS} == {403}
            assert ask(site, "/ws", method, place, **UPGRADE, **headers)[0] == 403


@pytest.mark.parametrize("method", METHODS)
def test_the_front_has_nothing_for_who_has_no_cookie(site, session, method):
    for path in ("/", *(session + path[1:] for path in PATHS), session + "download/labels.nii.gz", "/?token=wrong"):
        assert ask(site, path, method)[0] in (403, 405)
    assert ask(site, session + "ws", method, **UPGRADE)[0] in (403, 405)


@pytest.mark.parametrize(
    "host", ["evil.example", "me@{}", "{}@evil.example", "{}.evil.example", "{}, evil.example", ""]
)
def test_the_front_is_asked_by_its_own_name_alone(site, cookie, session, host):
    named = host.format(urlsplit(site.address).netloc)
    assert ask(site, session + "index.html", Cookie=cookie, Host=named)[0] in (400, 403)
    assert ask(site, session + "ws", Cookie=cookie, Host=named, **UPGRADE)[0] in (400, 403)


def test_a_websocket_is_for_the_own_page_with_its_cookie(site, cookie, session):
    parts, path = urlsplit(site.address), session + "ws"
    assert ask(site, path, Cookie=cookie, Origin=site.origin, **UPGRADE)[0] == 101
    assert ask(site, path, Origin=site.origin, **UPGRADE)[0] == 403
    others = ("null", "http://evil.example", f"http://{parts.hostname}:1", f"http://{parts.hostname}", "file://", "")
    for origin in (
        *others,
        f"http://me@{parts.netloc}",
        f"{site.origin}.evil.example",
        f"http://localhost:{parts.port}",
    ):
        if origin != site.origin:
            assert ask(site, path, Cookie=cookie, Origin=origin, **UPGRADE)[0] == 403, origin


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_deleted_or_changed_by_other_methods(site, cookie, session, method):
    for path in ("/", session, session + "index.html", session + "upload/b", session + "download/a"):
        assert ask(site, path, method, Cookie=cookie)[0] == 405
    assert ask(site, session + "index.html", Cookie=cookie)[0] == 200


UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..%252f", "....//", ".%00./")


@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("below", ["", "__lts/", "download/", "upload/b/", "download/a/"])
def test_no_path_leads_to_other_files(site, cookie, session, below, up):
    for target in ("canary.txt", "etc/passwd", "proc/self/environ"):
        for count in (1, 2, 3, 12):
            _, _, body = ask(site, session + below + up * count + target, Cookie=cookie)
            assert CANARY.encode() not in body
            assert b"root:" not in body
            assert b"LIVERTUMORSEG_PAGE_KEY" not in body


def uploaded(site):
    """The files that hold what was sent here, wherever they are: other sessions make files of their own meanwhile."""
    return [path for path in site.printed.parent.rglob("*") if path.is_file() and path.read_bytes()[:20] == SENT]


@pytest.mark.parametrize(
    "name",
    [
        *(up * 4 + "evil.nii" for up in UP),
        "%2ftmp%2fevil.nii",
        "/tmp/evil.nii",
        "C:%5cevil.nii",
        "a%00b.nii",
        "%00",
        "nul",
        "CON.nii",
        "aux.nii.gz",
        "ct.nii:stream",
        "%e2%80%aeiin.tc",
        "%1b%5b2J.nii",
        "x" * 4000,
        "..",
        ".in-use",
    ],
)
def test_an_upload_lies_below_its_folder_whatever_it_is_called(site, cookie, session, name):
    status = ask(site, f"{session}upload/b/{name}", "PUT", body=SENT, Cookie=cookie)[0]
    made = uploaded(site)
    assert len(made) == (status == 201), status
    for path in made:
        below = path.relative_to(site.temporary).parts
        assert below[1:3] == ("uploads", "b")
        assert path.name.isprintable()
        assert path.name.partition(".")[0].lower() not in ("nul", "con", "aux", "")
        assert ":" not in path.name
        assert sys.platform == "win32" or path.stat().st_mode & 0o077 == 0
        path.unlink()


def test_an_upload_states_its_length_and_keeps_to_it_and_to_the_limit(site, cookie, session):
    path, large = f"{session}upload/b/ct.nii", SENT + bytes(MOST_BYTES)
    packed = gzip.compress(large * 20)
    assert ask(site, path, "PUT", body=iter([SENT]), Cookie=cookie, Transfer_Encoding="chunked")[0] == 400
    assert ask(site, path, "PUT", body=packed, Cookie=cookie, Content_Encoding="gzip")[0] == 400
    assert ask(site, path, "PUT", body=large, Cookie=cookie)[0] == 413
    assert uploaded(site) == []


@pytest.fixture(scope="module")
def page(site):
    web_cases.need_browser()
    with web_cases.chromium() as browser, web_cases.visiting(browser, site) as page:
        page.wait_for_selector("#choose-files")
        yield page


def choose(page, *paths):
    web_cases.open_setup(page)
    with page.expect_file_chooser() as waiting:
        page.click("#choose-files:not([disabled])")
    waiting.value.set_files(list(paths))


def shows(page, where):
    """The name of a file stands in an element, and is nothing but its letters."""
    web_cases.says(page, where, "{{7-7}}")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "LiverTumorSeg"


def test_markup_and_templates_in_the_names_of_files_are_letters(page, tmp_path):
    paths = [tmp_path / f"{number}{MARKUP}.nii.gz" for number in (1, 2)]
    for path in paths:
        write_volume(path, CT)
    choose(page, paths[0])
    shows(page, "#ct-name")
    choose(page, *paths)
    shows(page, "#ct-choices")
    (tmp_path / f"{MARKUP}.exe").write_bytes(b"MZ")
    choose(page, tmp_path / f"{MARKUP}.exe")
    shows(page, "#ct-error")
    page.evaluate("name => window.trame.state.set('shared_name', name)", f"{MARKUP}.nii.gz")
    web_cases.says(page, "#ct-name", MARKUP)  # an upload's name loses some of its signs, and this does not
    shows(page, "#ct-name")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../outside.nii.gz", "lies outside the folder"),
        ("/etc/passwd", "lies outside the folder"),
        ("~/ct.nii.gz", "lies outside the folder"),
        ("ct.nii.gz\0.nii", "is not in the folder"),
        (MARKUP, "is not in the folder"),
    ],
)
def test_a_browser_opens_nothing_outside_the_folder_given_at_start(page, name, words):
    page.evaluate("name => window.trame.state.set('shared_name', name)", name)
    web_cases.says(page, "#ct-error", words)
    assert page.title() == "LiverTumorSeg"
    page.evaluate("() => window.trame.state.set('shared_name', 'ct.nii.gz')")
    web_cases.says(page, "#ct-size", "56 × 48 × 20 voxels")
    page.wait_for_selector("#ct-error", state="detached")

import asyncio
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address
from socket import AF_INET

import aiohttp
import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support import system_libraries

from LiverTumorSegLib.apps.http_access import MOST_WAITING, PATIENCE, AccessGate
from LiverTumorSegLib.apps.http_server import listen, served

SAID = web.AppKey("said", str)
PAGE = """<!DOCTYPE html><title>waiting</title><script>
new WebSocket("ws://" + location.host + "/socket").onmessage = told => {
  fetch("http://localhost:" + told.data).then(() => "left", () => "stayed").then(end => document.title = end);
};
</script>"""


async def page(request):
    answer = web.Response(text=PAGE, content_type="text/html")
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


async def echo(request):
    return web.Response(text=f"{request.method} {await request.text()}")


async def streamed(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    if request.method == "GET":
        await answer.write(b"part")
    return answer


async def fail(request):
    raise RuntimeError


async def socket(request):
    connection = web.WebSocketResponse()
    await connection.prepare(request)
    await connection.send_str(request.app[SAID])
    await connection.close()
    return connection


def application(gate, said="1"):
    app = web.Application()
    app[SAID] = said
    gate.guard(app)
    app.router.add_get("/", page)
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/streamed", streamed)
    app.router.add_get("/fail", fail)
    app.router.add_get("/socket", socket)
    return app


@asynccontextmanager
async def visiting(gate, *, inside=True):
    jar = aiohttp.CookieJar(unsafe=True)  # for hosts that are addresses
    async with TestClient(TestServer(application(gate)), cookie_jar=jar) as client:
        if inside:
            assert (await client.get("/", params={"token": gate.token})).status == 200
        yield client


def visit(test, *, inside=True, **options):
    """Run a test with a gate and a visitor's client."""

    async def run():
        gate = AccessGate("127.0.0.1", **options)
        async with visiting(gate, inside=inside) as client:
            await test(gate, client)

    asyncio.run(run())


def test_the_first_visit_gives_a_cookie_that_scripts_and_other_sites_cannot_use_and_hides_the_token():
    async def test(gate, client):
        first = await client.get("/", params={"token": gate.token}, allow_redirects=False)
        assert (first.status, first.headers["Location"]) == (303, "/")
        (cookie,) = first.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        assert not cookie["secure"]  # it would not come back without TLS
        assert gate.token not in str(first.headers.getall("Set-Cookie"))
        assert (await client.get("/echo")).status == 200

    visit(test, inside=False)


def test_a_token_for_a_command_line_lets_in_once():
    async def test(gate, client):
        token = gate.once()
        for status in (303, 403):
            client.session.cookie_jar.clear()
            async with client.get("/", params={"token": token}, allow_redirects=False) as answer:
                assert answer.status == status

    visit(test, inside=False)


def test_two_servers_on_one_machine_do_not_take_each_others_cookies():
    async def test(gate, client):
        other = AccessGate("127.0.0.1")
        async with visiting(other) as visitor:
            names = [{cookie.key for cookie in jar.session.cookie_jar} for jar in (client, visitor)]
        assert not names[0] & names[1]
        assert gate.token != other.token

    visit(test)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/echo",
        "/socket",
        "/none",
        "/?token=",
        "/?token=wrong",
        "/?token=%ff%00é",
        "/?token=\N{SNOWMAN}",
        "/?token=%ED%A0%80",
    ],
)
def test_nobody_else_is_let_in_and_all_get_the_same_page(path):
    async def test(gate, client):
        answer = await client.get(path)
        assert answer.status == 403
        assert "Open the whole address" in await answer.text()
        assert not answer.cookies

    visit(test, inside=False)


def test_the_token_opens_the_first_page_alone_and_no_cookie_is_made_up():
    async def test(gate, client):
        assert (await client.get("/echo", params={"token": gate.token})).status == 403
        for value in ("", gate.token, "é"):
            cookie = {"Cookie": f"{gate._cookie}={value}"}
            assert (await client.get("/echo", headers=cookie)).status == 403

    visit(test, inside=False)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("{name}:9999", 200),
        ("{NAME}", 200),
        ("localhost", 403),
        ("127.0.0.1:{port}", 403),
        ("[::1]:{port}", 403),
        ("other.localhost", 403),
        ("x.{name}", 403),
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("{name}.evil.example", 403),
        ("evil.example@{name}", 403),
        ("{name}/", 403),
        ("{name}:port", 403),
        ("[::1", 403),
        ("192.0.2.7", 403),
        ("", 403),
    ],
)
def test_the_server_is_asked_by_its_own_name_alone(host, status):
    async def run():
        gate = AccessGate("run.localhost")
        async with visiting(gate, inside=False) as client:
            own = {gate._cookie: gate._secret}
            asked = host.format(name="run.localhost", NAME="RUN.LOCALHOST", port=client.port)
            answer = await client.get("/echo", headers={"Host": asked}, cookies=own)
            assert answer.status == status

    asyncio.run(run())


def test_a_request_with_two_hosts_is_refused():
    async def test(gate, client):
        (cookie,) = client.session.cookie_jar
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        lines = ("GET /echo HTTP/1.1", "Host: localhost", "Host: localhost", f"Cookie: {cookie.key}={cookie.value}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        assert (await reader.readline()).split()[1] == b"400"  # aiohttp's own doing, and relied on
        writer.close()

    visit(test)


@pytest.mark.parametrize("by_address", [True, False])
def test_where_all_addresses_are_listened_on_each_is_an_own_name_but_that_of_this_machine_alone(by_address):
    found = [each.address for card in psutil.net_if_addrs().values() for each in card if each.family is AF_INET]
    outside = next((address for address in found if not IPv4Address(address).is_loopback), None)
    if outside is None:
        pytest.skip("this machine has no address but its own loopback")

    async def run():
        gate = AccessGate("gpu-server", by_address=by_address)
        server = TestServer(application(gate), host=str(IPv4Address(0)))
        async with server, aiohttp.ClientSession(headers={"Cookie": f"{gate._cookie}={gate._secret}"}) as client:
            statuses = []
            for at, host in ((outside, None), ("127.0.0.1", None), ("127.0.0.1", "gpu-server"), (outside, "127.0.0.1")):
                headers = {"Host": host} if host else {}
                async with client.get(f"http://{at}:{server.port}/echo", headers=headers) as answer:
                    statuses.append(answer.status)
            return statuses

    assert asyncio.run(run()) == [200 if by_address else 403, 403, 200, 403]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://{host}", 200), (None, 200), ("null", 403), ("http://127.0.0.1:1", 403), ("http://evil.example", 403)],
)
def test_what_scripts_ask_comes_from_the_own_page(method, origin, status):
    async def test(gate, client):
        headers = {"Origin": origin.format(host=f"127.0.0.1:{client.port}")} if origin else {}
        answer = await client.request(method, "/echo", headers=headers, data="words" if method != "GET" else None)
        assert answer.status == status
        if status == 200 and method != "GET":
            assert await answer.text() == f"{method} words"

    visit(test)


@pytest.mark.parametrize(
    ("site", "kind", "status"),
    [
        ("same-origin", "script", 200),
        ("none", "document", 200),
        ("cross-site", "document", 403),
        ("same-site", "document", 403),  # of another port of the same name, which the cookie goes to as well
        ("same-site", "image", 403),
        ("same-site", "iframe", 403),
        ("cross-site", "script", 403),
    ],
)
@pytest.mark.parametrize("path", ["/echo", "/", "/?token=wrong"])
def test_other_pages_load_and_open_nothing_here(site, kind, status, path):
    async def test(gate, client):
        answer = await client.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind})
        assert answer.status == status

    visit(test)


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_of_another_page_a_link_with_the_token_leads_to_a_page_that_goes_on_by_itself_and_nothing_else_does(site):
    async def test(gate, client):
        for kind, status in (("document", 200), ("iframe", 403), ("image", 403)):
            headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind}
            answer = await client.get("/", params={"token": gate.token}, headers=headers, allow_redirects=False)
            assert answer.status == status
            assert bool(answer.cookies) is ("refresh" in await answer.text()) is (status == 200)

    visit(test, inside=False)


def test_a_form_of_another_page_is_refused_though_its_answer_would_be_a_page():
    async def test(gate, client):
        headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document", "Origin": "http://127.0.0.1:1"}
        assert (await client.post("/echo", headers=headers)).status == 403

    visit(test)


def test_websockets_pass_for_the_own_page_and_for_no_other():
    async def test(gate, client):
        async with client.ws_connect("/socket", origin=f"http://127.0.0.1:{client.port}") as connection:
            assert await connection.receive_str() == "1"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await client.ws_connect("/socket", origin="http://evil.example")

    visit(test)


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(method):
    async def test(gate, client):
        assert (await client.request(method, "/echo")).status == 405

    visit(test)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/streamed", 200), ("/none", 404), ("/fail", 500), ("/?token={token}", 303), ("/?token=wrong", 200)],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_answer_keeps_what_it_shows_on_this_machine(method, path, status):
    async def test(gate, client):
        answer = await client.request(method, path.format(token=gate.token), allow_redirects=False)
        assert answer.status == status
        check_headers(answer.headers, f"127.0.0.1:{client.port}")

    visit(test)


def check_headers(headers, host):
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://{host} wss://{host}"
    assert policy["frame-ancestors"] == "'none'"
    allowed = {source for name, sources in policy.items() for source in sources.split() if name != "connect-src"}
    assert allowed == {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
    assert headers.getall("Cache-Control") == ["no-store"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_refusals_have_the_same_headers_and_a_strange_host_adds_nothing_to_them():
    async def test(gate, client):
        answer = await client.get("/", headers={"Host": "a; script-src *"})
        assert answer.status == 403
        check_headers(answer.headers, "ascript-src")
        check_headers((await client.options("/")).headers, f"127.0.0.1:{client.port}")

    visit(test, inside=False)


def test_after_many_wrong_tokens_few_are_answered_and_the_right_one_is_not_kept_waiting():
    async def test(gate, client):
        for _ in range(PATIENCE):
            assert (await client.get("/?token=wrong")).status == 403
        tries = [asyncio.create_task(client.get("/?token=wrong")) for _ in range(MOST_WAITING + 5)]
        while sum(task.done() for task in tries) < 5:
            await asyncio.sleep(0.01)
        assert [task.result().status for task in tries if task.done()] == [429] * 5
        right = await client.get("/", params={"token": gate.token})
        assert right.status == 200
        assert sum(not task.done() for task in tries) == MOST_WAITING
        for task in tries:
            task.cancel()

    visit(test, inside=False, pause_seconds=60)


@pytest.fixture
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    found = system_libraries.browser()
    if not found:
        pytest.skip(f"needs a browser: {system_libraries.advice()}")
    return sync_api, found


def test_a_browser_comes_in_also_by_a_link_of_another_site_and_what_it_loads_leaves_for_nowhere(browser):
    reached = []

    async def other(request):
        reached.append(request.path)
        link = f'<a href="http://{request.query_string}">in</a>'
        return web.Response(text=link, content_type="text/html", headers={"Access-Control-Allow-Origin": "*"})

    async def run():
        elsewhere = web.Application()
        elsewhere.router.add_get("/{path:.*}", other)
        async with TestServer(elsewhere) as site:
            listening = listen()
            gate = AccessGate(listening.name)
            async with served(application(gate, f"{site.port}/taken"), listening):
                address = listening.address(gate.token)
                starts = address, f"http://localhost:{site.port}/start?{address.removeprefix('http://')}"
                came = await asyncio.to_thread(drive, *browser, starts, address.partition("?")[0])
                return came, address.partition("?")[0]

    came, address = asyncio.run(run())
    assert came == [(address, "stayed")] * 2
    assert "/start" in reached
    assert "/taken" not in reached


def drive(sync_api, executable, starts, end):
    """Come in by the address and by a link of another site: where that leads, and what the page could reach."""
    came = []
    with chromium(sync_api, executable) as program:
        for start in starts:
            page = program.new_context().new_page()
            page.goto(start)
            if "/start" in start:
                page.click("a")
            page.wait_for_url(end)
            page.wait_for_function("document.title != 'waiting'")
            came.append((page.url, page.title()))
    return came


@contextmanager
def chromium(sync_api, executable):
    with sync_api.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield program
        program.close()


TRAP = """<!DOCTYPE html><title>waiting</title><img src="{address}"><iframe src="{address}"></iframe>
<form action="{address}" target="_blank"><button>Free chocolate</button></form><script>
fetch("{address}", {{mode: "no-cors", credentials: "include"}}).catch(() => 0).then(() => document.title = "done");
</script>"""


def test_no_program_at_another_port_gets_the_cookie_or_opens_a_session_for_it(browser):
    """Another account of this machine may listen at any port, and knows who listens where."""
    cookies, opened = [], []

    async def trap(request):
        cookies.append(request.headers.get("Cookie"))
        return web.Response(text=TRAP.format(address=f"http://{request.query_string}/"), content_type="text/html")

    @web.middleware
    async def count(request, handler):
        opened.append(request.path)
        return await handler(request)

    async def run():
        elsewhere = web.Application()
        elsewhere.router.add_get("/{path:.*}", trap)
        async with TestServer(elsewhere) as site:
            listening = listen()
            gate = AccessGate(listening.name)
            app = application(gate, "1/taken")
            app.middlewares.append(count)
            async with served(app, listening):
                await asyncio.to_thread(lure, *browser, listening.address(gate.token), site.port, listening)

    asyncio.run(run())
    assert len(cookies) >= 4
    assert set(cookies) == {None}
    assert opened.count("/") == 1


def lure(sync_api, executable, address, port, listening):
    """Come in, then visit another port of this machine, whose page leads back by all ways that pages have."""
    with chromium(sync_api, executable) as program:
        context = program.new_context()
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("document.title != 'waiting'")
        for name in ("127.0.0.1", "localhost"):
            for back in ("127.0.0.1", listening.name):
                page.goto(f"http://{name}:{port}/?{back}:{listening.port}")
                page.wait_for_function("document.title == 'done'")
                with context.expect_page() as form:
                    page.click("button")
                form.value.wait_for_load_state()
                form.value.close()

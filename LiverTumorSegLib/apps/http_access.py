"""Access to the servers of this project: their hosts, origins, tokens and cookies."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

METHODS = frozenset({"GET", "HEAD", "PUT", "POST"})
PATIENCE, MOST_WAITING = 10, 20
"""Wrong tokens that are answered at once, and how many answers wait at the same time; no others are given."""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>LiverTumorSeg</title></head>
<body><h1>Not open</h1>
<p>Open the whole address that was printed where it was started.</p>
</body></html>
"""
_ONWARD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>LiverTumorSeg</title>
</head><body><a href="/">LiverTumorSeg</a></body></html>
"""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; "  # trame's page has a script in it, and Vue compiles templates
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self' ws://{host} wss://{host}; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AccessGate:
    """Keeps everybody out who was not given the address, and what is inside on this machine.

    Args:
        name: that the server is asked by, without a port.
        by_address: whether it may be asked by the address that a connection arrives at, too, unless that is of this
            machine alone.
        pause_seconds: before a wrong token is answered, after some wrong ones.
    """

    def __init__(self, name: str, *, by_address: bool = False, pause_seconds: float = 1.0) -> None:
        self.token = secrets.token_urlsafe(32)
        self._name, self._by_address, self._pause = name, by_address, pause_seconds
        self._secret = secrets.token_urlsafe(32)
        self._cookie = f"livertumorseg-{secrets.token_hex(4)}"  # all ports of a name share their cookies
        self._for_once: list[str] = []
        self._wrong = self._waiting = 0

    def guard(self, app: web.Application) -> None:
        """Let every request of an application pass through here first, and every answer last."""
        app.middlewares.insert(0, self.let_in)
        app.on_response_prepare.append(_add_headers)

    @web.middleware
    async def let_in(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Hand a request on if it may come in."""
        if request.method not in METHODS:
            raise web.HTTPMethodNotAllowed(request.method, METHODS)
        token = request.query.get("token") if request.path == "/" else None
        if not (self._is_asked_by_name(request) and _is_of_own_page(request, token)):
            return _refusal()
        if token is not None and self._is_known(token):
            return self._welcome(request)
        if not _is_led_here(request) and _is_same(request.cookies.get(self._cookie, ""), self._secret):
            return await handler(request)
        return _refusal() if token is None else await self._wrong_token()

    def once(self) -> str:
        """A token that lets in once: for a command line, which other users of the machine can read."""
        token = secrets.token_urlsafe(32)
        self._for_once.append(token)
        return token

    def _is_known(self, token: str) -> bool:
        if _is_same(token, self.token):
            return True
        used = next((each for each in self._for_once if _is_same(token, each)), None)
        if used:
            self._for_once.remove(used)
        return used is not None

    def _is_asked_by_name(self, request: web.Request) -> bool:
        """Another site's name may lead here, and that site's pages would then count as this server's."""
        host = request.headers.get("Host", "")
        try:
            name, _ = (parts := urlsplit(f"//{host}")).hostname, parts.port
        except ValueError:
            return False
        whole = parts.netloc == host and "@" not in host
        return whole and (name == self._name or (self._by_address and name == _arrived_at(request)))

    def _welcome(self, request: web.Request) -> web.Response:
        """Give the cookie, and go on to an address that has no token."""
        if _is_led_here(request):
            answer = web.Response(text=_ONWARD, content_type="text/html")  # a redirect would come without the cookie
        else:
            answer = web.Response(status=303, headers={"Location": "/"})
        options = {"httponly": True, "samesite": "Strict", "path": "/", "secure": request.secure}
        answer.set_cookie(self._cookie, self._secret, **options)  # type: ignore[arg-type]
        return answer

    async def _wrong_token(self) -> web.Response:
        self._wrong += 1
        if self._wrong > PATIENCE:
            if self._waiting >= MOST_WAITING:
                raise web.HTTPTooManyRequests
            self._waiting += 1
            try:
                await asyncio.sleep(self._pause)
            finally:
                self._waiting -= 1
        return _refusal()


def _is_led_here(request: web.Request) -> bool:
    """Whether the page of another server, also of another port of this one's name, leads here."""
    return request.headers.get("Sec-Fetch-Site") in ("same-site", "cross-site")


def _is_of_own_page(request: web.Request, token: str | None) -> bool:
    """Browsers say which page a request is of; from another one, only the address with its token may lead here."""
    if _is_led_here(request) and (token is None or request.headers.get("Sec-Fetch-Dest") != "document"):
        return False
    own = {f"{scheme}://{request.headers['Host']}" for scheme in ("http", "https")}
    return own.issuperset(request.headers.getall("Origin", []))


def _arrived_at(request: web.Request) -> str | None:
    """The machine's own address that a connection came to, unless it is of this machine alone."""
    name = request.get_extra_info("sockname")
    if not isinstance(name, tuple):
        return None
    address = ipaddress.ip_address(name[0].partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return None if address.is_loopback else str(address)


def _is_same(one: str, other: str) -> bool:
    """Compared in the same time, wherever they differ."""
    return secrets.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())


def _refusal() -> web.Response:
    return web.Response(status=403, text=_PAGE, content_type="text/html")


async def _add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    for name in [name for name in answer.headers if name.lower().startswith("access-control-")]:
        answer.headers.popall(name, None)
    answer.headers.update(_HEADERS)
    answer.headers["Content-Security-Policy"] = _POLICY.format(host=_safe_host(request.host))


def _safe_host(host: str) -> str:
    """A host that was refused may be anything."""
    return "".join(sign for sign in host if sign.isalnum() or sign in ".-:[]")

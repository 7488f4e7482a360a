"""Servers of this project: where they listen, how many connections they hold, how they end."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from ..core.errors import UserError
from ..core.sparse_log import sparse

_EXAMPLE_PORT = 8765
_FOUR, _SIX = ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")
_TRIES = 20
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
_REMOTE_RISK = "Anybody who learns the address with its token can see the patients' images, and they travel unencrypted"
_SHARED = (
    "Browsers give the cookie that lets in to every program that they visit at {}: leave --host out, unless yours does "
    "not find the address that is then printed"
)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class ListeningSocket:
    """The sockets that connections can come to.

    Args:
        sockets: of the server, all with the same port.
        name: that browsers reach it by, or an address; nothing else is answered.
        warning: what it means that it is reached so; empty where there is nothing to fear.
        is_remote: whether other machines can connect.
        is_everywhere: whether it listens on all addresses of the machine, and may be asked by them.
    """

    sockets: tuple[socket.socket, ...]
    name: str
    warning: str = ""
    is_remote: bool = False
    is_everywhere: bool = False

    @property
    def port(self) -> int:
        """Port that the sockets listen on."""
        return int(self.sockets[0].getsockname()[1])

    def address(self, token: str) -> str:
        """Address to open in a browser."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"http://{name}:{self.port}/?token={token}"


def listen(host: str | None = None, port: int = 0, *, allow_remote: bool = False) -> ListeningSocket:
    """Listen on an address of this machine.

    Args:
        host: name or address; None for this machine alone, by a name that no other run has.
        port: 0 for any that is free.
        allow_remote: other machines may connect, too.

    Raises:
        UserError: the host is not known or not this machine's, the port is taken or not allowed, or other machines
            could connect though that was not allowed.
    """
    if host is None:
        return ListeningSocket(_here(port), f"{secrets.token_hex(10)}.localhost")
    address = _address_of(host)
    if not (address.is_loopback or allow_remote):
        raise UserError(_why_refused(host, port))
    opened = (_open(host, address, port),)
    if address.is_loopback:
        return ListeningSocket(opened, str(address), f"{_SHARED.format(address)}.")
    name = (socket.gethostname() if address.is_unspecified else host).lower()
    warning = f"{_REMOTE_RISK}; an ssh tunnel is safer."
    return ListeningSocket(opened, name, warning, is_remote=True, is_everywhere=address.is_unspecified)


def tunnel_command(port: int) -> str:
    """The command with which another computer reaches a port of this machine's loopback."""
    return f"ssh -N -L {port}:127.0.0.1:{port} {socket.gethostname()}"


def _here(port: int) -> tuple[socket.socket, ...]:
    """Listen on both addresses that a name under localhost leads to: at the second one, another would get the token."""
    for _ in range(1 if port else _TRIES):
        four = _open(str(_FOUR), _FOUR, port)
        try:
            return four, socket.create_server((str(_SIX), four.getsockname()[1]), family=socket.AF_INET6)
        except OSError as error:
            if error.errno in _NO_IPV6:
                return (four,)
            four.close()
            why = _why_closed(str(_SIX), port, error.errno)
    raise UserError(why)


def _address_of(host: str) -> _Address:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        msg = f"The host “{host}” is not known here: give a name or an address of this machine, or leave --host out."
        raise UserError(msg) from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return min(addresses, key=lambda address: address.version)


def _open(host: str, address: _Address, port: int) -> socket.socket:
    both = address.version == 6 and address.is_unspecified and socket.has_dualstack_ipv6()
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        return socket.create_server((str(address), port), family=family, dualstack_ipv6=both)
    except (OSError, OverflowError) as error:
        raise UserError(_why_closed(host, port, getattr(error, "errno", None))) from error


def _why_closed(host: str, port: int, code: int | None) -> str:
    if code == errno.EADDRNOTAVAIL:
        return f"The host “{host}” is not this machine: give one of its own names or addresses, or leave --host out."
    why = {errno.EADDRINUSE: "is taken", errno.EACCES: "is not allowed"}.get(code or 0, "cannot be opened")
    return f"Port {port} of {host} {why}: give another with --port, or 0 for one that is free."


def _why_refused(host: str, port: int) -> str:
    port = port or _EXAMPLE_PORT
    return (
        f"{_REMOTE_RISK} with --host {host}: leave it out, give --port {port} and run “{tunnel_command(port)}” on the "
        "other computer, which is safer, or add --allow-remote."
    )


STRANGE_SECONDS = 10.0
"""A connection on which nothing has been let in for so long is closed: its request is not even whole, or refused."""

_MOST, _FEWEST = 512, 16
_RESERVED = 256
"""Files for all but connections: processes with their pipes, and what is accepted before it is counted."""

_FILES_EACH = 3
"""A connection may be passed on by another one, and with a file."""

_WANTED_FILES = _RESERVED + _FILES_EACH * _MOST
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """Counts connections; where there are too many, the oldest makes room that nobody let in.

    So whoever has the address comes in however many others only connect.

    Args:
        most: at once.
        strange_seconds: see :data:`STRANGE_SECONDS`.
    """

    def __init__(self, most: int, strange_seconds: float) -> None:
        self._most, self._seconds = most, strange_seconds
        self._strange: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._known: set[asyncio.Transport] = set()

    def counted(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The same protocols, counted here."""
        return lambda: _Counted(make(), self)

    @web.middleware
    async def let_in(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Keep the connection of a request that has come as far as here; behind whatever refuses others."""
        transport = request.transport
        if transport and transport in self._strange:
            self._strange.pop(transport).cancel()
            self._known.add(transport)
        return await handler(request)

    def takes(self, transport: asyncio.Transport) -> bool:
        """Count a new connection, if there is or can be room for it."""
        if len(self._strange) + len(self._known) >= self._most:
            if not self._strange:
                return False
            self._end(next(iter(self._strange)))
        loop = asyncio.get_running_loop()
        self._strange[transport] = loop.call_later(self._seconds, self._end, transport)
        return True

    def forget(self, transport: asyncio.Transport) -> None:
        """Count a connection no more."""
        self._known.discard(transport)
        if transport in self._strange:
            self._strange.pop(transport).cancel()

    def _end(self, transport: asyncio.Transport) -> None:
        self.forget(transport)
        transport.abort()


class _Counted(asyncio.Protocol):
    """A protocol that is told of its connection once that is counted."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner, self._connections = inner, connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        own = cast("asyncio.Transport", transport)
        if not self._connections.takes(own):
            own.abort()
            return
        self._transport = own
        self._inner.connection_made(own)

    def data_received(self, data: bytes) -> None:
        if self._transport:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport:
            self._connections.forget(self._transport)
            self._inner.connection_lost(error)


def most_connections() -> int:
    """Number of connections that a server may have, of the files that this process may open; a low limit is raised."""
    return max(_FEWEST, min(_MOST, (_most_files() - _RESERVED) // _FILES_EACH))


if sys.platform == "win32":

    def _most_files() -> int:
        return _WANTED_FILES  # no limit that this would come near to

else:
    import resource

    def _most_files() -> int:
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if now == resource.RLIM_INFINITY or now >= _WANTED_FILES:
            return _WANTED_FILES
        wanted = _WANTED_FILES if most == resource.RLIM_INFINITY else min(_WANTED_FILES, most)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        except (OSError, ValueError):
            return now
        return wanted


_UNFINISHED_SECONDS = 1.0
_IDLE_SECONDS = 15.0
"""A connection that was let in is kept for so long for the next request, and the headers of that may take as long."""


@asynccontextmanager
async def served(
    app: web.Application,
    listening: ListeningSocket,
    *,
    most: int | None = None,
    strange_seconds: float = STRANGE_SECONDS,
) -> AsyncIterator[None]:
    """Serve an application for the length of a block.

    Args:
        app: with all that keeps others out; not served before.
        listening: where; closed at the end.
        most: connections at once; by default what :func:`most_connections` says.
        strange_seconds: that a connection is kept of which nothing is let in.
    """
    connections = Connections(most or most_connections(), strange_seconds)
    app.middlewares.append(connections.let_in)
    options = {"access_log": None, "keepalive_timeout": _IDLE_SECONDS, "shutdown_timeout": _UNFINISHED_SECONDS}
    runner = web.AppRunner(app, **options)  # type: ignore[arg-type]
    loop, servers = asyncio.get_running_loop(), list[asyncio.Server]()
    with sparse("aiohttp.server", "asyncio"):
        await runner.setup()
        try:
            if runner.server is None:
                msg = "a runner that is set up has a server"
                raise RuntimeError(msg)
            counted = connections.counted(runner.server)
            servers += [await loop.create_server(counted, sock=each) for each in listening.sockets]
            yield
        finally:
            for server in servers:
                server.close()
            await runner.cleanup()


END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""Ctrl-C, the system's wish, and a terminal or window that was closed."""


async def run_until_signal(work: Coroutine[Any, Any, None]) -> int:
    """Run work that does not end by itself until a signal asks for the end.

    Args:
        work: cancelled then, and waited for: what it has to tidy up is not cut short by further signals.

    Returns:
        The number of the signal.

    Raises:
        Exception: of the work.
    """
    running = asyncio.ensure_future(work)
    with _caught_signals(running) as arrived:
        try:
            await running
        except asyncio.CancelledError:
            if not arrived:
                raise
    return arrived[0]


@contextmanager
def _caught_signals(running: asyncio.Future[None]) -> Iterator[list[int]]:
    """The signals that have arrived; those that were ignored, as under ``nohup``, still are."""
    loop, arrived = asyncio.get_running_loop(), list[int]()

    def ask(number: int, _: object) -> None:
        arrived.append(number)
        if len(arrived) == 1:
            loop.call_soon_threadsafe(running.cancel)

    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    for number in END_SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, ask)
    try:
        yield arrived
    finally:
        for number in END_SIGNALS:
            signal.signal(number, before[number])

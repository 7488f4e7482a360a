"""Where the server listens: this machine alone, unless the user said otherwise and knows what that means."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from ..errors import UserError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EXAMPLE_PORT = 8765
_MEANS = "Anybody who learns the address with its token can see the patients' images, and they travel unencrypted"
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Listening:
    """A socket that connections can come to.

    Args:
        socket: of the server.
        name: of the machine, or its address, as browsers reach it.
        names: all that browsers may reach it by, without ports.
        warning: what it means that other machines can connect; empty where they cannot.
    """

    socket: socket.socket
    name: str
    names: frozenset[str]
    warning: str = ""

    @property
    def port(self) -> int:
        """Where the socket listens."""
        return int(self.socket.getsockname()[1])

    def address(self, token: str) -> str:
        """What to open in a browser."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"http://{name}:{self.port}/?token={token}"


def listen(host: str = "127.0.0.1", port: int = 0, *, allow_remote: bool = False) -> Listening:
    """Listen on an address of this machine.

    Args:
        host: name or address.
        port: 0 for any that is free.
        allow_remote: other machines may connect, too.

    Raises:
        UserError: the host is not known or not this machine's, the port is taken or not allowed, or other machines
            could connect though that was not allowed.
    """
    address = _address_of(host)
    if not (address.is_loopback or allow_remote):
        raise UserError(_why_not(host, port))
    opened = _open(host, address, port)
    if address.is_loopback:
        return Listening(opened, str(address), LOOPBACK | {host.lower()})
    name = (socket.gethostname() if address.is_unspecified else host).lower()
    return Listening(opened, name, LOOPBACK | {name}, f"{_MEANS}; an ssh tunnel is safer.")


def tunnel(port: int) -> str:
    """The command with which another computer reaches a port of this machine's loopback."""
    return f"ssh -N -L {port}:127.0.0.1:{port} {socket.gethostname()}"


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


def _why_not(host: str, port: int) -> str:
    port = port or _EXAMPLE_PORT
    return (
        f"{_MEANS} with --host {host}: leave it out, give --port {port} and run “{tunnel(port)}” on the other "
        "computer, which is safer, or add --allow-remote."
    )

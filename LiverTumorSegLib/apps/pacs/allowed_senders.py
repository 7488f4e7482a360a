"""The senders that are allowed: titles, and the addresses of the machines that have them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from threading import Lock
from time import monotonic

from .config import Sender

KNOWN_SECONDS = 30.0
"""The addresses of a name are asked for again after this time: they may change."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Senders:
    """The senders that the configuration lists.

    Args:
        listed: at least one.
        known_seconds: see :data:`KNOWN_SECONDS`.
    """

    def __init__(self, listed: Iterable[Sender], known_seconds: float = KNOWN_SECONDS) -> None:
        self._listed, self._seconds = tuple(listed), known_seconds
        self._found: dict[str, tuple[float, frozenset[_Address]]] = {}
        self._lock = Lock()

    def may_connect(self, address: str) -> bool:
        """Whether a sender may be at an address, whatever it calls itself; at any, where one is listed without."""
        return any(self._is_at(sender, address) for sender in self._listed)

    def may_send(self, title: str, address: str) -> bool:
        """Whether it is a sender that calls itself so at this address."""
        return any(sender.ae_title == title and self._is_at(sender, address) for sender in self._listed)

    def _is_at(self, sender: Sender, address: str) -> bool:
        return sender.address is None or parsed(address) in self._addresses(sender.address)

    def _addresses(self, host: str) -> frozenset[_Address]:
        """The addresses of a machine; while no name server answers, those that were found before."""
        with self._lock:
            asked, found = self._found.get(host, (float("-inf"), frozenset()))
            if monotonic() - asked > self._seconds:
                found = _looked_up(host) or found
                self._found[host] = monotonic(), found
            return found


def parsed(text: str) -> _Address:
    """An address, of version 4 where it is such a one written as of version 6, without the card's name."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _looked_up(host: str) -> frozenset[_Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(parsed(str(entry[4][0])) for entry in found)

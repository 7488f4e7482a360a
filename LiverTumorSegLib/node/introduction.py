"""What a node says of itself when it begins."""

from __future__ import annotations

import ipaddress
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from .config import Config, Peer, Receive, Send, Sender, Tls, Web


def sentences(config: Config) -> Iterator[str]:
    """What is received, watched, segmented and sent, by its configuration, and what of that is not safe."""
    if config.receive:
        yield _receives(config.receive)
    if config.watch:
        how = _openly(config.watch)
        yield f"Asks {config.watch.url} for new CT series every {config.watch.every_seconds:g} s{how}."
    if config.share:
        yield "Shares them with other nodes, through a queue in PostgreSQL."
    yield f"Segments with {config.segment.model} on {config.segment.device}."
    yield _sends(config.send)
    yield from _warnings(config)


def _receives(receive: Receive) -> str:
    whom = ", ".join(_sender(sender) for sender in receive.senders)
    how = _encrypted(receive.tls)
    return f"Receives CT as {receive.ae_title} on port {receive.port} of {receive.address}, {how}, from {whom} alone."


def _sender(sender: Sender) -> str:
    return f"{sender.ae_title} at {sender.address or 'any address'}"


def _sends(send: Send) -> str:
    if send.web:
        return f"Sends results to {send.web.url}{_openly(send.web)}."
    return f"Sends results to {_peer(send.dicom)}." if send.dicom else ""


def _openly(web: Web) -> str:
    return "" if _is_encrypted(web) else ", not encrypted"


def _peer(peer: Peer) -> str:
    return f"{peer.ae_title} on port {peer.port} of {peer.address}, {_encrypted(peer.tls)}"


def _encrypted(tls: Tls | None) -> str:
    return "encrypted" if tls else "not encrypted"


def _warnings(config: Config) -> Iterator[str]:
    for web in (config.watch, config.send.web):
        if web and web.user and not _is_encrypted(web) and not _is_here(web.url):
            yield f"Warning: the password for {web.url} can be read on its way: give an address with https://."
    for file in dict.fromkeys(_secrets(config)):
        if _is_open(file):
            yield f"Warning: all users of this machine may read {file}: let the node's alone do so (chmod 600)."


def _secrets(config: Config) -> Iterator[Path]:
    """The files of passwords and keys."""
    for web in (config.watch, config.send.web):
        if web and web.password_file:
            yield web.password_file
    ends: tuple[Receive | Web | Peer | None, ...] = (config.receive, config.watch, config.send.web, config.send.dicom)
    yield from (end.tls.key for end in ends if end and end.tls)


def _is_encrypted(web: Web) -> bool:
    return web.url.startswith("https:")


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _is_open(file: Path) -> bool:
    """Whether others may read it; of one that is missing more is said elsewhere."""
    try:
        return sys.platform != "win32" and bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False

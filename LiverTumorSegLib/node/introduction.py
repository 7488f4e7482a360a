"""What a node says of itself when it begins."""

from __future__ import annotations

from collections.abc import Iterator

from .config import Config, Peer, Receive, Send, Sender, Tls


def sentences(config: Config) -> Iterator[str]:
    """What is received, watched, segmented and sent, by its configuration."""
    if config.receive:
        yield _receives(config.receive)
    if config.watch:
        yield f"Asks {config.watch.url} for new CT series every {config.watch.every_seconds:g} s."
    if config.share:
        yield "Shares them with other nodes, through a queue in PostgreSQL."
    yield f"Segments with {config.segment.model} on {config.segment.device}."
    yield _sends(config.send)


def _receives(receive: Receive) -> str:
    whom = ", ".join(_sender(sender) for sender in receive.senders)
    how = _encrypted(receive.tls)
    return f"Receives CT as {receive.ae_title} on port {receive.port} of {receive.address}, {how}, from {whom} alone."


def _sender(sender: Sender) -> str:
    return f"{sender.ae_title} at {sender.address or 'any address'}"


def _sends(send: Send) -> str:
    if send.web:
        return f"Sends results to {send.web.url}."
    return f"Sends results to {_peer(send.dicom)}." if send.dicom else ""


def _peer(peer: Peer) -> str:
    return f"{peer.ae_title} on port {peer.port} of {peer.address}, {_encrypted(peer.tls)}"


def _encrypted(tls: Tls | None) -> str:
    return "encrypted" if tls else "not encrypted"

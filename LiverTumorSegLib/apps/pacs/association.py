"""Associations with an archive's application entity, and why there is none, in words without identifiers."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association

from . import connection
from .config import Peer
from .connection import Unreachable, limit_connection

Handlers = Sequence[tuple[Any, Callable[[evt.Event], object]]]


def encryption_of(peer: Peer) -> ssl.SSLContext | None:
    """The TLS context for a peer; None where nothing is encrypted.

    Raises:
        UserError: a certificate is missing or wrong.
    """
    return connection.client_context(peer.tls) if peer.tls else None


def entity_for(peer: Peer) -> AE:
    """This service as the peer knows it, with its patience; contexts are the caller's to add."""
    entity = AE(peer.calling)
    seconds = peer.timeout_seconds
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
    return entity


@contextmanager
def associated(
    entity: AE,
    peer: Peer,
    encryption: ssl.SSLContext | None,
    *,
    handlers: Handlers = (),
    roles: Sequence[Any] = (),
) -> Iterator[Association]:
    """An association that is released at the end.

    Args:
        entity: this service, with its contexts.
        peer: the other.
        encryption: of the connection.
        handlers: of events beside those of the connection.
        roles: that are negotiated, such as to store what is asked for.

    Raises:
        Unreachable: there is none.
    """
    connected: list[Association] = []

    def connect(event: evt.Event) -> None:
        connected.append(event.assoc)
        limit_connection(event.assoc, peer.timeout_seconds)

    try:
        association = entity.associate(
            peer.address,
            peer.port,
            ae_title=peer.ae_title,
            ext_neg=list(roles) or None,
            tls_args=(encryption, peer.address) if encryption else None,
            evt_handlers=[(evt.EVT_CONN_OPEN, connect), *handlers],
        )
    except OSError as error:
        msg = "its machine is not known"
        raise Unreachable(msg) from error
    if not association.is_established:
        raise Unreachable(_connection_error(association, is_connected=bool(connected)))
    try:
        yield association
    finally:
        association.release()


def accepts(association: Association, kind: str) -> bool:
    """Whether a SOP class was accepted."""
    return any(context.abstract_syntax == kind for context in association.accepted_contexts)


def _connection_error(association: Association, *, is_connected: bool) -> str:
    if association.is_rejected:
        return "it rejects this service: are both AE titles right, and does it know this one"
    if association.rejected_contexts:
        return "it takes nothing of what this service sends"
    if is_connected:
        return "it closes the connection, or does not answer: does it know this service, and are both AE titles right"
    return "it cannot be connected to"

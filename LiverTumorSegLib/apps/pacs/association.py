"""Associations that this service asks another application entity for (PS3.8, section 7.1)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from .config import Peer
from .connection import Unreachable, limit_connection

Handlers = Sequence[tuple[Any, Callable[[evt.Event], object]]]

_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_NONE: Mapping[str, Sequence[str]] = {}
_LOOK_SECONDS = 0.1


@contextmanager
def associated(
    peer: Peer,
    encryption: ssl.SSLContext | None,
    classes: Iterable[str],
    patience: float | None = None,
    *,
    stored: Mapping[str, Sequence[str]] = _NONE,
    packed: Iterable[tuple[str, str]] = (),
    handlers: Handlers = (),
) -> Iterator[Association]:
    """An association with an application entity, for the length of the block.

    Args:
        peer: it.
        encryption: of the connection; None for none.
        classes: SOP classes that are asked for, as UIDs.
        patience: seconds for each answer; None for what the configuration says.
        stored: transfer syntaxes by the SOP classes of which the other stores objects here, as C-GET asks it to.
        packed: SOP classes and transfer syntaxes that are offered besides, each pair by itself.
        handlers: of what happens meanwhile.

    Raises:
        Unreachable: there is none.
    """
    seconds = peer.timeout_seconds if patience is None else patience
    connected: list[Association] = []

    def connect(event: evt.Event) -> None:
        connected.append(event.assoc)
        limit_connection(event.assoc, seconds)

    entity = _entity(peer, classes, seconds)
    for kind, syntaxes in stored.items():
        entity.add_requested_context(kind, list(syntaxes))
    for kind, syntax in packed:
        entity.add_requested_context(kind, [syntax])
    try:
        association = entity.associate(
            peer.address,
            peer.port,
            ae_title=peer.ae_title,
            ext_neg=[build_role(kind, scp_role=True) for kind in stored] or None,
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


@contextmanager
def ended_when(stopped: threading.Event | None, association: Association) -> Iterator[None]:
    """End an association as soon as an event is set, though an answer is waited for, for the length of the block."""
    if stopped is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            if stopped.is_set():
                association.abort()
                association.dimse.msg_queue.put((None, None))  # only an abort of the other wakes who waits for it
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def accepts(association: Association, kind: str, syntax: str = "") -> bool:
    """Whether an application entity takes, or serves, objects of a SOP class, in a certain transfer syntax if any."""
    accepted = [context for context in association.accepted_contexts if context.abstract_syntax == kind]
    return any(not syntax or syntax in context.transfer_syntax for context in accepted)


def _entity(peer: Peer, classes: Iterable[str], seconds: float) -> AE:
    entity = AE(peer.calling)
    for kind in sorted(classes):
        entity.add_requested_context(kind, list(_SYNTAXES))
    entity.connection_timeout = entity.acse_timeout = peer.timeout_seconds
    entity.dimse_timeout = entity.network_timeout = seconds
    return entity


def _connection_error(association: Association, *, is_connected: bool) -> str:
    if association.is_rejected:
        return "it rejects this service: check both AE titles, and that it knows this service"
    if association.rejected_contexts:
        return "it accepts nothing that this service sends or asks for"
    if is_connected:
        return "it closes the connection or does not answer: check that it knows this service, and both AE titles"
    return "it cannot be connected to"

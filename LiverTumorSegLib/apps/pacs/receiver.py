"""A C-STORE service for CT images, open to the application entities alone that the configuration lists.

Its server of associations is hardened, since pynetdicom's own trusts whoever connects.
"""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
import uuid
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from socketserver import BaseServer
from time import monotonic
from typing import Any, Protocol

from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from ...core.errors import UserError
from ...core.sanitize import to_one_line
from ...core.sparse_log import sparse
from ...io.dicom_frames import ENHANCED_KINDS
from . import connection
from .allowed_senders import Senders
from .config import Limits, Receive
from .connection import end_closed, limit_connection
from .image_header import CT_KINDS, OUT_OF_RESOURCES, Refused
from .log import error_place
from .offered_kinds import refusal_words, taken_of

SILENT_SECONDS = 60.0
"""A connection that says nothing for so long is ended."""

HANDSHAKE_SECONDS = 10.0
_HANDSHAKES = 20
_FEWEST_OF_AN_ADDRESS, _ADDRESSES = 4, 3
"""Connections that have yet to ask for an association: of one address as many as are served at once, and at least so
many; of all together, as many as so many addresses."""

_Place = tuple[str, int]
_log = logging.getLogger(__name__)


class AssociationServer(ThreadedAssociationServer):
    """A server of associations.

    Args:
        arguments, options: as :class:`pynetdicom.transport.ThreadedAssociationServer` has them.
        most: associations at once.
        may_connect: whether one who connects from an address may ask for an association at all.
        encryption: for TLS; None for none.
    """

    daemon_threads = True

    def __init__(
        self,
        *arguments: Any,
        most: int,
        may_connect: Callable[[str], bool],
        encryption: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        self._most, self._may_connect, self._encryption = most, may_connect, encryption
        self._of_an_address = max(most, _FEWEST_OF_AN_ADDRESS)
        self._open: dict[_Place, weakref.ref[socket.socket]] = {}
        self._handshakes = threading.BoundedSemaphore(_HANDSHAKES)
        super().__init__(*arguments, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, without waiting for what it says."""
        connection, address = self.socket.accept()
        connection.settimeout(SILENT_SECONDS)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Count a connection, and end an older one where there are too many that are no associations."""
        strange = self._strange()
        own = [place for place in strange if place[0] == client_address[0]]
        if len(own) >= self._of_an_address:
            self._cut(own[0])
        elif len(strange) >= _ADDRESSES * self._of_an_address:
            counts = Counter(address for address, _ in strange)
            self._cut(max(strange, key=lambda place: counts[place[0]]))  # the oldest of them, as they are in order
        self._open[client_address[:2]] = weakref.ref(request)
        return True

    @property
    def is_full(self) -> bool:
        """Whether no further association is to be served now."""
        return sum(association.is_established for association in self.active_associations) >= self._most

    def finish_request(self, request: socket.socket, client_address: Any) -> None:
        """Shake hands, in the thread of this connection alone, and begin the association."""
        if not self._may_connect(client_address[0]):
            msg = "no sender is listed at this address"
            raise ConnectionRefusedError(msg)
        if self._encryption:
            request = self._encrypted(request, self._encryption, client_address[:2])
        super().finish_request(request, client_address)

    def handle_error(self, _: socket.socket, client_address: Any) -> None:
        """Log why a connection failed."""
        error = sys.exc_info()[1]
        refused = str(error) if isinstance(error, ConnectionRefusedError) else ""
        why = refused or getattr(error, "reason", None) or type(error).__name__
        _log.warning("a connection from %s was refused (%s)", client_address[0], to_one_line(str(why)))

    def end(self, seconds: float) -> None:
        """Listen no more, abort all associations, and wait for them, for so long."""
        BaseServer.shutdown(self)
        self.server_close()
        associations, until = self.active_associations, monotonic() + seconds
        for association in associations:
            if association.is_established:
                association.abort(block=False)
            else:
                with suppress(OSError, AttributeError):  # it has just been closed
                    association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        for association in associations:
            if association.ident is not None:  # one that has just been accepted may not run yet
                association.join(max(until - monotonic(), 0))

    def _strange(self) -> list[_Place]:
        """Open connections that are no associations, the oldest first."""
        for place, accepted in list(self._open.items()):
            still = accepted()
            if still is None or still.fileno() < 0:
                self._open.pop(place, None)
        served = {(one.requestor.address, one.requestor.port) for one in self.active_associations if one.is_established}
        return [place for place in list(self._open) if place not in served]

    def _cut(self, place: _Place) -> None:
        """End a connection; its thread takes note and closes it."""
        found = self._open.pop(place, None)
        connection = found and found()
        if connection:
            with suppress(OSError):  # it has just been closed
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _encrypted(self, connection: socket.socket, encryption: ssl.SSLContext, place: _Place) -> ssl.SSLSocket:
        if not self._handshakes.acquire(blocking=False):
            msg = "too many other connections are still being set up"
            raise ConnectionRefusedError(msg)
        try:
            connection.settimeout(HANDSHAKE_SECONDS)
            encrypted = encryption.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self._open[place] = weakref.ref(encrypted)
            encrypted.do_handshake()
            encrypted.settimeout(SILENT_SECONDS)
            return encrypted
        finally:
            self._handshakes.release()


TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGExtended12Bit,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.RLELossless,
)
"""Encodings that the reader of DICOM folders reads, but for the deflated one, whose size nobody knows beforehand."""

KINDS: frozenset[str] = CT_KINDS
"""SOP classes of the images that are taken."""

_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110
"""Status of a C-STORE, PS3.7 annex C."""

_CALLING_TITLE, _CALLED_TITLE, _LIMIT = (1, 1, 3), (1, 1, 7), (2, 3, 2)
"""Result, source and reason of a rejected association, PS3.8 table 9-21."""

_DATA, _CONTEXT_AT = b"\x04", 10
"""First byte of a P-DATA-TF PDU, and where it names its presentation context, PS3.8 section 9.3.5."""

_MEGABYTE = 1_000_000
_DATA_PDU = 0x20000
"""Bytes that we let senders put into one; the longest that dcmtk makes."""

_TRIES_AGAIN = "a sender that does not try again loses what it sent: raise the limit, or let it send fewer at once"
_REQUEST_SECONDS = 10
_END_SECONDS = 5
_POLL_SECONDS = 0.1


class Taker(Protocol):
    """What takes images, such as an :class:`.inbox.Inbox`."""

    arriving: Path
    """The folder in which a file may be written before it is taken, under any name."""

    def take(self, file: Path, sender: str) -> None:
        """Take an image of a sender; raises ``Refused`` where it does not."""


class Receiver:
    """A C-STORE service for CT images, and C-ECHO.

    Args:
        receive: where and whom to serve.
        limits: on an image's size.
        inbox: what takes the images.
        kinds: SOP classes that are taken.
    """

    def __init__(self, receive: Receive, limits: Limits, inbox: Taker, *, kinds: Iterable[str] = KINDS) -> None:
        self._receive, self._inbox, self._kinds = receive, inbox, frozenset(kinds)
        self._senders = Senders(receive.senders)
        self._longest = {kind: round(limits.image_mb * _MEGABYTE) for kind in KINDS}
        self._longest |= dict.fromkeys(ENHANCED_KINDS, round(limits.enhanced_mb * _MEGABYTE))
        self._listener: AssociationServer | None = None
        self._told: set[str] = set()
        self._ends = ExitStack()

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises:
            UserError: the address is not this machine's, the port is taken, or a certificate is missing.
        """
        encryption = connection.server_context(self._receive.tls) if self._receive.tls else None
        try:
            self._listener = _application_entity(self._receive, self._kinds).make_server(
                (self._receive.address, self._receive.port),
                evt_handlers=self._handlers(),
                server_class=AssociationServer,
                most=self._receive.associations,
                may_connect=self._senders.may_connect,
                encryption=encryption,
            )
        except OSError as error:
            place = f"port {self._receive.port} of {self._receive.address}"
            msg = f"The service cannot listen on {place} ({error.strerror}): change [receive] in pacs.toml."
            raise UserError(msg) from error
        self._ends.enter_context(sparse(__name__, __name__))
        threading.Thread(
            target=self._listener.serve_forever, args=[_POLL_SECONDS], name="receiver", daemon=True
        ).start()

    def stop(self) -> None:
        """Listen no more; an image that is being taken is taken, one that is still coming is not."""
        if self._listener is None:
            return
        self._listener.end(_END_SECONDS)
        self._listener = None
        self._ends.close()

    def _handlers(self) -> list[tuple[Any, Any]]:
        return [
            (evt.EVT_CONN_OPEN, self._connected),
            (evt.EVT_CONN_CLOSE, lambda event: end_closed(event.assoc)),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_STORE, self._store),
        ]

    def _connected(self, event: evt.Event) -> None:
        limit_connection(event.assoc, SILENT_SECONDS)
        _Meter(event.assoc, self._longest)

    def _requested(self, event: evt.Event) -> None:
        """Reject an association here, where its address can be looked at together with its title."""
        rejected = self._why_not(event.assoc)
        if rejected:
            words, reason = rejected
            _log.warning("%s was rejected: %s", _sender_name(event.assoc), words)
            event.assoc.acse.send_reject(*reason)
            event.assoc.kill()

    def _why_not(self, association: Association) -> tuple[str, tuple[int, int, int]] | None:
        """The reason not to serve an association, in words and in the protocol's; None for one that is served."""
        called = association.requestor.primitive.called_ae_title
        if called != self._receive.ae_title:
            own = self._receive.ae_title
            return f"it called “{to_one_line(called)}”, but this service is “{own}”: correct that there", _CALLED_TITLE
        asking = association.requestor
        if not self._senders.may_send(asking.primitive.calling_ae_title, asking.address):
            return "it is not listed in [receive] senders, by this title and at this address", _CALLING_TITLE
        if self._listener is None or self._listener.is_full:
            most = self._receive.associations
            return f"[receive] associations allows no more than {most} at once; {_TRIES_AGAIN}", _LIMIT
        return None

    def _accepted(self, event: evt.Event) -> None:
        """Warn of a sender of which nothing is taken, each time; most offer all that they may ever send."""
        sender, refused = _sender_name(event.assoc), event.assoc.rejected_contexts
        if not taken_of(event.assoc.accepted_contexts, self._kinds):
            if words := refusal_words(refused, self._kinds):
                _log.warning("%s %s.", sender, words)
        elif refused and _title(event.assoc) not in self._told:
            self._told.add(_title(event.assoc))
            _log.info("%s also offers other kinds of objects, which are not accepted: only CT is.", sender)

    def _store(self, event: evt.Event) -> int:
        """Take one image; whatever is wrong with it, others may follow."""
        file = self._inbox.arriving / f"{uuid.uuid4().hex}.dcm"
        try:
            file.write_bytes(event.encoded_dataset())
            self._inbox.take(file, _title(event.assoc))
        except Refused as refused:
            _log.warning("an image from %s was refused: %s", _sender_name(event.assoc), refused.sentence)
            return refused.status
        except OSError as error:
            _log.error("an image from %s cannot be kept (%s)", _sender_name(event.assoc), error.strerror)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 whatever it is, and its words may hold identifiers
            _log.error("an image from %s cannot be taken (%s)", _sender_name(event.assoc), error_place(error))
            return _PROCESSING_FAILURE
        finally:
            file.unlink(missing_ok=True)
        return _SUCCESS


class _Meter:
    """Ends an association whose message is longer than an image may be, before it is held in memory.

    Args:
        association: to watch.
        longest: bytes of an image, by its SOP class.
    """

    def __init__(self, association: Association, longest: Mapping[str, int]) -> None:
        self._longest, self._bytes, self._ended = longest, 0, False
        association.bind(evt.EVT_DATA_RECV, self._received)
        association.bind(evt.EVT_DIMSE_RECV, self._whole)

    def _received(self, event: evt.Event) -> None:
        self._bytes += len(event.data) if event.data[:1] == _DATA else 0
        if self._bytes > min(self._longest.values()) and self._bytes > (longest := self._longest_now(event)):
            self._end(event.assoc, f"an image of more than {longest / _MEGABYTE:g} MB")

    def _longest_now(self, event: evt.Event) -> int:
        """By the presentation context that the first of a PDU's values is of (PS3.8, section 9.3.5.1)."""
        kinds = {context.context_id: str(context.abstract_syntax) for context in event.assoc.accepted_contexts}
        kind = kinds.get(event.data[_CONTEXT_AT], "") if len(event.data) > _CONTEXT_AT else ""
        return self._longest.get(kind, min(self._longest.values()))

    def _whole(self, event: evt.Event) -> None:
        """A message begins anew; a sender waits for each answer, so that more than one at a time are not to be kept."""
        self._bytes = 0
        if event.assoc.dimse.msg_queue.qsize() > 1:
            self._end(event.assoc, "images without waiting for answers")

    def _end(self, association: Association, what: str) -> None:
        if not self._ended:
            self._ended = True
            _log.warning("%s sent %s: its association was ended", _sender_name(association), what)
            association.abort(block=False)


def _application_entity(receive: Receive, kinds: Iterable[str]) -> AE:
    entity = AE(receive.ae_title)
    entity.add_supported_context(Verification)
    for kind in sorted(kinds):
        entity.add_supported_context(kind, list(TRANSFER_SYNTAXES))
    entity.maximum_associations = 1_000_000  # the listener counts them, and leaves those out that say nothing
    entity.maximum_pdu_size = _DATA_PDU
    entity.acse_timeout = _REQUEST_SECONDS
    entity.dimse_timeout = entity.network_timeout = SILENT_SECONDS
    return entity


def _title(association: Association) -> str:
    return to_one_line(association.requestor.primitive.calling_ae_title)


def _sender_name(association: Association) -> str:
    return f"“{_title(association)}” at {association.requestor.address}"

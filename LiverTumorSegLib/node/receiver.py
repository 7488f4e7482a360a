"""CT images that come by C-STORE, from those application entities alone that the configuration lists."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import uuid
from typing import Any

from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage, Verification

from ..errors import UserError
from ..visible import on_one_line
from . import tls
from .config import Limits, Receive, Sender
from .connection import bound, closed
from .image_header import OUT_OF_RESOURCES
from .inbox import Inbox, Refused
from .listener import SILENT_SECONDS, Listener
from .log import what

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
"""Those that the reader of DICOM folders reads, but for the deflated one, whose size nobody knows beforehand."""

_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110
"""Status of a C-STORE, PS3.7 annex C."""

_CALLING_TITLE, _CALLED_TITLE, _LIMIT = (1, 1, 3), (1, 1, 7), (2, 3, 2)
"""Result, source and reason of a rejected association, PS3.8 table 9-21."""

_DATA = b"\x04"
"""What a P-DATA-TF PDU begins with, PS3.8 section 9.3.5."""

_MEGABYTE = 1_000_000
_DATA_PDU = 0x20000
"""Bytes that we let senders put into one; the longest that dcmtk makes."""

_REQUEST_SECONDS = 10
_END_SECONDS = 5
_POLL_SECONDS = 0.1
_log = logging.getLogger(__name__)


class Receiver:
    """A C-STORE service for CT images, and C-ECHO.

    Args:
        receive: where and whom to serve.
        limits: on an image's size.
        inbox: what takes the images.
    """

    def __init__(self, receive: Receive, limits: Limits, inbox: Inbox) -> None:
        self._receive, self._inbox = receive, inbox
        self._longest = round(limits.image_mb * _MEGABYTE)
        self._listener: Listener | None = None
        self._told: set[str] = set()

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises:
            UserError: the address is not this machine's, the port is taken, or a certificate is missing.
        """
        encryption = tls.for_server(self._receive.tls) if self._receive.tls else None
        try:
            self._listener = _entity(self._receive).make_server(
                (self._receive.address, self._receive.port),
                evt_handlers=self._handlers(),
                server_class=Listener,
                most=self._receive.associations,
                encryption=encryption,
            )
        except OSError as error:
            place = f"port {self._receive.port} of {self._receive.address}"
            msg = f"{place} cannot be listened on ({error.strerror}): change [receive] in node.toml."
            raise UserError(msg) from error
        threading.Thread(
            target=self._listener.serve_forever, args=[_POLL_SECONDS], name="receiver", daemon=True
        ).start()

    def stop(self) -> None:
        """Listen no more; an image that is being taken is taken, one that is still coming is not."""
        if self._listener is None:
            return
        self._listener.end(_END_SECONDS)
        self._listener = None

    def _handlers(self) -> list[tuple[Any, Any]]:
        return [
            (evt.EVT_CONN_OPEN, self._connected),
            (evt.EVT_CONN_CLOSE, lambda event: closed(event.assoc)),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_STORE, self._store),
        ]

    def _connected(self, event: evt.Event) -> None:
        bound(event.assoc, SILENT_SECONDS)
        _Meter(event.assoc, self._longest)

    def _requested(self, event: evt.Event) -> None:
        """Reject an association here, where its address can be looked at together with its title."""
        rejected = self._why_not(event.assoc)
        if rejected:
            words, reason = rejected
            _log.warning("%s %s: rejected", _who(event.assoc), words)
            event.assoc.acse.send_reject(*reason)
            event.assoc.kill()

    def _why_not(self, association: Association) -> tuple[str, tuple[int, int, int]] | None:
        """In words, and in those of the protocol; None for one that is served."""
        called = association.requestor.primitive.called_ae_title
        if called != self._receive.ae_title:
            return f"called “{on_one_line(called)}”, which is not this node", _CALLED_TITLE
        if not any(_is_from(sender, association) for sender in self._receive.senders):
            return "is not listed in [receive] senders", _CALLING_TITLE
        if self._listener is None or self._listener.is_full:
            return "has to come again, as [receive] associations are open", _LIMIT
        return None

    def _accepted(self, event: evt.Event) -> None:
        """Log what is not taken: most senders offer all that they may ever send, which is said of each once."""
        left = {context.abstract_syntax for context in event.assoc.rejected_contexts}
        left -= {context.abstract_syntax for context in event.assoc.accepted_contexts}
        if CTImageStorage in left:
            _log.warning("%s offers CT images in no encoding that is read here: none is taken", _who(event.assoc))
        elif left and _title(event.assoc) not in self._told:
            self._told.add(_title(event.assoc))
            words = "%s also offered other kinds of images; CT alone is taken, which is as it should be"
            _log.info(words, _who(event.assoc))

    def _store(self, event: evt.Event) -> int:
        """Take one image; whatever is wrong with it, others may follow."""
        file = self._inbox.arriving / f"{uuid.uuid4().hex}.dcm"
        try:
            file.write_bytes(event.encoded_dataset())
            self._inbox.take(file, _title(event.assoc))
        except Refused as refused:
            _log.warning("an image from %s was refused: %s", _who(event.assoc), refused.sentence)
            return refused.status
        except OSError as error:
            _log.error("an image from %s cannot be kept (%s)", _who(event.assoc), error.strerror)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 whatever it is, and its words may hold identifiers
            _log.error("an image from %s cannot be taken (%s)", _who(event.assoc), what(error))
            return _PROCESSING_FAILURE
        finally:
            file.unlink(missing_ok=True)
        return _SUCCESS


class _Meter:
    """Ends an association whose message is longer than an image may be, before it is held in memory."""

    def __init__(self, association: Association, longest: int) -> None:
        self._longest, self._bytes, self._ended = longest, 0, False
        association.bind(evt.EVT_DATA_RECV, self._received)
        association.bind(evt.EVT_DIMSE_RECV, self._whole)

    def _received(self, event: evt.Event) -> None:
        self._bytes += len(event.data) if event.data[:1] == _DATA else 0
        if self._bytes > self._longest:
            self._end(event.assoc, f"an image of more than {self._longest / _MEGABYTE:g} MB")

    def _whole(self, event: evt.Event) -> None:
        """A message begins anew; a sender waits for each answer, so that more than one at a time are not to be kept."""
        self._bytes = 0
        if event.assoc.dimse.msg_queue.qsize() > 1:
            self._end(event.assoc, "images without waiting for answers")

    def _end(self, association: Association, what: str) -> None:
        if not self._ended:
            self._ended = True
            _log.warning("%s sent %s: its association was ended", _who(association), what)
            association.abort(block=False)


def _entity(receive: Receive) -> AE:
    entity = AE(receive.ae_title)
    entity.add_supported_context(Verification)
    entity.add_supported_context(CTImageStorage, list(TRANSFER_SYNTAXES))
    entity.maximum_associations = 1_000_000  # the listener counts them, and leaves those out that say nothing
    entity.maximum_pdu_size = _DATA_PDU
    entity.acse_timeout = _REQUEST_SECONDS
    entity.dimse_timeout = entity.network_timeout = SILENT_SECONDS
    return entity


def _is_from(sender: Sender, association: Association) -> bool:
    """Whether the other side of an association is this sender."""
    if sender.ae_title != association.requestor.primitive.calling_ae_title:
        return False
    return sender.address is None or _address(association.requestor.address) in _addresses(sender.address)


def _addresses(host: str) -> set[Any]:
    """Of a machine; looked up each time, as they may change and a name server may be down for a while."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {_address(str(entry[4][0])) for entry in found}


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _title(association: Association) -> str:
    return on_one_line(association.requestor.primitive.calling_ae_title)


def _who(association: Association) -> str:
    return f"“{_title(association)}” at {association.requestor.address}"

"""Connections to other machines: bounds on DICOM associations, TLS contexts, and the errors that they end with."""

from __future__ import annotations

import logging
import ssl

from pynetdicom.association import Association
from pynetdicom.status import code_to_category

from ...core.errors import UserError
from .config import Tls

LONGEST_PDU = 1 << 20
"""Bytes; more than any request for an association has, and than we let others make their data PDUs."""


def limit_connection(association: Association, silent_seconds: float) -> None:
    """Let an association that has just been connected wait no longer, and take no longer PDU, than any honest one.

    Args:
        association: at :data:`pynetdicom.evt.EVT_CONN_OPEN`, with its connection open and nothing read.
        silent_seconds: in the middle of a PDU, after which the connection is taken for lost.
    """
    connection = association.dul.socket
    connection.socket.settimeout(silent_seconds)
    receive = connection.recv

    def bounded(count: int) -> bytearray:
        if count > LONGEST_PDU:
            msg = "a PDU is too long"
            raise ConnectionAbortedError(msg)
        return receive(count)

    connection.recv = bounded


def end_closed(association: Association) -> None:
    """Let an association whose connection has closed before it was asked for end at once, not when its time is up."""
    if association.is_acceptor and association.requestor.primitive is None:
        association.dul.to_user_queue.put(None)


def server_context(tls: Tls) -> ssl.SSLContext:
    """The TLS context of a server; who connects has to show a certificate.

    Raises:
        UserError: a file is missing or wrong.
    """
    return _with_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)


def client_context(tls: Tls) -> ssl.SSLContext:
    """The TLS context of a client; the server's certificate has to be for the name or the address that is connected to.

    Raises:
        UserError: a file is missing or wrong.
    """
    return _with_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), tls)


def _with_certificates(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    _refuse_unreadable(tls)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        msg = (
            f"{tls.certificate} and {tls.key} are not a certificate and its key, in PEM format and without a password: "
            "replace them."
        )
        raise UserError(msg) from error
    try:
        context.load_verify_locations(tls.authorities)
    except OSError as error:
        msg = f"{tls.authorities} holds no certificates in PEM: give those of the authorities that are accepted."
        raise UserError(msg) from error
    return context


def _refuse_unreadable(tls: Tls) -> None:
    try:
        for file in (tls.certificate, tls.key, tls.authorities):
            file.read_bytes()
    except OSError as error:
        msg = f"{error.filename} cannot be read ({error.strerror}): check its name in pacs.toml, and who may read it."
        raise UserError(msg) from error


def _no_password() -> str:
    """OpenSSL would ask for one on the terminal, where nobody answers."""
    return ""


class Unreachable(Exception):
    """A server cannot be used now, and may be later; the words say why, without identifiers."""


class Rejected(Exception):
    """A server refuses, however often it is asked; the words say why, without identifiers."""


_DUPLICATE = 0x0111
_TRANSIENT = frozenset({0x0110, 0x0124})
"""Processing failure; not authorised, which somebody may put right."""

_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_log = logging.getLogger(__name__)


def raise_for_status(status: int, kind: str) -> None:
    """Return where the archive has an object.

    Args:
        status: of it.
        kind: of object, as ``SEG``.

    Raises:
        Unreachable: it may be stored later.
        Rejected: it is not stored, and will not be.
    """
    category = code_to_category(status)
    if category == "Success" or status == _DUPLICATE:
        return
    if category == "Warning":
        _log.warning("The archive stored a %s, with a warning (status %04X).", kind, status)
        return
    msg = f"it does not store a {kind} (status {status:04X})"
    raise Unreachable(msg) if status in _OUT_OF_RESOURCES or status in _TRANSIENT else Rejected(msg)

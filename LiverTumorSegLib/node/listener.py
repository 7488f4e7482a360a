"""The listening end of DICOM's upper layer (PS3.8), hardened: pynetdicom's own trusts whoever connects.

There, a TLS handshake that never ends holds up everybody else, and connections that say nothing are not counted.
"""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
from contextlib import suppress
from socketserver import BaseServer
from time import monotonic
from typing import Any

from pynetdicom.transport import ThreadedAssociationServer

from ..visible import on_one_line

SILENT_SECONDS = 60.0
"""A connection that says nothing for so long is ended."""

HANDSHAKE_SECONDS = 10.0
_HANDSHAKES = 20
_OPEN_FOR_EACH = 3
"""Connections for each association that is served: the others have yet to ask for one, and may be noise."""

_log = logging.getLogger(__name__)


class Listener(ThreadedAssociationServer):
    """A server of associations.

    Args:
        arguments, options: as :class:`pynetdicom.transport.ThreadedAssociationServer` has them.
        most: associations at once.
        encryption: for TLS; None for none.
    """

    daemon_threads = True

    def __init__(self, *arguments: Any, most: int, encryption: ssl.SSLContext | None = None, **options: Any) -> None:
        self._most, self._encryption = most, encryption
        self._handshakes = threading.BoundedSemaphore(_HANDSHAKES)
        super().__init__(*arguments, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, without waiting for what it says."""
        connection, address = self.socket.accept()
        connection.settimeout(SILENT_SECONDS)
        return connection, address

    def verify_request(self, *_: Any) -> bool:
        """Close at once what is far above the number of associations."""
        return len(self.active_associations) < _OPEN_FOR_EACH * self._most

    @property
    def is_full(self) -> bool:
        """Whether no further association is to be served now."""
        return sum(association.is_established for association in self.active_associations) >= self._most

    def finish_request(self, request: socket.socket, client_address: Any) -> None:
        """Shake hands, in the thread of this connection alone, and begin the association."""
        if self._encryption:
            request = self._encrypted(request, self._encryption)
        super().finish_request(request, client_address)

    def handle_error(self, _: socket.socket, client_address: Any) -> None:
        """Log why a connection failed."""
        error = sys.exc_info()[1]
        why = getattr(error, "reason", None) or type(error).__name__
        _log.warning("a connection from %s was refused (%s)", client_address[0], on_one_line(str(why)))

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
            association.join(max(until - monotonic(), 0))

    def _encrypted(self, connection: socket.socket, encryption: ssl.SSLContext) -> ssl.SSLSocket:
        if not self._handshakes.acquire(blocking=False):
            msg = "too many others are still shaking hands"
            raise ConnectionRefusedError(msg)
        try:
            connection.settimeout(HANDSHAKE_SECONDS)
            encrypted = encryption.wrap_socket(connection, server_side=True)
            encrypted.settimeout(SILENT_SECONDS)
            return encrypted
        finally:
            self._handshakes.release()

"""A connection of the upper layer (PS3.8), bounded: pynetdicom waits and reads for as long as the other side likes."""

from __future__ import annotations

from pynetdicom.association import Association

LONGEST_PDU = 1 << 20
"""Bytes; more than any request for an association has, and than we let others make their data PDUs."""


def bound(association: Association, silent_seconds: float) -> None:
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


def closed(association: Association) -> None:
    """Let an association whose connection has closed before it was asked for end at once, not when its time is up."""
    if association.is_acceptor and association.requestor.primitive is None:
        association.dul.to_user_queue.put(None)

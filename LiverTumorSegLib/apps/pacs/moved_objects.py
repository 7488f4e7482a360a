"""Objects of a series on their way here: as they come, and how an archive is asked to send them by C-MOVE.

The port that a C-MOVE sends to is open while a series comes, to the archive alone, and takes that series alone.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move

from ...core.atomic_files import system_temporary_folder
from ...core.errors import UserError
from .association import associated, ended_when
from .config import Limits, Peer, Receive
from .connection import Rejected, Unreachable
from .image_header import OUT_OF_RESOURCES, Refused
from .query import SUCCESS, question, refuse_unserved
from .receiver import Receiver

MOVE_SECONDS = 600.0
"""For each answer to a C-MOVE: archives may say nothing until all images have been sent, or read from a tape."""

_NOT_AUTHORISED = 0x0124
_MEGABYTE = 1_000_000
_log = logging.getLogger(__name__)
_ports: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)


class Arriving:
    """Objects as they come; what goes wrong with one ends it all.

    Args:
        take: gets each, as a file of PS3.10, and how many there are.
        longest: bytes of an object.
        of: how many the archive says there are.
    """

    def __init__(self, take: Callable[[bytes, int], None], longest: int, of: int) -> None:
        self._take, self.longest, self._of = take, longest, of
        self.count = 0
        self.error: Exception | None = None

    def keep(self, content: bytes) -> bool:
        """Pass an object on; False where it is not wanted, or not any more."""
        if self.error:
            return False
        if len(content) > self.longest:
            self.error = Rejected("its answer is longer than this service accepts")
            return False
        self.count += 1
        try:
            self._take(content, max(self._of, self.count))
        except Exception as error:  # noqa: BLE001 pynetdicom would pass over it
            self.error = error
        return self.error is None

    def end(self, status: int | None, silence: str, advice: str = "") -> None:
        """Say what came of it all.

        Args:
            status: that the archive ended with; None where it did not answer.
            silence: what it may be where it did not.
            advice: what may help where it refused.

        Raises:
            Unreachable, Rejected: nothing came, or an object is too large.
            Exception: what taking an object raised.
        """
        if self.error:
            raise self.error
        if status is None:
            msg = f"it did not answer in time, or ended the connection: {silence}"
            raise Unreachable(msg)
        if status != SUCCESS and not self.count:
            msg = f"it does not send the series (status {status:04X}){advice and f': {advice}'}"
            raise Rejected(msg)


def fetch_by_move(
    peer: Peer,
    encryption: ssl.SSLContext | None,
    receive: Receive,
    keys: dict[str, str],
    kinds: Collection[str],
    arriving: Arriving,
    stopped: threading.Event | None = None,
) -> None:
    """Have an archive send the objects of a series to a port of this machine, one series after another.

    Args:
        peer: the archive.
        encryption: of the connection to it; None for none.
        receive: the port, and who may send there.
        keys: the UIDs of study and series.
        kinds: SOP classes that are taken.
        arriving: gets the objects.
        stopped: ends it when set, as an archive may be silent for minutes.

    Raises:
        Unreachable, Rejected: it does not answer, or does not send them; or nothing can be received now.
    """
    last: int | None = None
    with (
        _port_of(receive, peer.timeout_seconds),
        _receiving(receive, kinds, keys["SeriesInstanceUID"], arriving),
        associated(peer, encryption, {Move}, MOVE_SECONDS) as association,
        ended_when(stopped, association),
    ):
        refuse_unserved(association, Move, "C-MOVE")
        for status, _ in association.send_c_move(question("SERIES", keys), receive.ae_title, Move):
            last = status.get("Status")
            if arriving.error:
                association.abort()
                break
    arriving.end(
        last,
        "check that it lets this service fetch by C-MOVE, and knows who asks",
        f"check that it knows “{receive.ae_title}” with the address and port of this service",
    )


@contextmanager
def _port_of(receive: Receive, patience: float) -> Iterator[None]:
    """The port is this series' alone for the length of the block."""
    lock = _ports[receive.address, receive.port]
    if not lock.acquire(timeout=patience):
        msg = "it is sending a series to another session: try again when that has it"
        raise Unreachable(msg)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _receiving(receive: Receive, kinds: Collection[str], series: str, arriving: Arriving) -> Iterator[None]:
    """The port is open for the length of the block."""
    with system_temporary_folder() as folder:
        limits = Limits(image_mb=arriving.longest / _MEGABYTE, enhanced_mb=arriving.longest / _MEGABYTE)
        receiver = Receiver(receive, limits, _OneSeries(folder, series, arriving), kinds=kinds)
        try:
            receiver.start()
        except UserError as error:
            place = f"port {receive.port} of {receive.address} cannot be listened on ({error.__cause__ or error})"
            _log.warning("no series can be sent here by C-MOVE: %s", place)
            msg = "nothing can be received from it now: tell whoever started the program"
            raise Unreachable(msg) from error
        try:
            yield
        finally:
            receiver.stop()


class _OneSeries:
    """Takes the images of one series, of which each lies in a file for a moment."""

    def __init__(self, arriving: Path, series: str, objects: Arriving) -> None:
        self.arriving, self._series, self._objects = arriving, series, objects

    def take(self, file: Path, _sender: str) -> None:
        found = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
        if found.get("SeriesInstanceUID") != self._series:
            raise Refused(_NOT_AUTHORISED, "it is not of the series that was asked for")
        if not self._objects.keep(file.read_bytes()):
            raise Refused(OUT_OF_RESOURCES, "the session does not take it")

"""Objects go to an application entity by C-STORE (PS3.4 annex B)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SegmentationStorage,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import Verification

from . import tls
from .config import Peer
from .connection import bound
from .reaching import Rejected, Unreachable
from .storage_status import judge

_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_PENDING = frozenset({0xFF00, 0xFF01})
_MOST_FOUND = 100
"""Answers to a question that has one: an archive that knows not the attribute may go on with all that it holds."""

_MADE = {
    "DICOM Segmentations": {SegmentationStorage},
    "Structured Reports": {ComprehensiveSRStorage, Comprehensive3DSRStorage},  # the second for tilted slices
}


class Peering:
    """Sends objects to an application entity.

    Args:
        peer: it.

    Raises:
        UserError: a certificate is missing or wrong.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._encryption = tls.for_client(peer.tls) if peer.tls else None

    @property
    def name(self) -> str:
        """Its title, machine and port."""
        return f"“{self._peer.ae_title}” at {self._peer.address}:{self._peer.port}"

    def check(self) -> str:
        """Ask it for C-ECHO, and what it would take; returns what it says.

        Raises:
            Unreachable: it cannot be connected to, or does not know this node.
            Rejected: it takes no DICOM Segmentations, or no Structured Reports as made here.
        """
        with self._associated({Verification}.union(*_MADE.values())) as association:
            refused = [
                words for words, kinds in _MADE.items() if not all(_accepts(association, kind) for kind in kinds)
            ]
            answers = not _accepts(association, Verification) or "Status" in association.send_c_echo()
        if not answers:
            msg = "it does not answer to C-ECHO"
            raise Unreachable(msg)
        if refused:
            msg = f"it takes no {' and no '.join(refused)}"
            raise Rejected(msg)
        return f"{self.name} answers, and takes {' and '.join(_MADE)}."

    def store(self, objects: Sequence[Dataset]) -> None:
        """Send those of some objects that are not there.

        Raises:
            Unreachable: not all are there, and it may take the others later.
            Rejected: all are there that it takes.
        """
        classes = {str(one.SOPClassUID) for one in objects}
        with self._associated(classes) as association:
            missing = [one for one in objects if not _is_there(association, one)]
        if not missing:
            return
        with self._associated(classes) as association:  # a new one, as some archives end it where they answer nothing
            refused = [why for one in missing if (why := _store(association, one))]
        if refused:
            raise refused[0]

    @contextmanager
    def _associated(self, classes: set[str]) -> Iterator[Association]:
        entity = self._entity(classes)
        encryption = (self._encryption, self._peer.address) if self._encryption else None
        connected: list[Association] = []

        def connect(event: evt.Event) -> None:
            connected.append(event.assoc)
            bound(event.assoc, self._peer.timeout_seconds)

        place = self._peer.address, self._peer.port
        try:
            association = entity.associate(
                *place,
                ae_title=self._peer.ae_title,
                tls_args=encryption,
                evt_handlers=[(evt.EVT_CONN_OPEN, connect)],
            )
        except OSError as error:
            msg = "its machine is not known"
            raise Unreachable(msg) from error
        if not association.is_established:
            raise Unreachable(_why_not(association, is_connected=bool(connected)))
        try:
            yield association
        finally:
            association.release()

    def _entity(self, classes: set[str]) -> AE:
        entity = AE(self._peer.calling)
        for storage in sorted(classes):
            entity.add_requested_context(storage, list(_SYNTAXES))
        entity.add_requested_context(Find, list(_SYNTAXES))
        seconds = self._peer.timeout_seconds
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
        return entity


def _why_not(association: Association, *, is_connected: bool) -> str:
    if association.is_rejected:
        return "it rejects this node: are both AE titles right, and does it know this one"
    if association.rejected_contexts:
        return "it takes nothing of what this node sends"
    if is_connected:
        return "it closes the connection, or does not answer: does it know this node, and are both AE titles right"
    return "it cannot be connected to"


def _store(association: Association, one: Dataset) -> Rejected | None:
    """Store an object; returns why it is not taken, so that others may be."""
    try:
        _send(association, one)
    except Rejected as why:
        return why
    return None


def _send(association: Association, one: Dataset) -> None:
    if not _accepts(association, one.SOPClassUID):
        msg = f"it takes no {one.Modality}"
        raise Rejected(msg)
    if not association.is_established:
        msg = "it ended the connection"
        raise Unreachable(msg)
    status = association.send_c_store(one)
    if "Status" not in status:
        msg = "it did not answer in time, or ended the connection"
        raise Unreachable(msg)
    judge(status.Status, one.Modality)


def _is_there(association: Association, one: Dataset) -> bool:
    """Whether it says so; one that cannot be asked may get an object again, and has the same one then as before."""
    if not _accepts(association, Find) or not association.is_established:
        return False
    asked = Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(asked, keyword, one[keyword].value)
    answers = list(islice(association.send_c_find(asked, Find), _MOST_FOUND))
    if len(answers) == _MOST_FOUND or any("Status" not in status for status, _ in answers):
        association.abort()  # it goes on, or says nothing, as Orthanc does to whom it does not know
    found = [found for status, found in answers if status.get("Status") in _PENDING and found is not None]
    return any(answer.get("SOPInstanceUID") == one.SOPInstanceUID for answer in found)


def _accepts(association: Association, kind: str) -> bool:
    return any(context.abstract_syntax == kind for context in association.accepted_contexts)

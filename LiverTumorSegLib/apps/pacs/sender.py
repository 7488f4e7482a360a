"""Results are sent to the archive by C-STORE or STOW-RS until it has them, and are stored there once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol

import pydicom
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    SegmentationStorage,
)
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import Verification

from ...core.errors import UserError
from ...reporting.dicom_forms import BINARY
from . import connection
from .association import accepts, associated
from .config import Config, Peer, Send
from .connection import Rejected, Unreachable, raise_for_status
from .log import error_place
from .queue import SeriesQueue
from .queue_reader import QueuedSeries, SeriesState
from .storage import ServiceFolder
from .stow import StowArchive

_log = logging.getLogger(__name__)


class ResultSender:
    """Sends results that wait for it.

    Args:
        config: of the service; its folder has been made.
        queue: of the service.
        deliver: :func:`send_objects`, which asks the archive first what it holds: a service that was killed before it
            had noted that a series was sent does not send it twice.
    """

    def __init__(self, config: Config, queue: SeriesQueue, deliver: Callable[[Sequence[Path], Send], None]) -> None:
        self._to, self._limits, self._folder = config.send, config.limits, ServiceFolder(config.folder)
        self._queue, self._deliver = queue, deliver

    def step(self) -> bool:
        """Send one series; returns whether there was one."""
        series = self._queue.next_to_send()
        if series is None:
            return False
        place = self._folder.result(series.number)
        objects = [place / name for name in self._queue.objects(series.number)]
        if not all(file.is_file() for file in objects):
            self._queue.lost_objects(series.number)
            _log.error("job %d: its result is gone from the service's folder, and will be made again", series.number)
            return True
        try:
            self._deliver(objects, self._to)
        except (Unreachable, UserError) as error:  # a certificate or a password may be put right
            self._try_again(series, str(error))
        except Rejected as error:
            self._fail(series.number, str(error))
        except Exception as error:  # noqa: BLE001 whatever it is, the other series must not wait for ever
            _log.exception("job %d: sending failed unexpectedly", series.number)
            self._try_again(series, f"Sending failed unexpectedly ({error_place(error)}): please report it.")
        else:
            self._queue.sent(series.number)
            _log.info("job %d: done, the archive has its result", series.number)
        return True

    def _try_again(self, series: QueuedSeries, why: str) -> None:
        if self._queue.now() - series.since > timedelta(days=self._limits.send_days):
            self._fail(series.number, f"{why} It was tried for {self._limits.send_days:g} days.")
            return
        pause = self._limits.pause_seconds(series.tries)
        self._queue.send_again(series.number, why, timedelta(seconds=pause))
        _log.warning("job %d: will be sent again in %d s. %s", series.number, pause, why)

    def _fail(self, number: int, why: str) -> None:
        self._queue.failed(number, why, SeriesState.SENDING)
        _log.error("job %d: failed. %s", number, why)


_PENDING = frozenset({0xFF00, 0xFF01})
_MOST_FOUND = 100
"""Answers to a question that has one: an archive that knows not the attribute may go on with all that it holds."""

_RESULT_CLASSES = {
    "DICOM Segmentations": {SegmentationStorage},
    "Structured Reports": {ComprehensiveSRStorage, Comprehensive3DSRStorage},  # the second for tilted slices
}


class CStoreArchive:
    """Sends objects to an application entity.

    Args:
        peer: it.

    Raises:
        UserError: a certificate is missing or wrong.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._encryption = connection.client_context(peer.tls) if peer.tls else None

    @property
    def name(self) -> str:
        """Its title, machine and port."""
        return f"“{self._peer.ae_title}” at {self._peer.address}:{self._peer.port}"

    def check(self) -> str:
        """Ask it for C-ECHO, and what it would take; returns what it says.

        Raises:
            Unreachable: it cannot be connected to, or does not know this service.
            Rejected: it takes no DICOM Segmentations, or no Structured Reports as made here.
        """
        every = {Verification}.union(*_RESULT_CLASSES.values())
        with self._associated({(kind, "") for kind in every}) as association:
            refused = [
                words
                for words, kinds in _RESULT_CLASSES.items()
                if not all(accepts(association, kind) for kind in kinds)
            ]
            answers = not accepts(association, Verification) or "Status" in association.send_c_echo()
        if not answers:
            msg = "it does not answer to C-ECHO"
            raise Unreachable(msg)
        if refused:
            msg = f"it takes no {' and no '.join(refused)}"
            raise Rejected(msg)
        return f"{self.name} answers, and takes {' and '.join(_RESULT_CLASSES)}."

    def store(self, objects: Sequence[Dataset]) -> None:
        """Send those of some objects that are not there.

        Raises:
            Unreachable: not all are there, and it may take the others later.
            Rejected: all are there that it takes.
        """
        kinds = {(str(one.SOPClassUID), _packing(one)) for one in objects}
        with self._associated(kinds) as association:
            missing = [one for one in objects if not _is_stored(association, one)]
        if not missing:
            return
        with self._associated(kinds) as association:  # a new one, as some archives end it where they answer nothing
            refused = [why for one in missing if (why := _store(association, one))]
        if refused:
            raise refused[0]

    def _associated(self, kinds: Iterable[tuple[str, str]]) -> AbstractContextManager[Association]:
        """Of SOP classes, each with the transfer syntax that its object is packed in; empty for any that is not."""
        plain = {kind for kind, packing in kinds if not packing} | {SegmentationStorage, Find}
        packed = sorted((kind, packing) for kind, packing in kinds if packing)
        return associated(self._peer, self._encryption, plain, packed=packed)


def _packing(one: Dataset) -> str:
    """The transfer syntax of an object that is sent in no other; empty where it is written anew as the other asks."""
    syntax = one.file_meta.TransferSyntaxUID
    return str(syntax) if syntax.is_compressed or syntax.is_deflated else ""


def _store(association: Association, one: Dataset) -> Rejected | None:
    """Store an object; returns why it is not taken, so that others may be."""
    try:
        _send(association, one)
    except Rejected as why:
        return why
    return None


def _send(association: Association, one: Dataset) -> None:
    if not accepts(association, one.SOPClassUID, _packing(one)):
        msg = f"it takes no {one.Modality}"
        raise Rejected(msg)
    if not association.is_established:
        msg = "it ended the connection"
        raise Unreachable(msg)
    status = association.send_c_store(one)
    if "Status" not in status:
        msg = "it did not answer in time, or ended the connection"
        raise Unreachable(msg)
    raise_for_status(status.Status, one.Modality)


def _is_stored(association: Association, one: Dataset) -> bool:
    """Whether the archive says that it has an object; one that cannot be asked may get the same object again."""
    if not accepts(association, Find) or not association.is_established:
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


class Archive(Protocol):
    """A server that takes objects."""

    @property
    def name(self) -> str:
        """Its name, as a log may have it."""

    def store(self, objects: Sequence[pydicom.Dataset]) -> None:
        """Send those of some objects that are not there."""

    def check(self) -> str:
        """Ask whether it answers, and store nothing; returns a sentence."""


def make_archive(to: Send) -> Archive:
    """Make the archive that objects go to; done at the start, this says what is wrong with the configuration.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """
    if to.dicom:
        return CStoreArchive(to.dicom)
    if to.web:
        return StowArchive(to.web)
    raise ValueError(to)


def send_objects(objects: Sequence[Path], to: Send) -> None:
    """Send objects; the archive is asked first which it has, and gets the others.

    Args:
        objects: files of PS3.10.
        to: the archive.

    Raises:
        Unreachable: not all are there, and the archive may take the others later, such as when it runs again, has
            room again, or when somebody has put an address, a password or a list of AE titles right.
        Rejected: the archive does not take one of them, and will not; it has the others.
        UserError: a certificate or the password is missing or wrong.
    """
    goal = make_archive(to)
    try:
        goal.store(_in_taken_form(goal, objects, to.segmentation))
    except Unreachable as error:
        msg = f"The archive {goal.name} cannot be used now: {error}."
        raise Unreachable(msg) from error
    except Rejected as error:
        msg = f"The archive {goal.name} refuses: {error}."
        raise Rejected(msg) from error


def _in_taken_form(goal: Archive, files: Sequence[Path], form: str) -> list[Dataset]:
    """What is still to be sent: the Segmentation is there already in the form asked for if the archive takes it.

    An archive that accepts a form need not be able to show it, so that nothing but binary is sent unasked.
    """
    objects = [pydicom.dcmread(file) for file in files]
    by_kind = {str(one.Modality): one for one in objects}
    if form == BINARY or set(by_kind) != {"SEG", "SR"}:
        return objects
    from ...reporting.dicom_write import in_form

    formed = in_form(by_kind["SEG"], by_kind["SR"], form)
    if formed is None:
        return objects
    segmentation, report = formed
    try:
        goal.store([segmentation])
    except Rejected as error:
        _log.info("the archive takes no DICOM Segmentation as %s, which is sent as binary (%s)", form, error)
        return [pydicom.dcmread(file) for file in files]
    return [report]

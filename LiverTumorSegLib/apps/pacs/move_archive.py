"""An archive that is searched by C-FIND and sends its series here by C-MOVE (PS3.4, annex C), study root."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move

from . import connection
from .archived_series import ArchivedSeries, is_uid, stated_time
from .association import accepts, associated
from .config import Peer
from .connection import Rejected, Unreachable
from .queue import SeriesQueue
from .queue_reader import WITH_RESULT

_SUCCESS, _PENDING = 0x0000, frozenset({0xFF00, 0xFF01})
_MOST_ANSWERS = 20_000
_MOVE_SECONDS = 600.0
"""For each answer to a C-MOVE: archives may say nothing until all images have been sent, or read from a tape."""

_NEVER = "29991231"


class MoveArchive:
    """Searches an application entity, and has it send series to the receiver of this service.

    Args:
        peer: it.
        destination: AE title of the receiver, which the other side knows together with an address and a port.
        queue: of this service: a series that has a result is not asked for again.

    Raises:
        UserError: a certificate is missing or wrong.
    """

    def __init__(self, peer: Peer, destination: str, queue: SeriesQueue) -> None:
        self._peer, self._destination, self._queue = peer, destination, queue
        self._encryption = connection.client_context(peer.tls) if peer.tls else None
        self._stopped = Event()

    @property
    def name(self) -> str:
        """Its title, machine and port."""
        return f"“{self._peer.ae_title}” at {self._peer.address}:{self._peer.port}"

    def stop(self) -> None:
        """Ask for no further series."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether no further series is asked for."""
        return self._stopped.is_set()

    def ct_series(self, since: str) -> list[ArchivedSeries]:
        """The CT series of studies from a day on, as YYYYMMDD.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        asked = {"StudyInstanceUID": "", "StudyDate": f"{since}-", "StudyTime": "", "ModalitiesInStudy": "CT"}
        with associated(self._peer, self._encryption, {Find}) as association:
            _refuse_unserved(association, Find, "C-FIND")
            studies = list(_answers(association, _question("STUDY", **asked)))
            return [one for study in studies if _may_be_ct(study, since) for one in self._of_study(association, study)]

    def ct_images(self, study: str, series: str) -> list[str]:
        """The SOP instance UIDs of a series' images.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        asked = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": "", "SOPClassUID": ""}
        with associated(self._peer, self._encryption, {Find}) as association:
            _refuse_unserved(association, Find, "C-FIND")
            found = list(_answers(association, _question("IMAGE", **asked)))
        of_ct = [answer for answer in found if _text(answer, "SOPClassUID") in ("", CTImageStorage)]
        return [uid for answer in of_ct if is_uid(uid := _text(answer, "SOPInstanceUID"))]

    def fetch(self, study: str, series: str) -> None:
        """Have a series sent here, unless it has a result; images that are here are not kept again.

        Raises:
            Unreachable, Rejected: it does not send it, or not wholly.
        """
        known = self._queue.of(series)
        if known and known.state in WITH_RESULT:
            return
        asked = _question("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
        last = Dataset()
        with associated(self._peer, self._encryption, {Move}, _MOVE_SECONDS) as association:
            _refuse_unserved(association, Move, "C-MOVE")
            for status, _ in association.send_c_move(asked, self._destination, Move):
                last = status
                if self.is_stopped:
                    association.abort()
                    msg = "the service ends"
                    raise Unreachable(msg)
        self._raise_for_move(last)

    def _of_study(self, association: Association, study: Dataset) -> Iterator[ArchivedSeries]:
        asked = {"StudyInstanceUID": study.StudyInstanceUID, "Modality": "CT", "SeriesInstanceUID": ""}
        more = dict.fromkeys(("SeriesDescription", "BodyPartExamined", "NumberOfSeriesRelatedInstances"), "")
        began = stated_time(_text(study, "StudyDate"), _text(study, "StudyTime"))
        for answer in _answers(association, _question("SERIES", **asked, **more)):
            if _text(answer, "Modality") not in ("", "CT") or not is_uid(_text(answer, "SeriesInstanceUID")):
                continue
            images = _text(answer, "NumberOfSeriesRelatedInstances")
            yield ArchivedSeries(
                _text(study, "StudyInstanceUID"),
                _text(answer, "SeriesInstanceUID"),
                int(images) if images.isdecimal() else None,
                _text(answer, "SeriesDescription") or None,  # an archive that does not know it answers with nothing
                _text(answer, "BodyPartExamined") or None,
                began,
            )

    def _raise_for_move(self, status: Dataset) -> None:
        """Return where all, or some, images came: one that this service refused is left out, as if it had been sent."""
        code, sent = status.get("Status"), status.get("NumberOfCompletedSuboperations") or 0
        failed = status.get("NumberOfFailedSuboperations") or 0
        if code is None:
            msg = "it did not answer to C-MOVE in time, or ended the connection: does it know this service"
        elif code == _SUCCESS or (sent and failed):
            return
        else:
            msg = (
                f"it did not send a series to “{self._destination}” (status {code:04X}): list this service there, with "
                "its address and port (in Orthanc, in DicomModalities), and that archive in [receive] senders here"
            )
        raise Unreachable(msg)


def check_archive(peer: Peer, destination: str) -> str:
    """Search an application entity for nothing in particular; returns a sentence on it.

    Args:
        peer: it.
        destination: AE title of this service's receiver.

    Raises:
        Unreachable, Rejected: it cannot be searched, or serves no C-MOVE.
        UserError: a certificate is missing or wrong.
    """
    encryption = connection.client_context(peer.tls) if peer.tls else None
    with associated(peer, encryption, {Find, Move}) as association:
        _refuse_unserved(association, Find, "C-FIND")
        _refuse_unserved(association, Move, "C-MOVE")
        for _ in _answers(association, _question("STUDY", StudyInstanceUID="", StudyDate=f"{_NEVER}-")):
            pass
    return f"answers to C-FIND; whether it sends to {destination} is seen only when it is asked for a series."


def _question(level: str, **keys: str) -> Dataset:
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


def _answers(association: Association, asked: Dataset) -> Iterator[Dataset]:
    """The answers to a C-FIND; raises ``Unreachable`` or ``Rejected`` where they do not come to an end."""
    if not association.is_established:
        msg = "it ended the connection"
        raise Unreachable(msg)
    count = 0
    for status, answer in association.send_c_find(asked, Find):
        code = status.get("Status")
        if code is None:
            msg = "it did not answer to C-FIND in time, or ended the connection: does it know this service"
            raise Unreachable(msg)
        if code not in (*_PENDING, _SUCCESS):
            msg = f"it refuses to be searched (status {code:04X})"
            raise Unreachable(msg)
        if answer is not None:
            count += 1
            yield answer
        if count > _MOST_ANSWERS:
            association.abort()
            msg = f"it answers a search with more than {_MOST_ANSWERS} lines"
            raise Rejected(msg)


def _refuse_unserved(association: Association, kind: str, name: str) -> None:
    if not accepts(association, kind):
        msg = f"it serves no {name} to this service: let it do so, or leave [catch_up] out"
        raise Rejected(msg)


def _may_be_ct(study: Dataset, since: str) -> bool:
    """Whether a study is what was searched for: some archives know not all attributes, and then answer with more."""
    modalities, day = _text(study, "ModalitiesInStudy"), _text(study, "StudyDate")
    return (
        is_uid(_text(study, "StudyInstanceUID"))
        and (not modalities or "CT" in modalities.split("\\"))
        and (not day or day >= since)
    )


def _text(answer: Dataset, keyword: str) -> str:
    """A value as text, several joined by backslashes; empty where there is none, or none that can be read."""
    try:
        value = answer.get(keyword)
        parts = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
        return "\\".join("" if part is None else str(part).strip(" \0") for part in parts)
    except Exception:  # noqa: BLE001 pydicom reads a value when it is asked for, and it may be anything
        return ""

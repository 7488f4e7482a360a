"""An archive that is searched by C-FIND and sends its series here by C-MOVE (PS3.4, annex C), study root."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move

from ...io.dicom_frames import ENHANCED_KINDS
from . import connection
from .archived_series import ArchivedSeries, stated_time
from .association import associated
from .config import Peer
from .connection import Unreachable
from .image_header import CT_KINDS
from .moved_objects import MOVE_SECONDS
from .query import SUCCESS, answers, question, refuse_unserved, text
from .queue import SeriesQueue
from .queue_reader import WITH_RESULT

_NEVER = "29991231"
_ADVICE = "let it do so, or leave [catch_up] out"


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
        asked = {"StudyDate": f"{since}-", "StudyTime": "", "ModalitiesInStudy": "CT"}
        with associated(self._peer, self._encryption, {Find}) as association:
            refuse_unserved(association, Find, "C-FIND", _ADVICE)
            studies = list(answers(association, question("STUDY", asked)))
            return [one for study in studies if _may_be_ct(study, since) for one in self._of_study(association, study)]

    def ct_images(self, study: str, series: str) -> list[str]:
        """The SOP instance UIDs of a series' images.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        return [uid for uid, kind in self._images(study, series) if not kind or kind in CT_KINDS]

    def has_enhanced(self, study: str, series: str) -> bool:
        """Whether it says that images of a series hold many slices each.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        return any(kind in ENHANCED_KINDS for _, kind in self._images(study, series))

    def _images(self, study: str, series: str) -> list[tuple[str, str]]:
        """SOP instance and class UID of a series' images, the latter empty where it is not said."""
        asked = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPClassUID": ""}
        with associated(self._peer, self._encryption, {Find}) as association:
            found = list(answers(association, question("IMAGE", asked)))
        return [(text(answer, "SOPInstanceUID"), text(answer, "SOPClassUID")) for answer in found]

    def fetch(self, study: str, series: str) -> None:
        """Have a series sent here, unless it has a result; images that are here are not kept again.

        Raises:
            Unreachable, Rejected: it does not send it, or not wholly.
        """
        known = self._queue.of(series)
        if known and known.state in WITH_RESULT:
            return
        asked = question("SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": series})
        last = Dataset()
        with associated(self._peer, self._encryption, {Move}, MOVE_SECONDS) as association:
            refuse_unserved(association, Move, "C-MOVE", _ADVICE)
            for status, _ in association.send_c_move(asked, self._destination, Move):
                last = status
                if self.is_stopped:
                    association.abort()
                    msg = "the service ends"
                    raise Unreachable(msg)
        self._raise_for_move(last)

    def _of_study(self, association: Association, study: Dataset) -> Iterator[ArchivedSeries]:
        asked = {"StudyInstanceUID": study.StudyInstanceUID, "Modality": "CT"}
        more = dict.fromkeys(("SeriesDescription", "BodyPartExamined", "NumberOfSeriesRelatedInstances"), "")
        began = stated_time(text(study, "StudyDate"), text(study, "StudyTime"))
        for answer in answers(association, question("SERIES", asked | more)):
            if text(answer, "Modality") not in ("", "CT"):
                continue
            images = text(answer, "NumberOfSeriesRelatedInstances")
            yield ArchivedSeries(
                text(study, "StudyInstanceUID"),
                text(answer, "SeriesInstanceUID"),
                int(images) if images.isdecimal() else None,
                text(answer, "SeriesDescription") or None,  # an archive that does not know it answers with nothing
                text(answer, "BodyPartExamined") or None,
                began,
            )

    def _raise_for_move(self, status: Dataset) -> None:
        """Return where all, or some, images came: one that this service refused is left out, as if it had been sent."""
        code, sent = status.get("Status"), status.get("NumberOfCompletedSuboperations") or 0
        failed = status.get("NumberOfFailedSuboperations") or 0
        if code is None:
            msg = "it did not answer to C-MOVE in time, or ended the connection: check that it knows this service"
        elif code == SUCCESS or (sent and failed):
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
        refuse_unserved(association, Find, "C-FIND", _ADVICE)
        refuse_unserved(association, Move, "C-MOVE", _ADVICE)
        for _ in answers(association, question("STUDY", {"StudyDate": f"{_NEVER}-"})):
            pass
    return f"answers to C-FIND; whether it sends to {destination} is seen only when it is asked for a series."


def _may_be_ct(study: Dataset, since: str) -> bool:
    """Whether a study is what was searched for: some archives know not all attributes, and then answer with more."""
    modalities, day = text(study, "ModalitiesInStudy"), text(study, "StudyDate")
    return (not modalities or "CT" in modalities.split("\\")) and (not day or day >= since)

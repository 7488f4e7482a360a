"""An archive searched by C-FIND and fetched from by C-GET or C-MOVE (PS3.4, annex C), where it has no DICOMweb."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Get

from ...core.sanitize import to_one_line
from . import connection
from .archive_reader import (
    KINDS,
    LONGEST_TEXT,
    MOST_SERIES,
    MOST_STUDIES,
    FoundSeries,
    FoundStudy,
    StudyQuery,
    is_fetched,
)
from .association import associated, ended_when
from .config import Peer, Receive
from .moved_objects import Arriving, fetch_by_move
from .query import SUCCESS, answers, question, refuse_unserved, text
from .receiver import TRANSFER_SYNTAXES

_REFUSED = 0xA700
_ADVICE = "whoever started the program can let it send by C-MOVE"
_STUDY_KEYS = ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "StudyDescription", "ModalitiesInStudy")
_SERIES_KEYS = ("Modality", "SeriesDescription", "SeriesNumber", "NumberOfSeriesRelatedInstances")


class DimseReader:
    """As :class:`.archive_reader.WebReader`, of an application entity.

    Args:
        peer: it.
        longest: bytes of an object.
        receive: where it sends to by C-MOVE; None where it is fetched from by C-GET.

    Raises:
        UserError: a certificate is missing or wrong.
    """

    def __init__(self, peer: Peer, longest: int, receive: Receive | None = None) -> None:
        self._peer, self._longest, self._receive = peer, longest, receive
        self._encryption = connection.client_context(peer.tls) if peer.tls else None

    def studies(self, query: StudyQuery) -> list[FoundStudy]:
        """The studies with CTs that fit, one more than are listed where there are more.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        keys = dict.fromkeys(_STUDY_KEYS, "") | query.attributes
        found = [_study(answer) for answer in self._find("STUDY", keys, MOST_STUDIES + 1)]
        return [study for study in found if query.fits(study)]

    def series(self, study: str) -> list[FoundSeries]:
        """The CT series of a study, and the series of results of this program.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        keys = dict.fromkeys(_SERIES_KEYS, "") | {"StudyInstanceUID": study}
        found = [_series(answer) for answer in self._find("SERIES", keys, MOST_SERIES)]
        return [one for one in found if is_fetched(one)]

    def fetch(
        self,
        study: str,
        series: FoundSeries,
        take: Callable[[bytes, int], None],
        stopped: threading.Event | None = None,
    ) -> None:
        """Fetch the objects of a series; ``take`` gets each, as a file of PS3.10, and how many there are.

        ``stopped`` ends it when set, also while the archive is silent.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should, or an object is too large.
        """
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series.series}
        arriving = Arriving(take, self._longest, len(self._find("IMAGE", keys)))
        kinds = KINDS[series.modality]
        if self._receive:
            fetch_by_move(self._peer, self._encryption, self._receive, keys, kinds, arriving, stopped)
        else:
            self._get(keys, kinds, arriving, stopped)

    def _get(
        self, keys: dict[str, str], kinds: Iterable[str], arriving: Arriving, stopped: threading.Event | None
    ) -> None:
        handlers = [(evt.EVT_C_STORE, lambda event: SUCCESS if arriving.keep(event.encoded_dataset()) else _REFUSED)]
        stored, last = dict.fromkeys(kinds, TRANSFER_SYNTAXES), None
        with (
            associated(self._peer, self._encryption, {Get}, stored=stored, handlers=handlers) as association,
            ended_when(stopped, association),
        ):
            refuse_unserved(association, Get, "C-GET", _ADVICE)
            for status, _ in association.send_c_get(question("SERIES", keys), Get):
                last = status.get("Status")
                if arriving.error:
                    association.abort()
                    break
        arriving.end(last, "check that it lets this service fetch by C-GET")

    def _find(self, level: str, keys: dict[str, str], enough: int | None = None) -> list[Dataset]:
        with associated(self._peer, self._encryption, {Find}) as association:
            return list(answers(association, question(level, keys), enough))


def _study(answer: Dataset) -> FoundStudy:
    names = ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "StudyDescription")
    name, patient, day, accession, description = (_clean(answer, keyword) for keyword in names)
    modalities = tuple(filter(None, text(answer, "ModalitiesInStudy").split("\\")))
    return FoundStudy(_clean(answer, "StudyInstanceUID"), name, patient, day, accession, description, modalities)


def _series(answer: Dataset) -> FoundSeries:
    return FoundSeries(_clean(answer, "SeriesInstanceUID"), *(_clean(answer, keyword) for keyword in _SERIES_KEYS))


def _clean(answer: Dataset, keyword: str) -> str:
    return to_one_line(text(answer, keyword))[:LONGEST_TEXT]

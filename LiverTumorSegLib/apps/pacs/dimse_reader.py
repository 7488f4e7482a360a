"""An archive searched by C-FIND and fetched from by C-GET (PS3.4, annex C), where it has no DICOMweb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
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
from .archived_series import is_uid
from .association import accepts, associated
from .config import Peer
from .connection import Rejected, Unreachable
from .receiver import TRANSFER_SYNTAXES

_PENDING, _SUCCESS, _REFUSED = frozenset({0xFF00, 0xFF01}), 0x0000, 0xA700
_STUDY_KEYS = ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "StudyDescription", "ModalitiesInStudy")
_SERIES_KEYS = ("Modality", "SeriesDescription", "SeriesNumber", "NumberOfSeriesRelatedInstances")
_NO_ANSWER = "it did not answer in time, or ended the connection"


class DimseReader:
    """As :class:`.archive_reader.WebReader`, of an application entity.

    Args:
        peer: it.
        longest: bytes of an object.

    Raises:
        UserError: a certificate is missing or wrong.
    """

    def __init__(self, peer: Peer, longest: int) -> None:
        self._peer, self._longest = peer, longest
        self._encryption = connection.client_context(peer.tls) if peer.tls else None

    def studies(self, query: StudyQuery) -> list[FoundStudy]:
        """The studies with CTs that fit, one more than are listed where there are more.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        keys = dict.fromkeys(_STUDY_KEYS, "") | query.attributes
        found = [_study(answer) for answer in self._find("STUDY", "StudyInstanceUID", keys, MOST_STUDIES + 1)]
        return [study for study in found if query.fits(study)]

    def series(self, study: str) -> list[FoundSeries]:
        """The CT series of a study, and the series of results of this program.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        keys = dict.fromkeys(_SERIES_KEYS, "") | {"StudyInstanceUID": study}
        found = [_series(answer) for answer in self._find("SERIES", "SeriesInstanceUID", keys, MOST_SERIES)]
        return [one for one in found if is_fetched(one)]

    def fetch(self, study: str, series: FoundSeries, take: Callable[[bytes, int], None]) -> None:
        """Fetch the objects of a series; ``take`` gets each, as a file of PS3.10, and how many there are.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should, or an object is too large.
        """
        stored = dict.fromkeys(KINDS[series.modality], TRANSFER_SYNTAXES)
        arriving = _Arriving(take, self._longest, len(self._instances(study, series.series)))
        asked = _asked("SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": series.series})
        handlers = [(evt.EVT_C_STORE, arriving.store)]
        last: int | None = None
        with associated(self._peer, self._encryption, {Get}, stored=stored, handlers=handlers) as association:
            _refuse_without(association, Get, "C-GET")
            for status, _ in association.send_c_get(asked, Get):
                if arriving.error:
                    association.abort()
                    break
                last = status.get("Status")
        if arriving.error:
            raise arriving.error
        if last is None:
            msg = f"{_NO_ANSWER}: does it let this service fetch by C-GET"
            raise Unreachable(msg)
        if last != _SUCCESS and not arriving.count:
            msg = f"it does not send the series (status {last:04X})"
            raise Rejected(msg)

    def _instances(self, study: str, series: str) -> list[Dataset]:
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        return list(self._find("IMAGE", "SOPInstanceUID", keys, 1 << 16))

    def _find(self, level: str, key: str, keys: dict[str, str], most: int) -> Iterator[Dataset]:
        """Answers that have a UID, so many at most."""
        count = 0
        with associated(self._peer, self._encryption, {Find}) as association:
            _refuse_without(association, Find, "C-FIND")
            for status, answer in association.send_c_find(_asked(level, {key: ""} | keys), Find):
                if "Status" not in status:
                    raise Unreachable(_NO_ANSWER)
                if status.Status not in _PENDING and status.Status != _SUCCESS:
                    msg = f"it does not search (status {status.Status:04X})"
                    raise Rejected(msg)
                if answer is not None and is_uid(_text(answer, key)):
                    yield answer
                    count += 1
                    if count == most:
                        association.abort()  # it may go on with all that it holds
                        return


class _Arriving:
    """Objects as they come; what goes wrong with one ends it all."""

    def __init__(self, take: Callable[[bytes, int], None], longest: int, of: int) -> None:
        self._take, self._longest, self._of = take, longest, of
        self.count = 0
        self.error: Exception | None = None

    def store(self, event: evt.Event) -> int:
        if self.error:
            return _REFUSED
        try:
            content = event.encoded_dataset()
            self._keep(content)
        except Exception as error:  # noqa: BLE001 pynetdicom would pass over it
            self.error = error
            return _REFUSED
        return _SUCCESS

    def _keep(self, content: bytes) -> None:
        if len(content) > self._longest:
            msg = "its answer is longer than is taken here"
            raise Rejected(msg)
        self.count += 1
        self._take(content, max(self._of, self.count))


def _asked(level: str, keys: dict[str, str]) -> Dataset:
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    if not all(value.isascii() for value in keys.values()):
        asked.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


def _refuse_without(association: Association, kind: Any, words: str) -> None:
    if not accepts(association, kind):
        msg = f"it does not offer {words}"
        raise Rejected(msg)


def _study(answer: Dataset) -> FoundStudy:
    names = ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "StudyDescription")
    name, patient, day, accession, description = (_text(answer, keyword) for keyword in names)
    stated = answer.get("ModalitiesInStudy") or ()
    modalities = (stated,) if isinstance(stated, str) else tuple(map(str, stated))
    return FoundStudy(_text(answer, "StudyInstanceUID"), name, patient, day, accession, description, modalities)


def _series(answer: Dataset) -> FoundSeries:
    return FoundSeries(_text(answer, "SeriesInstanceUID"), *(_text(answer, keyword) for keyword in _SERIES_KEYS))


def _text(answer: Dataset, keyword: str) -> str:
    return to_one_line(str(answer.get(keyword) or ""))[:LONGEST_TEXT]

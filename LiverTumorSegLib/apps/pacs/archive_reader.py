"""What an archive is searched for by a user, and what is fetched of it: a CT series, and results of this program."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage, SegmentationStorage

from ...core.errors import UserError
from ...core.sanitize import to_one_line
from ...reporting.dicom_label_map import LABEL_MAP_STORAGE
from .archived_series import is_uid
from .config import Web
from .dicomweb import DicomWeb, Json, attribute_text
from .image_header import CT_KINDS

MOST_STUDIES, MOST_SERIES = 50, 200
"""That are listed."""

OURS = "LiverTumorSeg"
"""Beginning of the descriptions of series that this program makes."""

KINDS = {
    "CT": tuple(sorted(CT_KINDS)),
    "SEG": (SegmentationStorage, LABEL_MAP_STORAGE),
    "SR": (ComprehensiveSRStorage, Comprehensive3DSRStorage),
}
"""SOP classes of what is fetched, by modality."""

LONGEST_TEXT = 64
_LONGEST_ANSWER = 10_000_000
_NAME, _ID, _DAY, _ACCESSION = "00100010", "00100020", "00080020", "00080050"
_STUDY, _STUDY_DESCRIPTION, _MODALITIES = "0020000D", "00081030", "00080061"
_SERIES, _MODALITY, _DESCRIPTION, _NUMBER, _COUNT = "0020000E", "00080060", "0008103E", "00200011", "00201209"
_STUDY_FIELDS = ("StudyDescription", "ModalitiesInStudy")
_SERIES_FIELDS = ("SeriesDescription", "SeriesNumber", "NumberOfSeriesRelatedInstances")


@dataclass(frozen=True)
class StudyQuery:
    """What studies are searched by; what is empty is not asked for, and one of them at least is needed.

    Args:
        name: beginning of the patient's name, the family name first.
        patient: the patient's ID.
        accession: the accession number.
        since, until: the first and the last day, as YYYYMMDD.
    """

    name: str = ""
    patient: str = ""
    accession: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> StudyQuery:
        """A query of a message.

        Raises:
            UserError: nothing is asked for, or something that cannot be.
        """
        said = {name: str(content.get(name) or "").strip() for name in cls.__dataclass_fields__}
        if not any(said.values()):
            msg = "Give a name, an ID, an accession number or a date to search by."
            raise UserError(msg)
        for text in said.values():
            if len(text) > LONGEST_TEXT or not text.isprintable() or set(text) & set("\\*?"):
                msg = f"A search text may have {LONGEST_TEXT} characters at most, and no \\, * or ?: change it."
                raise UserError(msg)
        days = [re.sub(r"[-.\s]", "", said[name]) for name in ("since", "until")]
        if not all(re.fullmatch(r"(\d{8})?", day) for day in days):
            msg = "A date is written as 2026-01-31: change it."
            raise UserError(msg)
        return cls(said["name"], said["patient"], said["accession"], *days)

    @property
    def attributes(self) -> dict[str, str]:
        """The keys and their values, as C-FIND and QIDO-RS have them."""
        asked = {
            "PatientName": _name_pattern(self.name) if self.name else "",
            "PatientID": self.patient,
            "AccessionNumber": self.accession,
            "StudyDate": f"{self.since}-{self.until}" if self.since or self.until else "",
            "ModalitiesInStudy": "CT",
        }
        return {name: value for name, value in asked.items() if value}

    def fits(self, found: FoundStudy) -> bool:
        """Whether a study is what was asked for: some servers do not know all attributes, and answer with more."""
        return (
            self.patient in ("", found.patient)
            and self.accession in ("", found.accession or self.accession)
            and (not found.day or (self.since or found.day) <= found.day <= (self.until or found.day))
            and (not found.modalities or "CT" in found.modalities)
        )


@dataclass(frozen=True)
class FoundStudy:
    """A study as an archive describes it.

    Args:
        study: its UID.
        name: of the patient.
        patient: the patient's ID.
        day: of the study, as YYYYMMDD.
        accession: its number.
        description: of it.
        modalities: in it.
    """

    study: str
    name: str
    patient: str
    day: str
    accession: str
    description: str
    modalities: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same for a message."""
        return asdict(self)


@dataclass(frozen=True)
class FoundSeries:
    """A series that can be fetched.

    Args:
        series: its UID.
        modality: one of :data:`KINDS`.
        description: of it.
        number: of it.
        objects: how many it has, as far as the archive says.
    """

    series: str
    modality: str
    description: str
    number: str
    objects: str

    def to_dict(self) -> dict[str, Any]:
        """The same for a message."""
        return asdict(self)


class ArchiveReader(Protocol):
    """What searches an archive and fetches from it, by whichever way."""

    def studies(self, query: StudyQuery) -> list[FoundStudy]:
        """The studies with CTs that fit, one more than are listed where there are more."""

    def series(self, study: str) -> list[FoundSeries]:
        """The CT series of a study, and the series of results of this program."""

    def fetch(
        self,
        study: str,
        series: FoundSeries,
        take: Callable[[bytes, int], None],
        stopped: threading.Event | None = None,
    ) -> None:
        """Fetch the objects of a series; ``take`` gets each, as a file of PS3.10, and how many there are.

        ``stopped`` ends it when set, also while the archive is silent.
        """


class WebReader:
    """Searches a DICOMweb server and fetches from it.

    Args:
        web: it.
        longest: bytes of an object.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """

    def __init__(self, web: Web, longest: int) -> None:
        self._search, self._objects = DicomWeb(web, _LONGEST_ANSWER), DicomWeb(web, longest)

    def studies(self, query: StudyQuery) -> list[FoundStudy]:
        """The studies with CTs that fit, one more than are listed where there are more.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        found = self._search.studies(query.attributes, _STUDY_FIELDS, MOST_STUDIES + 1)
        return [study for study in map(_study, found) if query.fits(study)]

    def series(self, study: str) -> list[FoundSeries]:
        """The CT series of a study, and the series of results of this program.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should.
        """
        found = map(_series, self._search.series_of(study, _SERIES_FIELDS))
        return [one for one in found if is_fetched(one)][:MOST_SERIES]

    def fetch(
        self,
        study: str,
        series: FoundSeries,
        take: Callable[[bytes, int], None],
        stopped: threading.Event | None = None,
    ) -> None:
        """Fetch the objects of a series; ``take`` gets each, as a file of PS3.10, and how many there are.

        ``stopped`` ends it before the next object when set.

        Raises:
            Unreachable, Rejected: it does not answer, or not as it should, or an object is too large.
        """
        instances = self._search.instances(study, series.series, KINDS[series.modality])
        for instance in instances:
            if stopped and stopped.is_set():
                return
            take(self._objects.image(study, series.series, instance), len(instances))


def _name_pattern(name: str) -> str:
    """What names that begin so match (PS3.4, section C.2.2.2.4): any letter where servers differ in how they read one.

    Between the parts of a name users write a space or a comma.
    """
    parts = re.sub(r"[\s,^]+", "^", name)
    return (
        "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.'") else "?" for letter in parts) + "*"
    )


def is_fetched(series: FoundSeries) -> bool:
    """Whether a series is a CT, or a result of this program."""
    return series.modality == "CT" or (series.modality in KINDS and series.description.startswith(OURS))


def checked_uid(text: object) -> str:
    """A UID of a message.

    Raises:
        UserError: it is none.
    """
    if not isinstance(text, str) or not is_uid(text):
        msg = "That is not a valid DICOM UID: search again."
        raise UserError(msg)
    return text


def _study(answer: Json) -> FoundStudy:
    patient, day, accession, description = (_clean(answer, tag) for tag in (_ID, _DAY, _ACCESSION, _STUDY_DESCRIPTION))
    stated = (answer.get(_MODALITIES) or {}).get("Value") or ()
    modalities = tuple(str(one)[:16] for one in stated) if isinstance(stated, list) else ()
    name, study = patient_name(answer), attribute_text(answer, _STUDY)
    return FoundStudy(study, name, patient, day, accession, description, modalities)


def patient_name(answer: Json) -> str:
    """The name in an answer in JSON: the first group of PS3.5, section 6.2.1.1, that it has."""
    values = (answer.get(_NAME) or {}).get("Value") or [None]
    first = values[0] if isinstance(values, list) else None
    groups = [first.get(group) for group in _GROUPS] if isinstance(first, Mapping) else [first]
    return to_one_line(str(next(filter(None, groups), "")))[:LONGEST_TEXT]


_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def _series(answer: Json) -> FoundSeries:
    texts = (_clean(answer, tag) for tag in (_MODALITY, _DESCRIPTION, _NUMBER, _COUNT))
    return FoundSeries(attribute_text(answer, _SERIES), *texts)


def _clean(answer: Json, tag: str) -> str:
    return to_one_line(attribute_text(answer, tag))[:LONGEST_TEXT]

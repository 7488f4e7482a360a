"""Whose CT it is, as its first DICOM image says, for the question before something is sent to an archive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....core.sanitize import to_one_line
from ....io import dicom_header

_BEHIND_STUDY = 0x0020_0011
_LONGEST = 64


@dataclass(frozen=True)
class SourcePatient:
    """A patient and the study.

    Args:
        name: of the patient, as it is read.
        number: the patient's ID.
        day: of the study, as 2026-01-31.
        accession: number of the study.
    """

    name: str
    number: str
    day: str
    accession: str

    @classmethod
    def of(cls, image: Path) -> SourcePatient:
        """Read what an image states; what it does not is “not stated”.

        Raises:
            UserError: it is damaged, or pydicom is missing.
        """
        with dicom_header.explain_damage(image):
            found = dicom_header.read_dicom_file(image, _BEHIND_STUDY)
            name = re.sub(r"\^+", " ", _text(found.get("PatientName"))).strip()
            said = [_text(found.get(keyword)) for keyword in ("PatientID", "StudyDate", "AccessionNumber")]
        number, day, accession = said
        return cls(*(text or "not stated" for text in (name, number, readable_day(day), accession)))


def readable_day(day: str) -> str:
    """A date of DICOM with hyphens; anything else as it is."""
    return re.sub(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3", day)


def _text(value: Any) -> str:
    return to_one_line(str(value or ""))[:_LONGEST]

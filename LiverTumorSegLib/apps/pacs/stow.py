"""Results are stored in a DICOMweb server by STOW-RS (PS3.18, section 10.5)."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from .config import Web
from .connection import Rejected, raise_for_status
from .dicomweb import DicomWeb

_LONGEST_ANSWER = 10_000_000
_UNSTATED_FAILURE = 0x0110


class StowArchive:
    """Sends objects to a DICOMweb server.

    Args:
        web: it.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """

    def __init__(self, web: Web) -> None:
        self._archive = DicomWeb(web, _LONGEST_ANSWER)

    @property
    def name(self) -> str:
        """Its machine and port."""
        return self._archive.name

    def check(self) -> str:
        """Search there, as before each object that is sent; returns what it says.

        Raises:
            Unreachable, Rejected: it cannot be used.
        """
        self._archive.check()
        return f"{self.name} answers to QIDO-RS; whether it stores is seen only when something is."

    def store(self, objects: Sequence[Dataset]) -> None:
        """Send those of some objects that are not there, one at a time.

        Raises:
            Unreachable: not all are there, and it may take the others later.
            Rejected: all are there that it takes.
        """
        refused = [why for one in objects if (why := self._store(one))]
        if refused:
            raise refused[0]

    def _store(self, one: Dataset) -> Rejected | None:
        """Store an object unless it is there; returns why it is not taken, so that others may be."""
        try:
            if not self._archive.has(one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID):
                _raise_for_answer(self._archive.store(one), one.Modality)
        except Rejected as why:
            return why
        return None


def _raise_for_answer(answer: Dataset, kind: str) -> None:
    """Raise what an answer says; one that lists nothing says that all went well."""
    for failed in answer.get("FailedSOPSequence") or ():
        raise_for_status(failed.get("FailureReason") or _UNSTATED_FAILURE, kind)
    for stored in answer.get("ReferencedSOPSequence") or ():
        raise_for_status(stored.get("WarningReason") or 0, kind)

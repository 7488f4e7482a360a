"""What DICOM objects say of a result that was corrected after a model had made it, and of the report before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydicom.dataset import Dataset

from ..core.errors import UserError

_CORRECTED = "Corrected by a user"


@dataclass(frozen=True)
class DocumentReference:
    """The UIDs of a report.

    Args:
        study: Study Instance UID.
        series: Series Instance UID.
        kind: SOP Class UID.
        instance: SOP Instance UID.
    """

    study: str
    series: str
    kind: str
    instance: str

    @classmethod
    def of(cls, report: Dataset) -> DocumentReference:
        """The reference to a report."""
        uids = report.StudyInstanceUID, report.SeriesInstanceUID, report.SOPClassUID, report.SOPInstanceUID
        return cls(*map(str, uids))

    @classmethod
    def read(cls, content: Mapping[str, str] | None) -> DocumentReference | None:
        """The reference that a message holds; None for none.

        Raises:
            UserError: it lacks a UID, or holds anything else.
        """
        if content is None:
            return None
        names = tuple(cls.__dataclass_fields__)
        if set(content) != set(names) or not all(isinstance(uid, str) and uid for uid in content.values()):
            msg = f"A report is named by its UIDs {', '.join(names)}, each a text: give these."
            raise UserError(msg)
        return cls(**content)

    def to_dict(self) -> dict[str, str]:
        """The same for a message."""
        return asdict(self)

    def as_dataset(self) -> Dataset:
        """The attributes that highdicom makes an item of the Predecessor Documents Sequence of."""
        made = Dataset()
        made.StudyInstanceUID, made.SeriesInstanceUID = self.study, self.series
        made.SOPClassUID, made.SOPInstanceUID = self.kind, self.instance
        return made


@dataclass(frozen=True)
class Revision:
    """Which version of a result objects hold.

    Args:
        corrected: whether its labels were changed after a model had made them.
        predecessor: the report that this one follows (Predecessor Documents Sequence of PS3.3, section C.17.2); None
            for a first one.
    """

    corrected: bool = False
    predecessor: DocumentReference | None = None

    def describe(self, made: Dataset) -> None:
        """Say in the descriptions of an object, 64 letters at most each, that it was corrected; else leave them."""
        if not self.corrected:
            return
        made.SeriesDescription = made.SeriesDescription.replace(":", ", corrected:", 1)
        if "ContentDescription" in made:
            made.ContentDescription = f"{_CORRECTED}. {made.ContentDescription}"


FIRST = Revision()

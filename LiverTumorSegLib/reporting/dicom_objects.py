"""DICOM objects of a result as a kind of output; what makes them is optional, and loaded when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core import optional_packages
from ..core.errors import UserError
from ..core.volume import Volume
from ..inference.segment import Segmentation
from ..io import volumes
from .ct_identity import refuse_images, refuse_same
from .dicom_forms import BINARY, LESION_SEGMENTS, refuse_unknown_segments
from .lesions import LesionTable

if TYPE_CHECKING:
    from .dicom_revision import Revision


@dataclass(frozen=True)
class DicomObjects:
    """A DICOM Segmentation and a Structured Report of a DICOM series.

    The other kinds of output are in :mod:`.outputs`.

    Args:
        folder: for both.
        lesion_segments: ``each`` lesion a segment, or one for ``all``.
        overwrite: replace them.
        made: when, with a time zone; None for now.
        repeatable: they have the same UIDs whenever they are made.
        revision: which version of the result they hold; None for the first.
        form: of the Segmentation, one of :data:`FORMS`.
    """

    folder: Path
    lesion_segments: str = LESION_SEGMENTS[0]
    overwrite: bool = False
    made: datetime | None = None
    repeatable: bool = False
    revision: Revision | None = None
    form: str = BINARY
    stage: ClassVar[str] = "Writing DICOM objects"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        """Both objects."""
        from . import dicom_write

        return [self.folder / name for name in dicom_write.NAMES]

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Refuse missing packages, the name of a file, existing objects, or the folder of the CT itself."""
        refuse_unknown_segments(self.lesion_segments)
        optional_packages.require_dicom_packages()
        from . import dicom_write

        is_file = self.folder.suffix.lower() == ".dcm" or volumes.stem(self.folder) != self.folder.name
        if is_file and not self.folder.is_dir():
            msg = f"{self.folder} is the name of a file: with --dicom give a folder, or leave --dicom out."
            raise UserError(msg)
        dicom_write.check(self.folder, overwrite=self.overwrite)
        for path in (self.folder, *self.files(marks)):
            refuse_same(path, source)

    def check_volume(self, volume: Volume) -> None:
        """Refuse a CT that is no DICOM series or would be written over, or whose images lack what is needed."""
        from . import dicom_common

        refuse_images(self.files(()), volume)
        dicom_common.read_source_images(volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write both objects; lesions that they leave out are told, and a form that they could not have."""
        from . import dicom_revision, dicom_seg, dicom_write

        remarks = [*dicom_seg.segment_remarks(table)]
        dicom_write.write(
            self.folder,
            found,
            table,
            made=self.made or datetime.now().astimezone(),
            lesion_segments=self.lesion_segments,
            repeatable=self.repeatable,
            revision=self.revision or dicom_revision.FIRST,
            form=self.form,
            tell=remarks.append,
            overwrite=self.overwrite,
        )
        return tuple(remarks)

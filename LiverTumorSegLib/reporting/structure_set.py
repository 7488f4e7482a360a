"""The DICOM RT Structure Set as a kind of output; what makes it is optional, and loaded when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from ..core import optional_packages
from ..core.atomic_files import refuse_existing, refuse_unwritable
from ..core.errors import UserError
from ..core.volume import Volume
from ..inference.segment import Segmentation
from .ct_identity import refuse_images, refuse_same
from .lesions import LesionTable


@dataclass(frozen=True)
class StructureSet:
    """Outlines of each structure on the images of a DICOM series.

    The other kinds of output are in :mod:`.outputs`.

    Args:
        path: of the file.
        overwrite: replace it.
        made: when, with a time zone; None for now.
    """

    path: Path
    overwrite: bool = False
    made: datetime | None = None
    stage: ClassVar[str] = "Writing the structure set"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        """The one file."""
        return [self.path]

    def check(self, marks: Sequence[str], source: Path | None) -> None:  # noqa: ARG002
        """Refuse missing packages, a name that is not of a DICOM file, and an existing file."""
        if self.path.suffix.lower() != ".dcm" or self.path.is_dir():
            msg = f"{self.path} is not a name for an RT Structure Set: end it in .dcm."
            raise UserError(msg)
        optional_packages.require_dicom_packages()
        refuse_existing(self.path, overwrite=self.overwrite)
        refuse_unwritable(self.path)
        refuse_same(self.path, source)
        if source is not None and source.is_dir() and source.resolve() == self.path.resolve().parent:
            msg = f"{self.path} would lie among the images of the CT: choose another folder for it."
            raise UserError(msg)

    def check_volume(self, volume: Volume) -> None:
        """Refuse a CT that is no DICOM series or would be written over, or whose images lack what is needed."""
        from . import dicom_common

        refuse_images([self.path], volume)
        dicom_common.read_source_images(volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write the object."""
        from . import dicom_rtstruct, dicom_seg

        made = self.made or datetime.now().astimezone()
        dicom_rtstruct.write(self.path, found, table, made=made, overwrite=self.overwrite)
        return dicom_seg.segment_remarks(table)

"""Where ``livertumorseg segment`` puts what it found: a file of labels, or a folder of DICOM objects."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import UserError

if TYPE_CHECKING:
    from ..inference import Segmentation
    from ..lesions import LesionTable
    from ..volume import Volume


class Output(Protocol):
    """A kind of output."""

    stem: str
    """What files beside it are named after."""

    def check(self) -> None:
        """Refuse the name before any work is done for it."""

    def check_volume(self, volume: Volume) -> None:
        """Refuse a CT that it cannot be made of, before the network runs."""

    def write(self, result: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write it, and say what users should know of it, a sentence each."""

    def in_words(self) -> str:
        """What was written."""


class LabelFile:
    """Labels in one file.

    Args:
        path: of the file.
        overwrite: replace it.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        from .. import files

        self._path, self._overwrite = path, overwrite
        self.stem = files.stem(path)

    def check(self) -> None:
        from .. import files

        files.check_output(self._path, overwrite=self._overwrite)

    def check_volume(self, volume: Volume) -> None:
        from .. import files

        files.check_grid(self._path, volume)

    def write(self, result: Segmentation, table: LesionTable) -> tuple[str, ...]:
        from .. import files

        del table
        files.write_labels(self._path, result.labels, result.volume, overwrite=self._overwrite)
        return ()

    def in_words(self) -> str:
        return str(self._path)


class DicomFolder:
    """A DICOM Segmentation and a Structured Report.

    Args:
        folder: for both.
        lesion_segments: ``each`` lesion a segment, or one for ``all``.
        overwrite: replace them.
    """

    def __init__(self, folder: Path, lesion_segments: str, *, overwrite: bool) -> None:
        self._folder, self._lesion_segments, self._overwrite = folder, lesion_segments, overwrite
        self.stem = folder.absolute().name or "ct"

    def check(self) -> None:
        from ..dicom_objects import needed

        if self._lesion_segments not in ("each", "all"):
            msg = f"There is no --lesion-segments “{self._lesion_segments}”: give each or all."
            raise UserError(msg)
        needed.require()
        from .. import files
        from ..dicom_objects import writing

        is_file = self._folder.suffix.lower() == ".dcm" or files.stem(self._folder) != self._folder.name
        if is_file and not self._folder.is_dir():
            msg = f"{self._folder} is the name of a file: with --dicom give a folder, or leave --dicom out."
            raise UserError(msg)
        writing.check(self._folder, overwrite=self._overwrite)

    def check_volume(self, volume: Volume) -> None:
        from ..dicom_objects import source

        source.read(volume)

    def write(self, result: Segmentation, table: LesionTable) -> tuple[str, ...]:
        from ..dicom_objects import parts, writing

        writing.write(
            self._folder,
            result,
            table,
            made=datetime.now().astimezone(),
            lesion_segments=self._lesion_segments,
            overwrite=self._overwrite,
        )
        return parts.remarks(table)

    def in_words(self) -> str:
        from ..dicom_objects import writing

        return " and ".join(str(self._folder / name) for name in writing.NAMES)


def output(path: Path, *, dicom: bool, lesion_segments: str, overwrite: bool) -> Output:
    """The kind of output that was asked for.

    Raises:
        UserError: lesion segments are asked for without DICOM objects.
    """
    if dicom:
        return DicomFolder(path, lesion_segments, overwrite=overwrite)
    if lesion_segments != "each":
        msg = "--lesion-segments is about the segments of DICOM objects: add --dicom, or leave it out."
        raise UserError(msg)
    return LabelFile(path, overwrite=overwrite)

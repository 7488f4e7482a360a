"""Kinds of output of a segmentation: label file, probability maps, report folder, DICOM objects.

Each is checked before any work is done for it, and writes at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from ..core.atomic_files import refuse_folder, whole_folder
from ..core.errors import UserError
from ..core.labels import FULL_PROBABILITY
from ..core.volume import Volume
from ..inference.segment import Segmentation
from ..io import probability_maps, volumes
from . import report_files
from .ct_identity import identify_ct, refuse_same
from .dicom_forms import BINARY, refuse_without_dicom
from .dicom_objects import DicomObjects
from .lesions import LesionTable
from .other_structures import layers_of
from .separate_masks import SeparateMasks
from .structure_set import StructureSet

__all__ = [
    "NAME_WITHOUT_REPORT",
    "DicomObjects",
    "LabelFile",
    "Output",
    "ProbabilityMaps",
    "ReportFolder",
    "SeparateMasks",
    "StructureSet",
    "WholeFolder",
    "outputs_for_file",
    "refuse_collisions",
]


class Output(Protocol):
    """A kind of output."""

    @property
    def stage(self) -> str:
        """The sentence told as progress while it is written."""

    def files(self, marks: Sequence[str]) -> list[Path]:
        """Every file that it writes, by what of background, liver and lesion is marked."""

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Refuse its name, before the CT is read.

        Args:
            marks: what of background, liver and lesion is marked.
            source: the CT, which is never written over; None where it comes from no file.

        Raises:
            UserError: it is there already, cannot be written, or is the CT itself.
        """

    def check_volume(self, volume: Volume) -> None:
        """Refuse a CT that it cannot be made of, before the network runs.

        Raises:
            UserError: its format cannot hold the CT's grid, or the CT's files lack what it needs.
        """

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write it, and say what users should know of it, a sentence each."""


@dataclass(frozen=True)
class LabelFile:
    """Labels in one file of a format that :func:`LiverTumorSegLib.io.volumes.write_labels` writes.

    Args:
        path: of the file.
        overwrite: replace it.
    """

    path: Path
    overwrite: bool = False
    stage: ClassVar[str] = "Writing labels"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        """The one file."""
        return [self.path]

    def check(self, marks: Sequence[str], source: Path | None) -> None:  # noqa: ARG002
        """Refuse an unknown ending, an existing file, or the CT itself."""
        volumes.check_output(self.path, overwrite=self.overwrite)
        refuse_same(self.path, source)

    def check_volume(self, volume: Volume) -> None:
        """Refuse a grid that the format cannot hold."""
        volumes.check_grid(self.path, volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:  # noqa: ARG002
        """Write the labels, with other structures that were found."""
        layers = layers_of(found)
        volumes.write_labels(self.path, found.labels, found.volume, layers=layers, overwrite=self.overwrite)
        return ()


@dataclass(frozen=True)
class ProbabilityMaps:
    """Probabilities of each structure before the clean-up, a NIfTI file each.

    Args:
        folder: for ``NAME_liver.nii.gz`` and ``NAME_lesion.nii.gz``.
        name: what the files are named after.
        overwrite: replace them.
    """

    folder: Path
    name: str
    overwrite: bool = False
    stage: ClassVar[str] = "Writing labels"

    def files(self, marks: Sequence[str]) -> list[Path]:
        """A file for each structure that is marked."""
        return list(self._paths(marks).values())

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Refuse existing files, or the CT itself."""
        probability_maps.check(self.files(marks), overwrite=self.overwrite)
        for path in self.files(marks):
            refuse_same(path, source)

    def check_volume(self, volume: Volume) -> None:
        """Refuse a sheared grid, which NIfTI cannot hold."""
        probability_maps.check_grid(volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:  # noqa: ARG002
        """Write the maps of a segmentation that kept its probabilities."""
        files = self._paths(found.marks)
        probability_maps.write(files, found.probabilities, FULL_PROBABILITY, found.volume, overwrite=self.overwrite)
        return ()

    def _paths(self, marks: Sequence[str]) -> dict[str, Path]:
        return probability_maps.paths(self.folder, self.name, marks[1:])


@dataclass(frozen=True)
class ReportFolder:
    """The report's page and tables in a folder.

    Args:
        folder: of the files.
        overwrite: replace them.
        ct_name: name of the file or case, which the page then has with the CT's date; empty names neither.
        ct_date: ISO 8601 day on which the CT was taken; empty for that of its DICOM images.
    """

    folder: Path
    overwrite: bool = False
    ct_name: str = ""
    ct_date: str = ""
    stage: ClassVar[str] = "Writing the report"

    def files(self, marks: Sequence[str]) -> list[Path]:  # noqa: ARG002
        """The files of :mod:`.report_files`."""
        return [self.folder / name for name in report_files.FILE_NAMES]

    def check(self, marks: Sequence[str], source: Path | None) -> None:  # noqa: ARG002
        """Refuse a folder that holds one of the files."""
        report_files.check(self.folder, overwrite=self.overwrite)

    def check_volume(self, volume: Volume) -> None:
        """Take any CT."""

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write the files; a picture that the page lacks is told."""
        remarks: list[str] = []
        identity = identify_ct(found.volume, self.ct_name, self.ct_date)
        report_files.write(self.folder, found, table, remarks.append, identity=identity, overwrite=self.overwrite)
        return tuple(remarks)


@dataclass(frozen=True)
class WholeFolder:
    """Outputs together in one folder that appears whole or not at all.

    One that holds nothing else is replaced.

    Args:
        folder: of the files.
        inside: makes the outputs for a folder.
    """

    folder: Path
    inside: Callable[[Path], Sequence[Output]]

    @property
    def stage(self) -> str:
        """The sentence of the first output."""
        return self.inside(self.folder)[0].stage

    def files(self, marks: Sequence[str]) -> list[Path]:
        """Those of all outputs."""
        return [path for output in self.inside(self.folder) for path in output.files(marks)]

    def check(self, marks: Sequence[str], source: Path | None) -> None:
        """Refuse what one of the outputs refuses, and a folder that holds other things."""
        for output in self.inside(self.folder):
            output.check(marks, source)
        refuse_folder(self.folder, overwrite=True, holds=self._names(marks))

    def check_volume(self, volume: Volume) -> None:
        """Refuse what one of the outputs refuses."""
        for output in self.inside(self.folder):
            output.check_volume(volume)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write all outputs."""
        with whole_folder(self.folder, overwrite=True, holds=self._names(found.marks)) as unfinished:
            return tuple(sentence for output in self.inside(unfinished) for sentence in output.write(found, table))

    def _names(self, marks: Sequence[str]) -> frozenset[str]:
        return frozenset(path.name for path in self.files(marks))


def refuse_collisions(outputs: Sequence[Output], marks: Sequence[str]) -> None:
    """Refuse outputs of one CT of which one would replace another.

    Raises:
        UserError: two would write the same file, or one would lie in the folder of masks, which appears whole.
    """
    known: set[Path] = set()
    for output in outputs:
        files = {path.absolute() for path in output.files(marks)}
        if shared := sorted(known & files):
            msg = f"Two outputs would be written to {shared[0]}: give one of them another name or folder."
            raise UserError(msg)
        known |= files
    for output in outputs:
        if isinstance(output, SeparateMasks):
            folder = output.folder.absolute()
            others = {path.absolute() for each in outputs if each is not output for path in each.files(marks)}
            if inside := sorted(path for path in others if folder in path.parents):
                msg = f"{inside[0]} lies in the folder of the separate masks: choose another folder for the masks."
                raise UserError(msg)


NAME_WITHOUT_REPORT = "--name-ct is about the report: add --report, or leave it out."


def outputs_for_file(
    path: Path,
    *,
    dicom: bool = False,
    lesion_segments: str = "each",
    form: str = BINARY,
    report: Path | None = None,
    probabilities: Path | None = None,
    separate: Path | None = None,
    rtstruct: Path | None = None,
    ct_name: str = "",
    overwrite: bool = False,
) -> tuple[Output, ...]:
    """The outputs of one CT, the labels first.

    Args:
        path: file of the labels, or folder of the DICOM objects.
        dicom: whether DICOM objects are written.
        lesion_segments: of these; ``each`` lesion a segment, or one for ``all``.
        form: of the DICOM Segmentation, one of :data:`.dicom_forms.FORMS`.
        report: folder of the report.
        probabilities: folder of the probability maps, which are named after ``path``.
        separate: folder of masks, one a structure.
        rtstruct: file of a DICOM RT Structure Set.
        ct_name: of the file or case, for the report to name it and its date; empty names neither.
        overwrite: replace what is there.

    Raises:
        UserError: lesion segments or their form are asked for without DICOM objects, or a name without a report.
    """
    if not dicom:
        refuse_without_dicom(lesion_segments, form)
    if ct_name and report is None:
        raise UserError(NAME_WITHOUT_REPORT)
    objects = DicomObjects(path, lesion_segments, overwrite, form=form)
    target: Output = objects if dicom else LabelFile(path, overwrite)
    wanted: list[Output] = [target]
    if probabilities is not None:
        name = (path.absolute().name or "ct") if dicom else volumes.stem(path)
        wanted.append(ProbabilityMaps(probabilities, name, overwrite))
    if separate is not None:
        wanted.append(SeparateMasks(separate, overwrite))
    if rtstruct is not None:
        wanted.append(StructureSet(rtstruct, overwrite))
    if report is not None:
        wanted.append(ReportFolder(report, overwrite, ct_name))
    return tuple(wanted)

"""Settings of a cohort's segmentation, and the files that they ask for of each case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core import optional_packages
from ...core.ct_quality import DamageTreatment
from ...core.errors import UserError
from ...core.volume import Volume
from ...inference.segment import Segmentation, SegmentationOptions
from ...io import probability_maps, volumes
from ...models.description import Description
from ...reporting import report_files
from ...reporting.lesions import LesionTable
from ...reporting.outputs import NAME_WITHOUT_REPORT, DicomObjects, LabelFile, ProbabilityMaps, ReportFolder
from .records import remove_unfinished, whole_files

FORMATS = ("seg.nrrd", "nii.gz")
_MODEL_FIELDS = {"name", "network", "preprocessing", "stack", "patches", "labels"}

_DEFAULT_OPTIONS = SegmentationOptions()


@dataclass(frozen=True)
class CohortSettings:
    """Settings of a cohort: how each case is segmented and what is written of it.

    Args:
        options: of :func:`LiverTumorSegLib.inference.segment.segment`; probabilities are kept where they have a folder.
        format: ending of the labels, one of :data:`FORMATS`.
        report: folder of reports, a folder a case.
        probabilities: folder of ``CASE_liver.nii.gz`` and ``CASE_lesion.nii.gz``.
        force: segment also what does not look like a CT.
        damaged: what is done about damaged slices.
        overwrite: have every case done again, whatever is there.
        name_ct: have reports name the case and, of a DICOM CT, its date.
        dicom: folder of DICOM objects, a folder a case.

    Raises:
        UserError: the format is unknown, a CT is to be named without a report, or packages for DICOM are missing.
    """

    options: SegmentationOptions = _DEFAULT_OPTIONS
    format: str = FORMATS[0]
    report: Path | None = None
    probabilities: Path | None = None
    force: bool = False
    damaged: DamageTreatment = DamageTreatment.AS_IS
    overwrite: bool = False
    name_ct: bool = False
    dicom: Path | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            msg = f"Labels are not written as {self.format} here: choose {' or '.join(FORMATS)}."
            raise UserError(msg)
        if self.name_ct and self.report is None:
            raise UserError(NAME_WITHOUT_REPORT)
        if self.dicom:
            optional_packages.require_dicom_packages()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders, beside the labels', that are written to."""
        return tuple(folder for folder in (self.report, self.probabilities, self.dicom) if folder is not None)

    def how(
        self, description: Description, liver: Description | None = None, also: Sequence[Description] = ()
    ) -> dict[str, Any]:
        """All that labels follow from, but for the CT and the device, ready for JSON.

        How many slices a batch holds and which files are written beside the labels is no part of it.

        Args:
            description: of the main model.
            liver: of the one that the liver is of.
            also: of those that mark other structures.
        """
        others: dict[str, Any] = {} if liver is None else {"liver_model": _identity(liver)}
        others |= {"also": [_identity(each) for each in also]} if also else {}
        others |= {"nnunet": self.options.nnunet} if self.options.nnunet != _DEFAULT_OPTIONS.nnunet else {}
        wanted = self.options.postprocessing
        cleaning = (wanted or description.postprocessing) if liver else description.cleaning(wanted)
        return {
            **_identity(description),
            "coarse_pass": self.options.coarse_pass,
            "precision": self.options.precision,
            "postprocessing": cleaning.model_dump(mode="json"),
            "damaged": self.damaged.value,
            "format": self.format,
            **others,
        }


def _identity(model: Description) -> dict[str, Any]:
    """What a model's labels follow from."""
    fields = _MODEL_FIELDS | ({"nnunet"} if model.nnunet else set())
    return {"model": model.model_dump(mode="json", include=fields), "weights_sha256": model.weights.sha256}


@dataclass(frozen=True)
class CaseOutputs:
    """Files of a case.

    Args:
        case: its name.
        labels: file.
        maps: file of probabilities by structure.
        report: folder.
        name_ct: whether the report names the case.
        dicom: folder of DICOM objects.
    """

    case: str
    labels: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    report: Path | None = None
    name_ct: bool = False
    dicom: Path | None = None

    @classmethod
    def of(cls, case: str, output: Path, settings: CohortSettings, marks: Sequence[str]) -> CaseOutputs:
        """The files that the settings ask for, where so much of background, liver and lesion is marked."""
        structures = marks[1:] if settings.probabilities else ()
        maps = probability_maps.paths(settings.probabilities or output, case, structures)
        report = settings.report / case if settings.report else None
        dicom = settings.dicom / case if settings.dicom else None
        return cls(case, output / f"{case}.{settings.format}", maps, report, settings.name_ct, dicom)

    @property
    def files(self) -> list[Path]:
        """Every one."""
        report = [self.report / name for name in sorted(report_files.REPORT_FILES)] if self.report else []
        dicom = DicomObjects(self.dicom).files(()) if self.dicom else []
        return [self.labels, *self.maps.values(), *report, *dicom]

    @property
    def are_whole(self) -> bool:
        """Whether all are there; each appears whole or not at all."""
        return all(path.is_file() for path in self.files)

    def check_volume(self, volume: Volume) -> None:
        """Raise :class:`UserError` where a format cannot hold the grid, or DICOM objects cannot be made of it."""
        volumes.check_grid(self.labels, volume)
        if self.maps:
            probability_maps.check_grid(volume)
        if self.dicom:
            DicomObjects(self.dicom).check_volume(volume)

    def write(self, result: Segmentation, table: LesionTable) -> tuple[str, ...]:
        """Write every file, in place of what is there; returns what users should know of them, a sentence each."""
        with whole_files(self.labels.parent, self.case) as scratch:
            remarks = LabelFile(scratch / self.labels.name).write(result, table)
        for folder in {path.parent for path in self.maps.values()}:
            with whole_files(folder, self.case) as scratch:
                remarks += ProbabilityMaps(scratch, self.case).write(result, table)
        if self.report:
            with whole_files(self.report, self.case) as scratch:
                remarks += ReportFolder(scratch, ct_name=self.case if self.name_ct else "").write(result, table)
        if self.dicom:
            with whole_files(self.dicom, self.case) as scratch:
                remarks += DicomObjects(scratch).write(result, table)
        return remarks

    def remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it wrote."""
        for folder in {path.parent for path in self.files}:
            remove_unfinished(folder, self.case)

    def remove(self) -> None:
        """Remove every file, so that a case that failed shows nothing of an earlier run."""
        for path in self.files:
            if path.is_file():
                path.unlink()
        for folder in filter(None, (self.report, self.dicom)):
            with suppress(OSError):  # it is not there, or holds what is not ours
                folder.rmdir()

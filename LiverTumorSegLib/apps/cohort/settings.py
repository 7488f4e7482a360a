"""Settings of a cohort's segmentation, and the files that they ask for of each case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core import optional_packages
from ...core.ct_quality import DamageTreatment
from ...core.errors import UserError
from ...core.volume import Volume
from ...inference.model_set import ModelSet
from ...inference.segment import Segmentation, SegmentationOptions
from ...io import probability_maps, volumes
from ...models.description import Description
from ...reporting import report_files
from ...reporting.dicom_forms import BINARY, LESION_SEGMENTS, refuse_unknown_segments, refuse_without_dicom
from ...reporting.lesions import LesionTable
from ...reporting.outputs import (
    NAME_WITHOUT_REPORT,
    DicomObjects,
    LabelFile,
    ProbabilityMaps,
    ReportFolder,
    SeparateMasks,
    StructureSet,
)
from ...reporting.separate_masks import ENDING
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
        lesion_segments: of these; ``each`` lesion a segment, or one for ``all``.
        form: of the DICOM Segmentations, one of :data:`LiverTumorSegLib.reporting.dicom_forms.FORMS`.
        separate: folder of masks, one a structure, a folder a case.
        rtstruct: folder of ``CASE.dcm``, RT Structure Sets.

    Raises:
        UserError: the format is unknown, a CT is to be named without a report, packages for DICOM are missing, or
            something is asked of DICOM objects that are not written.
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
    lesion_segments: str = LESION_SEGMENTS[0]
    form: str = BINARY
    separate: Path | None = None
    rtstruct: Path | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            msg = f"Labels cannot be written as {self.format}: choose {' or '.join(FORMATS)}."
            raise UserError(msg)
        if self.name_ct and self.report is None:
            raise UserError(NAME_WITHOUT_REPORT)
        if self.dicom is None:
            refuse_without_dicom(self.lesion_segments, self.form)
        refuse_unknown_segments(self.lesion_segments)
        if self.dicom or self.rtstruct:
            optional_packages.require_dicom_packages()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders, beside the labels', that are written to."""
        every = self.report, self.probabilities, self.dicom, self.separate, self.rtstruct
        return tuple(folder for folder in every if folder is not None)

    @property
    def dicom_kind(self) -> str:
        """What tells DICOM objects from those that other options make of the same labels."""
        return f"{self.lesion_segments}, {self.form}"

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


def structures_beside(models: ModelSet) -> tuple[str, ...]:
    """What models look for beside liver and lesions, as :mod:`LiverTumorSegLib.core.structures` names it."""
    return tuple(name for model in models.also for name in model.description.structures)


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
        dicom: the DICOM objects.
        masks: one a structure, and their files.
        structure_set: the RT Structure Set.
    """

    case: str
    labels: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    report: Path | None = None
    name_ct: bool = False
    dicom: DicomObjects | None = None
    masks: tuple[SeparateMasks, tuple[Path, ...]] | None = None
    structure_set: StructureSet | None = None

    @classmethod
    def of(
        cls, case: str, output: Path, settings: CohortSettings, marks: Sequence[str], others: Sequence[str] = ()
    ) -> CaseOutputs:
        """The files that the settings ask for.

        Args:
            case: its name.
            output: folder of the labels.
            settings: of the cohort.
            marks: what of background, liver and lesion is marked.
            others: other structures that are looked for.
        """
        structures = marks[1:] if settings.probabilities else ()
        return cls(
            case,
            output / f"{case}.{settings.format}",
            probability_maps.paths(settings.probabilities or output, case, structures),
            settings.report / case if settings.report else None,
            settings.name_ct,
            DicomObjects(settings.dicom / case, settings.lesion_segments, overwrite=True, form=settings.form)
            if settings.dicom
            else None,
            _masks(settings.separate / case, (*marks[1:], *others)) if settings.separate else None,
            StructureSet(settings.rtstruct / f"{case}.dcm", overwrite=True) if settings.rtstruct else None,
        )

    @property
    def files(self) -> list[Path]:
        """Every one."""
        report = [self.report / name for name in sorted(report_files.REPORT_FILES)] if self.report else []
        dicom = self.dicom.files(()) if self.dicom else []
        masks = self.masks[1] if self.masks else ()
        outlines = self.structure_set.files(()) if self.structure_set else []
        return [self.labels, *self.maps.values(), *report, *dicom, *masks, *outlines]

    @property
    def are_whole(self) -> bool:
        """Whether all are there; each appears whole or not at all."""
        return all(path.is_file() for path in self.files)

    def check_volume(self, volume: Volume) -> None:
        """Raise :class:`UserError` where a format cannot hold the grid, or DICOM objects cannot be made of it."""
        volumes.check_grid(self.labels, volume)
        if self.maps:
            probability_maps.check_grid(volume)
        for output in self._checked:
            output.check((), None)
            output.check_volume(volume)

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
            with whole_files(self.dicom.folder, self.case) as scratch:
                remarks += replace(self.dicom, folder=scratch).write(result, table)
        for output in self._checked:
            remarks += () if output is self.dicom else output.write(result, table)
        return tuple(dict.fromkeys(remarks))

    def remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it wrote."""
        for folder in {path.parent for path in self.files}:
            remove_unfinished(folder, self.case)

    def remove(self) -> None:
        """Remove every file, so that a case that failed shows nothing of an earlier run."""
        for path in self.files:
            if path.is_file():
                path.unlink()
        dicom = self.dicom.folder if self.dicom else None
        masks = self.masks[0].folder if self.masks else None
        for folder in filter(None, (self.report, dicom, masks)):
            with suppress(OSError):  # it is not there, or holds what is not ours
                folder.rmdir()

    @property
    def _checked(self) -> list[DicomObjects | SeparateMasks | StructureSet]:
        """Outputs that not every CT has, or that refuse what is in their place."""
        every = self.dicom, self.masks and self.masks[0], self.structure_set
        return [output for output in every if output]


def _masks(folder: Path, structures: Sequence[str]) -> tuple[SeparateMasks, tuple[Path, ...]]:
    return SeparateMasks(folder, overwrite=True), tuple(
        folder / f"{name}{ENDING}" for name in dict.fromkeys(structures)
    )

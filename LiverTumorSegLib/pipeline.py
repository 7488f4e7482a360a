"""The one way from a CT to its results: read, check, segment, measure, write.

Command line, worker, cohort and demo take it, so that each has the same checks and the same warnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .core.about import DEFAULT_MODEL
from .core.ct_quality import DamageTreatment
from .core.native_stderr import silence_libraries
from .core.progress import CancelToken, Job, Progress
from .core.progress import job as job_of
from .core.volume import Volume
from .inference.composition import segment_with
from .inference.model_set import AnyModel, ModelSet, load_models
from .inference.segment import Segmentation, SegmentationOptions
from .io import volumes
from .models.model_folder import Model
from .reporting import lesions
from .reporting.lesion_notes import LesionNote, place_notes
from .reporting.lesion_numbers import LesionNumbers
from .reporting.lesion_origins import LesionMark, automatic_marks
from .reporting.lesions import LesionTable
from .reporting.liver_segments import with_liver_segments
from .reporting.marked_lesions import tell_origins
from .reporting.other_structures import map_of_liver_segments
from .reporting.outputs import Output, ProbabilityMaps, outputs_for_file, refuse_collisions

_DEFAULT_OPTIONS = SegmentationOptions()
_READ, _SEGMENTED, _MEASURED = 0.03, 0.9, 0.6
"""How far reading and segmenting are in the whole, and measuring in what follows them."""


@dataclass(frozen=True)
class CTFile:
    """A CT on disk, and how it is read.

    Args:
        path: file, or folder of DICOM files.
        series: UID of the DICOM series, or its end, where a folder holds several.
        force: read it also where it does not look like a CT in HU.
        damaged: whether damaged slices are interpolated.
    """

    path: Path
    series: str | None = None
    force: bool = False
    damaged: DamageTreatment = DamageTreatment.AS_IS

    @property
    def name(self) -> str:
        """Of the file without its ending, or of the folder."""
        return volumes.stem(self.path.absolute())

    def read(self) -> Volume:
        """Read it, and keep to ourselves what C++ libraries print about it.

        Raises:
            UserError: as :func:`LiverTumorSegLib.io.volumes.read_volume`.
        """
        with silence_libraries():
            return volumes.read_volume(self.path, series=self.series, force=self.force, damaged=self.damaged)


@dataclass(frozen=True)
class SegmentationResult:
    """Labels and measures of one CT.

    Args:
        segmentation: labels with the CT, and how they came about.
        lesions: measures of liver and lesions.
        remarks: what users should know of the files, a sentence each.
        files: what was written.
        marks: what marked each lesion, by which it stays known; None where that is not known.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> result = lts.segment_file("ct.nii.gz", device="cpu")
        >>> result.labels.shape == result.volume.voxels.shape, result.files
        (True, ())
    """

    segmentation: Segmentation
    lesions: LesionTable
    remarks: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    marks: tuple[LesionMark, ...] | None = None

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Labels ``[k, j, i]`` on the CT's grid: 0 background, 1 liver, 2 lesion."""
        return self.segmentation.labels

    @property
    def volume(self) -> Volume:
        """The CT."""
        return self.segmentation.volume

    @property
    def warnings(self) -> tuple[str, ...]:
        """All doubts, a sentence each: about the CT, the segmentation, the measures and the files."""
        return (*self.segmentation.warnings, *self.lesions.warnings, *self.remarks)


def segment_file(
    source: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    model: AnyModel = DEFAULT_MODEL,
    liver_model: AnyModel | None = None,
    also: Sequence[AnyModel] = (),
    device: str = "auto",
    report: str | PathLike[str] | None = None,
    name_ct: bool = False,
    probabilities: str | PathLike[str] | None = None,
    separate: str | PathLike[str] | None = None,
    rtstruct: str | PathLike[str] | None = None,
    dicom: bool = False,
    lesion_segments: str = "each",
    series: str | None = None,
    force: bool = False,
    damaged: str = "as-is",
    options: SegmentationOptions = _DEFAULT_OPTIONS,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> SegmentationResult:
    """Segment the liver and its lesions in a CT on disk, and measure them.

    Args:
        source: NIfTI, NRRD or MetaImage file, or a folder of DICOM files.
        output: ``.nii.gz``, ``.nii``, ``.nrrd`` or ``.seg.nrrd`` file for the labels, with ``dicom`` a folder; None
            writes none.
        model: name of a model, its folder, or a loaded model.
        liver_model: the same of one that finds the liver, in which ``model`` finds lesions; ``auto`` as on the
            command line; None where it needs none.
        also: the same of models that find other structures, such as vessels.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        report: folder for ``report.html``, ``lesions.csv``, ``patient.csv`` and ``lesions.json``.
        name_ct: whether the report names the CT's file and, of a DICOM CT, its date; reports are often passed on.
        probabilities: folder for probability maps, from 0 to 1, named after ``output``, or after ``source`` without it.
        separate: folder for a mask a structure: ``liver.nii.gz``, with its lesions in it, ``lesion.nii.gz`` and others.
        rtstruct: ``.dcm`` file for an RT Structure Set of a DICOM series.
        dicom: write a DICOM Segmentation and a Structured Report of a DICOM series.
        lesion_segments: with ``dicom``: ``each`` lesion a segment, or one for ``all``.
        series: UID of the DICOM series, or its end.
        force: segment it also where it does not look like a CT in HU.
        damaged: ``as-is``, or ``interpolate`` slices that are damaged.
        options: coarse pass, batch, clean-up and precision.
        overwrite: replace files that are there.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch, and no more once files are written.

    Returns:
        Labels uint8 ``[k, j, i]`` on the CT's grid, and measures in ml, mm and HU.

    Raises:
        UserError: the CT cannot be read or is none, the model or device is not there, or an output cannot be written.
        Cancelled: ``cancel`` was used; nothing was written.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> result = lts.segment_file("ct.nii.gz", "liver.seg.nrrd", report="report")
        >>> print(result.lesions)  # doctest: +ELLIPSIS
        Liver ... ml, ... lesions, ... ml, burden ... %...
        >>> sorted(path.name for path in result.files)[-2:]
        ['patient.csv', 'report.html']
    """
    ct, task = CTFile(Path(source), series, force, DamageTreatment.of(damaged)), job_of(progress, cancel)
    maps, page, masks, structures = (
        None if path is None else Path(path) for path in (probabilities, report, separate, rtstruct)
    )
    outputs = outputs_for_file(
        Path(output or ct.path),
        dicom=dicom,
        lesion_segments=lesion_segments,
        report=page,
        probabilities=maps,
        separate=masks,
        rtstruct=structures,
        ct_name=ct.name if name_ct else "",
        overwrite=overwrite,
    )
    outputs = outputs if output is not None else outputs[1:]
    task.at(0, "Loading the model")
    return run(ct, load_models(model, liver_model, also), outputs, device=device, options=options, job=task)


def segment(
    volume: Volume,
    model: AnyModel = DEFAULT_MODEL,
    *,
    liver_model: AnyModel | None = None,
    also: Sequence[AnyModel] = (),
    device: str = "auto",
    options: SegmentationOptions = _DEFAULT_OPTIONS,
    inside: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> SegmentationResult:
    """Segment the liver and its lesions in a CT in memory, and measure them.

    Args:
        volume: CT in HU, in any orientation.
        model: name of a model, its folder, or a loaded model.
        liver_model: the same of one that finds the liver, in which ``model`` finds lesions; ``auto`` as on the
            command line; None where it needs none.
        also: the same of models that find other structures, such as vessels; see :attr:`.Segmentation.others`.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        options: coarse pass, batch, clean-up, precision, and whether probabilities are kept.
        inside: ``[k, j, i]`` on the CT's grid; nothing is found where it is False.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch.

    Returns:
        Labels uint8 ``[k, j, i]`` on the CT's grid, and measures in ml, mm and HU.

    Raises:
        UserError: the model or device is not there, or has too little memory.
        Cancelled: ``cancel`` was used.

    Example:
        >>> import numpy as np
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> result = lts.segment(volume, device="cpu")
        >>> result.labels.shape == volume.voxels.shape, result.labels.dtype
        (True, dtype('uint8'))
    """
    task = job_of(progress, cancel)
    task.at(0, "Loading the model")
    return run(volume, load_models(model, liver_model, also), device=device, options=options, inside=inside, job=task)


def run(
    source: CTFile | Volume,
    model: Model | ModelSet,
    outputs: Sequence[Output] = (),
    *,
    device: str = "auto",
    options: SegmentationOptions = _DEFAULT_OPTIONS,
    inside: NDArray[np.bool_] | None = None,
    job: Job | None = None,
) -> SegmentationResult:
    """Read a CT, check it and its outputs, segment, measure and write.

    Args:
        source: the CT on disk or in memory.
        model: what segments, or several models that do.
        outputs: what is written, in this order.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        options: of :func:`LiverTumorSegLib.inference.composition.segment_with`; probabilities are kept for maps.
        inside: ``[k, j, i]`` on the CT's grid; nothing is found where it is False.
        job: told what is being done, and asked whether to go on until files are written.

    Raises:
        UserError: an output is refused, before any work is done for it; or as reading and segmenting.
        Cancelled: the job was; nothing was written.
    """
    task, models = job or Job(), model if isinstance(model, ModelSet) else ModelSet(model)
    refuse_collisions(outputs, models.marks)
    for output in outputs:
        output.check(models.marks, source.path if isinstance(source, CTFile) else None)
    if isinstance(source, CTFile):
        task.at(0.01, "Reading the volume")
        volume = source.read()
    else:
        volume = source
    for output in outputs:
        output.check_volume(volume)
    if any(isinstance(output, ProbabilityMaps) for output in outputs):
        options = replace(options, probabilities=True)
    part = task.part(_READ, _SEGMENTED)
    found = segment_with(volume, models, device, part.at, part.cancel, options=options, inside=inside)
    return measure_and_write(found, outputs, task.part(_SEGMENTED, 1), untouched=True)


def measure_and_write(
    found: Segmentation,
    outputs: Sequence[Output] = (),
    job: Job | None = None,
    *,
    notes: Sequence[LesionNote] = (),
    marks: Sequence[LesionMark] | None = None,
    numbers: LesionNumbers | None = None,
    untouched: bool = False,
) -> SegmentationResult:
    """Measure a segmentation and write its outputs, which were checked before.

    Args:
        found: the labels with their CT.
        outputs: what is written, in this order.
        job: told what is being done; a stop that comes while files are written comes too late.
        notes: of lesions, which the outputs and the measures get.
        marks: by which it is known how lesions came about; None where it is not.
        numbers: of the lesions before they were corrected; None numbers them by size.
        untouched: the labels are as the model marked them, so that all lesions are automatic.

    Raises:
        UserError: a file appeared meanwhile, or cannot be written.
        Cancelled: the job was, before the first file.
    """
    task = job or Job()
    task.at(0, "Measuring lesions")
    levels = found.choice.spread() if found.choice else None
    marked = found.labels, found.volume, found.marks, levels
    table = lesions.measure_lesions(*marked, region=found.region, numbers=numbers)
    task.cancel.check()
    numbered = lesions.number_lesions(found.labels, found.volume, table)
    if notes:
        table = table.with_notes(place_notes(notes, numbered, found.volume))
    if untouched:
        marks = automatic_marks(numbered, [lesion.inside_voxel for lesion in table.lesions])
    table = with_liver_segments(table, numbered, map_of_liver_segments(found.others))
    if marks is not None:
        table, marks = tell_origins(table, marks, numbered, found.volume, _by_model(found))
    task.cancel.check()
    remarks: list[str] = []
    for output in outputs:
        task.tell(_MEASURED, output.stage)
        remarks += output.write(found, table)
    task.tell(1, "Done")
    files = tuple(path for output in outputs for path in output.files(found.marks))
    return SegmentationResult(found, table, tuple(remarks), files, marks)


def _by_model(found: Segmentation) -> NDArray[np.int64] | None:
    """Flat indices of what the model marked as lesions, where candidates tell it whatever was painted since."""
    cleaning = found.options.postprocessing
    return found.choice.lesions_at(cleaning.sensitivity) if found.choice and cleaning else None

"""Command ``livertumorseg follow-up``, which compares the lesions of one patient's CTs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.about import AUTO_LIVER, DEFAULT_MODEL
from ...core.errors import UserError
from ...core.progress import Job
from .console import Damaged, DeviceName, LiverModel, Overwrite, bar, interruptible, say, say_written, warn

if TYPE_CHECKING:
    from datetime import date

    from ...core.volume import Volume
    from ...follow_up.changes import Change
    from ...follow_up.comparison import Comparison
    from ...follow_up.scan import Scan
    from ...follow_up.series import Series
    from ...inference.model_set import ModelSet
    from ...pipeline import CTFile, SegmentationResult
    from ...reporting.outputs import LabelFile

_VOLUMES, _READ = 0.05, 0.6
"""Shares of the bar for reading, and for segmenting as well."""


def follow_up(
    cts: Annotated[
        list[Path],
        typer.Argument(
            metavar="BEFORE AFTER [MORE]...",
            readable=False,
            help="CTs of one patient, the first taken first: NIfTI, NRRD, MetaImage, or DICOM folders.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for follow-up.html, changes.csv and follow-up.json.")
    ],
    segmentations: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False, help="Labels of a CT, once for each in their order.", show_default="CTs are segmented"
        ),
    ] = None,
    dates: Annotated[
        list[str] | None,
        typer.Option(help="Day of a CT, such as 2026-03-31, once for each.", show_default="as DICOM states"),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(help="Numbers of the first CT's target lesions, such as 1,3.", show_default="the largest two"),
    ] = None,
    earlier_sums: Annotated[
        list[float] | None,
        typer.Option(
            help="A sum of the targets' diameters before the first CT, in mm, in their order; again for more.",
            show_default="none",
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            "--pair",
            metavar="N:M",
            help="Lesion N of the CT before is M of the last one, beside what else it was paired with; again for more.",
            show_default="none",
        ),
    ] = None,
    unpair: Annotated[
        list[str] | None,
        typer.Option(
            "--unpair", metavar="N:M", help="Lesion N of the CT before is not M of the last one.", show_default="none"
        ),
    ] = None,
    was_there: Annotated[
        list[int] | None,
        typer.Option(
            "--was-there", metavar="M", help="Lesion M of the last CT was there before, unmarked.", show_default="none"
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="What was said of pairs before; delete a line to take it back.",
            show_default="pairs.csv of the output folder",
        ),
    ] = None,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write comparison.dcm as well, a Structured Report, of DICOM series.")
    ] = False,
    earlier_report: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="With --dicom: a report or segmentation in DICOM whose identifiers lesions keep; again for more.",
            show_default="those in the folders of CTs, segmentations and output",
        ),
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="DICOM series of a CT, as segment takes it, once for each; an empty word where there is one alone.",
            show_default="the one there is",
        ),
    ] = None,
    damaged: Damaged = "as-is",
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder.")] = DEFAULT_MODEL,
    liver_model: LiverModel = AUTO_LIVER,
    device: DeviceName = "auto",
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="Compare CTs whose patient IDs differ; they are of one patient.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Take what does not look like a CT.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Compare lesions between CTs: what grew, what shrank, what is new, and what is not found any more."""
    from ...core.ct_quality import DamageTreatment
    from ...follow_up import report
    from ...follow_up.pair_edits import EDITS_FILE, KeptEdits
    from ...follow_up.scan import check_volumes, read_dates
    from ...follow_up.series import Series, follow
    from ...pipeline import CTFile

    files, days = segmentations or [], read_dates(dates or (), len(cts))
    for given, name in ((files, "segmentations"), (series or [], "series")):
        if given and len(given) != len(cts):
            msg = f"There are {len(cts)} CTs and {len(given)} {name}: give --{name} once for each CT."
            raise UserError(msg)
    treatment, uids = DamageTreatment.of(damaged), series or [""] * len(cts)
    sources = [CTFile(ct, uid or None, force, treatment) for ct, uid in zip(cts, uids, strict=True)]
    chosen = _numbers(targets) if targets is not None else None
    joined, parted = ([_pair(words) for words in given or ()] for given in (pair, unpair))
    report.check(output, overwrite=overwrite)
    kept = KeptEdits(output / EDITS_FILE, pairs, overwrite=overwrite)
    objects = _DicomReport(output, earlier_report or [], overwrite) if dicom else None
    with interruptible() as cancel, bar() as progress:
        job = Job(progress, cancel)
        volumes = _volumes(sources, job.part(0, _VOLUMES))
        check_volumes([ct.name for ct in cts], volumes, days, other_patients=same_patient)
        if objects:
            objects.read(cts, files, volumes)
        segmenter = _Segmenter(output, model, liver_model, device, overwrite)
        scans = _scans(list(zip(cts, volumes, days, strict=True)), files, segmenter, job)
        found = follow(
            scans,
            targets=chosen,
            earlier_sums=earlier_sums or (),
            other_patients=same_patient,
            edits=kept.edits,
            job=job.part(_READ, 1),
        )
        last = _edited(found.comparisons[-1], joined, parted, was_there or ())
        found = Series((*found.comparisons[:-1], last))
        if objects:
            objects.check(found)
        written = [*report.write(output, found, overwrite=overwrite), *segmenter.write(), *kept.write(found.edits)]
        written += objects.write(found) if objects else []
    left = _left_over(output, [*written, *files])
    for warning in dict.fromkeys([*(note for each in found.comparisons for note in each.notes), *left]):
        warn(warning)
    for each in found.comparisons:
        _print(each)
    say_written(written)


class _DicomReport:
    """The report in DICOM: what it needs is read before CTs are segmented, and it is written last.

    Args:
        output: folder of the report.
        earlier: reports and segmentations that the user named.
        overwrite: replace a report that is there.

    Raises:
        UserError: packages are missing, or the file is there.
    """

    def __init__(self, output: Path, earlier: Sequence[Path], overwrite: bool) -> None:
        from ...core.atomic_files import refuse_existing
        from ...core.optional_packages import require_dicom_packages

        require_dicom_packages()
        from ...follow_up.report import DICOM_FILE

        self._path, self._named, self._overwrite = output / DICOM_FILE, earlier, overwrite
        refuse_existing(self._path, overwrite=overwrite)

    def read(self, cts: Sequence[Path], segmentations: Sequence[Path], volumes: Sequence[Volume]) -> None:
        """Read the images of the CTs, and what was written of them before."""
        from ...follow_up.dicom_objects import find_objects, names_any
        from ...follow_up.dicom_report import read_images
        from ...io.dicom_files import is_segmentation

        self._images = read_images([ct.name for ct in cts], volumes)
        series = {str(images[0].SeriesInstanceUID) for images in self._images}
        for path in self._named:
            if not all(names_any(report, series) for report in find_objects([path], [], ()).reports):
                warn(f"{path.name} names none of these CTs: no identifier is taken from it.")
        given = [path for path in segmentations if is_segmentation(path)]
        files = {file for volume in volumes for file in volume.images}
        beside = [self._path.parent, *(path.absolute().parent for path in given)]
        self._earlier = find_objects([*self._named, *given], cts, files, beside)

    def check(self, found: Series) -> None:
        """Refuse what a report cannot be made of, before anything is written."""
        from ...follow_up.dicom_report import refuse_without_lesions

        refuse_without_lesions(found)

    def write(self, found: Series) -> list[Path]:
        """Write it."""
        from datetime import datetime

        from ...follow_up.dicom_objects import VisitImages
        from ...follow_up.dicom_report import write_report

        visits = [VisitImages(scan, images) for scan, images in zip(found.scans, self._images, strict=True)]
        now = datetime.now().astimezone()
        return [write_report(self._path, found, visits, self._earlier, made=now, overwrite=self._overwrite)]


class _Segmenter:
    """Segments CTs that come without labels; the files are written at the end, beside the report.

    Args:
        output: folder of the report.
        model: name or folder.
        liver_model: as ``segment`` takes it.
        device: where.
        overwrite: replace segmentations that are there.
    """

    def __init__(self, output: Path, model: str, liver_model: str, device: str, overwrite: bool) -> None:
        self._output, self._names, self._device, self._overwrite = output, (model, liver_model), device, overwrite
        self._models: ModelSet | None = None
        self._made: list[tuple[LabelFile, SegmentationResult]] = []

    def write(self) -> list[Path]:
        """Write what was segmented, once nothing can be refused any more."""
        for target, done in self._made:
            target.write(done.segmentation, done.lesions)
        return [path for target, done in self._made for path in target.files(done.segmentation.marks)]

    def __call__(self, number: int, path: Path, volume: Volume, taken: date | None, job: Job) -> Scan:
        from ...follow_up.scan import Scan
        from ...inference.model_set import load_models
        from ...pipeline import run
        from ...reporting.outputs import LabelFile

        target = LabelFile(self._output / f"ct-{number}.seg.nrrd", self._overwrite)
        job.at(0, "Loading the model")
        self._models = self._models or load_models(*self._names)
        target.check(self._models.marks, path)
        done = run(volume, self._models, device=self._device, job=job)
        self._made.append((target, done))
        for warning in dict.fromkeys(done.warnings):
            warn(f"{path.name}: {warning}")
        return Scan.measured(path.name, done.volume, done.labels, done.lesions, taken)


def _left_over(output: Path, known: Sequence[Path]) -> list[str]:
    """What lies in the folder from an earlier comparison, in a sentence; nobody but the user may know its worth."""
    from ...follow_up.report import DICOM_FILE

    now = {path.absolute() for path in known}
    own = [*sorted(output.glob("ct-*.seg.nrrd")), output / DICOM_FILE]
    names = [path.name for path in own if path.exists() and path.absolute() not in now]
    return [f"From an earlier comparison in {output}, and not part of this one: {', '.join(names)}."] if names else []


def _volumes(cts: Sequence[CTFile], job: Job) -> list[Volume]:
    volumes = []
    for number, ct in enumerate(cts):
        job.at(number / len(cts), f"Reading {ct.path.name}")
        volumes.append(ct.read())
    return volumes


def _scans(
    sources: Sequence[tuple[Path, Volume, date | None]], files: Sequence[Path], segmenter: _Segmenter, job: Job
) -> list[Scan]:
    scans, share = [], (_READ - _VOLUMES) / len(sources)
    for number, (ct, volume, day) in enumerate(sources):
        part = job.part(_VOLUMES + share * number, _VOLUMES + share * (number + 1))
        if files:
            part.at(0, f"Measuring the lesions of {ct.name}")
            scans.append(_read(ct, volume, files[number], day))
        else:
            scans.append(segmenter(number + 1, ct, volume, day, part))
    return scans


def _read(ct: Path, volume: Volume, segmentation: Path, taken: date | None) -> Scan:
    from ...datasets.scans import read_labels
    from ...follow_up.scan import Scan

    labels, doubt = read_labels(segmentation, volume)
    for warning in (*volume.warnings, *([doubt] if doubt else [])):
        warn(f"{ct.name}: {warning}")
    return Scan.measured(ct.name, volume, labels, None, taken)


def _edited(
    found: Comparison, pairs: Sequence[tuple[int, int]], unpairs: Sequence[tuple[int, int]], there: Sequence[int]
) -> Comparison:
    for before, after in unpairs:
        found = found.without_pair(before, after)
    for before, after in pairs:
        found = found.with_pair(before, after)
    for number in there:
        found = found.was_there(number)
    return found


def _numbers(words: str) -> list[int]:
    try:
        return [int(word) for word in words.split(",") if word.strip()]
    except ValueError as error:
        msg = f"“{words}” are not lesions: write their numbers with commas, such as 1,3."
        raise UserError(msg) from error


def _pair(words: str) -> tuple[int, int]:
    before, _, after = words.partition(":")
    if not (before.isdecimal() and after.isdecimal()):
        msg = f"“{words}” is not a pair: write the numbers before and after with a colon, such as 2:3."
        raise UserError(msg)
    return int(before), int(after)


def _sizes(form: str, change: Change, values: tuple[float, float]) -> str:
    """A measure before and after, with a dash where no lesion is marked."""
    parts = zip((change.before, change.after), values, strict=True)
    return " to ".join(form.format(value) if part else "—" for part, value in parts)


def _print(found: Comparison) -> None:
    days = f", {found.days} days" if found.days else ""
    say(f"{found.earlier.name} to {found.later.name}{days}:")
    for change in found.changes:
        before, after = (" + ".join(str(one.number) for one in part) or "-" for part in (change.before, change.after))
        mm, ml = _sizes("{:.1f}", change, change.diameter_mm), _sizes("{:.2f}", change, change.ml)
        how = "by hand" if change.link.by_hand else change.link.grade
        say(f"  lesion {before} to {after}: {change.kind}, {mm} mm, {ml} ml, {how}")
    totals = found.totals
    say("  all: {} to {} lesions, {:.1f} to {:.1f} ml".format(*totals.lesions, *totals.lesion_ml))

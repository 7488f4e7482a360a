"""Command ``livertumorseg lesions add``, which adds lesions that points lie in to the labels of a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.about import CLICK_MODEL
from ...core.errors import UserError
from ...core.progress import Job
from .common_options import Force, InputOption, Series, one_path, working
from .console import Damaged, DeviceName, NameCT, Overwrite, bar, interruptible, say, say_written, warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...core.volume import Volume
    from ...inference.clicks.adding import AddedLesion
    from ...inference.clicks.frame import ClickFrame
    from ...inference.clicks.replay import ClickedCT
    from ...inference.segment import Segmentation
    from ...io.points import LesionPoint
    from ...models.model_folder import Model
    from ...reporting.lesions import LesionTable
    from ...reporting.outputs import Output

app = typer.Typer(no_args_is_help=True, help="Add lesions to a segmentation, or improve them, by points.")


@app.command("add")
@working
def add(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[INPUT] [SEGMENTATION]",
            readable=False,
            help="NIfTI, NRRD, MetaImage, or a DICOM folder; then the labels that the lesions are added to, without "
            "which OUTPUT has the new lesions alone. After --input, the labels alone.",
            show_default="--input",
        ),
    ] = None,
    *,
    input_: InputOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help=".nii.gz, .nii, .nrrd or .seg.nrrd.")],
    inside: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="R,A,S",
            help="A point in a lesion, in mm; repeat for more. R,A,S,NAME for several points of one.",
            show_default="none",
        ),
    ] = None,
    outside: Annotated[
        list[str] | None,
        typer.Option(
            "--not-at", metavar="R,A,S", help="A point beside all of them; R,A,S,NAME beside one.", show_default="none"
        ),
    ] = None,
    points: Annotated[
        Path | None,
        typer.Option(readable=False, help="Points from a CSV file, .mrk.json, or a DICOM report.", show_default="none"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.html, lesions.csv, patient.csv and lesions.json.", show_default="no report"
        ),
    ] = None,
    name_ct: NameCT = False,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Name of a model for clicks, or its folder.")
    ] = CLICK_MODEL,
    device: DeviceName = "auto",
    series: Series = None,
    damaged: Damaged = "as-is",
    force: Force = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment the lesions that points lie in and add them to a segmentation; a lesion that is there is improved."""
    from ...core.ct_quality import DamageTreatment
    from ...core.labels import LESION_LABEL
    from ...models.store import load_model
    from ...pipeline import CTFile
    from ...reporting.lesions import number_lesions
    from ...reporting.outputs import outputs_for_file

    ct, segmentation = _ct_and_labels(paths or [], input_)
    asked = _points_of_words(inside or (), outside or ())
    source = CTFile(ct, series, force, DamageTreatment.of(damaged))
    named = source.name if name_ct else ""
    outputs = outputs_for_file(output, report=report, ct_name=named, overwrite=overwrite)
    with interruptible() as cancel, bar() as progress:
        job = Job(progress, cancel)
        job.at(0, "Loading the model")
        loaded = load_model(model)
        for each in outputs:
            each.check(loaded.description.labels, ct)
        job.at(0.1, "Reading the volume")
        volume = source.read()
        for each in outputs:
            each.check_volume(volume)
        labels, doubt = _labels(segmentation, volume)
        lesions = _placed([*asked, *(_points_of_file(points, volume) if points else ())], volume)
        began, before = perf_counter(), labels == LESION_LABEL
        added = _added(loaded, volume, labels, lesions, device, job.part(0.2, 0.9))
        numbered = number_lesions(labels, volume)
        added = _joined(added, before, numbered)
        table = _finish(loaded, volume, labels, numbered, added, outputs, perf_counter() - began)
    for warning in dict.fromkeys((*volume.warnings, *([doubt] if doubt else []), *table.warnings)):
        warn(warning)
    _print(numbered, added, table)
    say_written(path for each in outputs for path in each.files(loaded.description.labels))


def _ct_and_labels(paths: Sequence[Path], option: Path | None) -> tuple[Path, Path | None]:
    """The CT and the labels among what was given, of which the CT comes first unless an option names it.

    Raises:
        UserError: no CT was given, or more than the two.
    """
    first, *more = paths if option is None and paths else (None, *paths)
    if len(more) > 1:
        msg = f"{more[-1]} is one path too many: give a CT, by itself or after --input, and one segmentation."
        raise UserError(msg)
    return one_path(first, option, name="INPUT", flag="--input"), more[0] if more else None


def _labels(path: Path | None, volume: Volume) -> tuple[NDArray[np.uint8], str]:
    import numpy as np

    from ...datasets.scans import read_labels

    return (np.zeros(volume.voxels.shape, np.uint8), "") if path is None else read_labels(path, volume)


def _points_of_words(inside: Sequence[str], outside: Sequence[str]) -> list[LesionPoint]:
    from ...io.points import point_of_words

    found = [point_of_words(words, "--at", inside=True) for words in inside]
    return found + [point_of_words(words, "--not-at", inside=False) for words in outside]


def _placed(points: Sequence[LesionPoint], volume: Volume) -> list[list[LesionPoint]]:
    """The points of each lesion, all of which are places in the CT.

    Raises:
        UserError: one is not; it is named.
    """
    from ...inference.clicks.frame import ClickFrame
    from ...io.points import by_lesion

    frame = ClickFrame(volume)
    for each in points:
        _refuse_misplaced(each, frame)
    return by_lesion(points)


def _refuse_misplaced(point: LesionPoint, frame: ClickFrame) -> None:
    """Refuse a point outside the CT, or in air, by the place where it stands.

    Raises:
        UserError: it is such a point.
    """
    try:
        frame.of([point.point])
    except UserError as error:
        msg = f"{point.place}: {error}"
        raise UserError(msg) from error


def _points_of_file(path: Path, volume: Volume) -> list[LesionPoint]:
    """Points of a file, by its name.

    Raises:
        UserError: it holds none, or a wrong one.
    """
    from ...io.points import points_of_csv, points_of_markups, read_text

    if not path.is_file():
        msg = f"{path} is not a file: give points as CSV, as .mrk.json, or as a DICOM report."
        raise UserError(msg)
    if path.name.lower().endswith(".csv"):
        found = points_of_csv(read_text(path), path.name)
    elif path.name.lower().endswith(".json"):
        found = points_of_markups(read_text(path), path.name)
    else:
        from ...io.dicom_points import points_of_report

        found = points_of_report(path, volume)
    if not found:
        msg = f"{path} holds no points: place one in each lesion."
        raise UserError(msg)
    return found


def _added(
    model: Model,
    volume: Volume,
    labels: NDArray[np.uint8],
    lesions: Sequence[Sequence[LesionPoint]],
    device: str,
    job: Job,
) -> list[AddedLesion]:
    from ...core.labels import liver_median
    from ...inference.clicks.adding import add_lesion
    from ...inference.clicks.editing import LesionClick
    from ...inference.clicks.replay import ClickedCT, KeptAnswers

    clicked: ClickedCT = ClickedCT(volume, model, liver_median(volume, labels), device, KeptAnswers())
    added = []
    for number, points in enumerate(lesions):
        job.at(number / len(lesions), f"Segmenting lesion {number + 1} of {len(lesions)}")
        clicks = [LesionClick(each.point, each.inside) for each in points]
        try:
            added.append(add_lesion(clicked, labels, clicks, job.cancel))
        except UserError as error:
            msg = f"{points[0].place}: {error}"
            raise UserError(msg) from error
    return added


def _joined(
    added: Sequence[AddedLesion], before: NDArray[np.bool_], numbered: NDArray[np.unsignedinteger]
) -> list[AddedLesion]:
    """The same, of which those count as improved, too, that have grown together with a lesion that was there."""
    there = set(numbered[before].tolist())
    return [replace(each, improved=each.improved or int(numbered[each.voxel]) in there) for each in added]


def _finish(
    model: Model,
    volume: Volume,
    labels: NDArray[np.uint8],
    numbered: NDArray[np.unsignedinteger],
    added: Sequence[AddedLesion],
    outputs: Sequence[Output],
    seconds: float,
) -> LesionTable:
    """Measure, and write all outputs."""
    from ...inference.segment import Segmentation, SegmentationOptions

    notes = tuple(dict.fromkeys(warning for each in added for warning in each.warnings))
    found = Segmentation(labels, volume, model.description, added[-1].device, SegmentationOptions(), notes, seconds)
    table = _measured(found, numbered, added)
    for output in outputs:
        output.write(found, table)
    return table


def _measured(found: Segmentation, numbered: NDArray[np.unsignedinteger], added: Sequence[AddedLesion]) -> LesionTable:
    """Measures, with the clicks of lesions that were not there before; who marked the others is not known."""
    from ...reporting.lesion_origins import LesionOrigin
    from ...reporting.lesions import measure_lesions

    table = measure_lesions(found.labels, found.volume, found.marks)
    clicks: dict[int, int] = {}
    for each in added:
        number = int(numbered[each.voxel]) - 1
        if number in clicks or not each.improved:
            clicks[number] = clicks.get(number, 0) + each.clicks
    made = {number: LesionOrigin(automatic=False, clicks=count) for number, count in clicks.items()}
    return table.with_origins(made)


def _print(numbered: NDArray[np.unsignedinteger], added: Sequence[AddedLesion], table: LesionTable) -> None:
    """A line a lesion that was added, and the new table."""
    for each in added:
        number = int(numbered[each.voxel]) - 1
        clicks = "1 click" if each.clicks == 1 else f"{each.clicks} clicks"
        done = "was improved" if each.improved else "was added"
        say(f"Lesion {number} {done} by {clicks}: probability {each.probability:.2f}.")
        for warning in each.warnings:
            warn(f"Lesion {number}: {warning}")
    for line in str(table).splitlines():
        say(line)

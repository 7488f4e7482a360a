"""``livertumorseg segment``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import DEFAULT_MODEL
from ..errors import UserError
from ..quiet import quiet_libraries
from . import segment_outputs
from .cleaning import (
    FillHoles,
    LargestLiver,
    LeastContrast,
    LeastProbability,
    LesionsInLiver,
    SmallestLesion,
    SmallestLiver,
    changed,
)
from .console import BatchSize, Coarse, Damaged, DeviceName, Overwrite, Precision, bar, interruptible, say, warn

if TYPE_CHECKING:
    from ..inference import Segmentation
    from ..lesions import LesionTable


def segment(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", readable=False, help="NIfTI, NRRD, MetaImage, or a DICOM folder.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=".nii.gz, .nii, .nrrd or .seg.nrrd; with --dicom a folder.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder.")] = DEFAULT_MODEL,
    device: DeviceName = "auto",
    report: Annotated[Path | None, typer.Option(help="Folder for report.html, lesions.csv and lesions.json.")] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            help="Folder for OUTPUT_liver.nii.gz and OUTPUT_lesion.nii.gz: probabilities from 0 to 1 before the "
            "clean-up, 0 outside the liver's box."
        ),
    ] = None,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write a DICOM Segmentation and a Structured Report of a DICOM series.")
    ] = False,
    lesion_segments: Annotated[
        str, typer.Option(help="With --dicom: each, a segment for each lesion, or all, one for all.")
    ] = "each",
    series: Annotated[str | None, typer.Option(help="UID of the DICOM series, or its end.")] = None,
    coarse: Coarse = True,
    batch: BatchSize = None,
    precision: Precision = "auto",
    largest_liver: LargestLiver = None,
    lesions_in_liver: LesionsInLiver = None,
    fill_holes: FillHoles = None,
    smallest_lesion: SmallestLesion = None,
    least_probability: LeastProbability = None,
    least_contrast: LeastContrast = None,
    smallest_liver: SmallestLiver = None,
    force: Annotated[bool, typer.Option("--force", help="Segment it though it does not look like a CT.")] = False,
    damaged: Damaged = "as-is",
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment the liver and its lesions in a CT."""
    from .. import files, lesions, model_store, report_files
    from .. import model as model_folder
    from ..damaged import Treatment
    from ..files import probabilities as maps
    from ..inference import Options
    from ..inference import segment as run
    from ..label_writer import CERTAIN

    target = segment_outputs.output(output, dicom=dicom, lesion_segments=lesion_segments, overwrite=overwrite)
    with interruptible() as cancel:
        target.check()
        if report:
            report_files.check(report, overwrite=overwrite)
        loaded = model_folder.load(model_store.find(model))
        structures = loaded.description.labels[1:] if probabilities else ()
        likely = maps.paths(probabilities or output.parent, target.stem, structures)
        maps.check(likely.values(), overwrite=overwrite)
        _refuse_same(source, (output, *likely.values()))
        with quiet_libraries():
            volume = files.read_volume(source, series=series, force=force, damaged=Treatment.of(damaged))
        target.check_volume(volume)
        if probabilities:
            maps.check_grid(volume)
        cleaning = changed(
            loaded.description.postprocessing,
            largest_liver=largest_liver,
            lesions_in_liver=lesions_in_liver,
            fill_holes=fill_holes,
            smallest_lesion_ml=smallest_lesion,
            least_probability=least_probability,
            least_contrast_hu=least_contrast,
            smallest_liver_ml=smallest_liver,
        )
        options = Options(coarse, batch, cleaning, precision, probabilities is not None)
        with bar() as progress:
            result = run(volume, loaded, device, progress, cancel, options=options)
        table = lesions.measure(result.labels, volume, result.model.labels)
        cancel.check()  # from here on Ctrl-C waits until everything is written
        remarks = target.write(result, table)
        maps.write(likely, result.probabilities, CERTAIN, volume, overwrite=overwrite)
        if report:
            report_files.write(report, result, table, overwrite=overwrite)
    if as_json:
        _print_json(result, table, output, remarks)
    else:
        _print(result, table, target.in_words(), remarks)


def _refuse_same(source: Path, outputs: Iterable[Path]) -> None:
    for output in outputs:
        if output.exists() and source.exists() and output.samefile(source):
            msg = f"{output} is the CT itself: choose another name for the output."
            raise UserError(msg)


def _print(result: Segmentation, table: LesionTable, written: str, remarks: Sequence[str]) -> None:
    for warning in (*result.volume.warnings, *result.notes, *table.warnings, *remarks):
        warn(warning)
    say(
        f"{_in_words(table)}. Segmented in {result.seconds:.1f} s on {result.device}. Wrote {written}. "
        "Research only, not a medical device."
    )


def _print_json(result: Segmentation, table: LesionTable, output: Path, remarks: Sequence[str]) -> None:
    from ..report_files import facts

    of_this_run = {"seconds": round(result.seconds, 3), "output": str(output)}
    content = facts(result, table) | of_this_run
    content["warnings"] += remarks
    print(json.dumps(content, indent=2))  # noqa: T201


def _in_words(table: LesionTable) -> str:
    count = len(table.lesions)
    words = f"{count} lesion{'' if count == 1 else 's'}, {table.lesion_ml:.1f} ml"
    if table.liver_ml is None:
        return words
    return f"Liver {table.liver_ml:.0f} ml, {words}, burden {table.burden_percent:.1f} %"

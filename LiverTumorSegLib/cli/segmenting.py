"""``livertumorseg segment``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import DEFAULT_MODEL
from ..errors import UserError
from ..quiet import quiet_libraries
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
    output: Annotated[Path, typer.Option("--output", "-o", help=".nii.gz, .nii, .nrrd or .seg.nrrd")],
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

    with interruptible() as cancel:
        files.check_output(output, overwrite=overwrite)
        if report:
            report_files.check(report, overwrite=overwrite)
        loaded = model_folder.load(model_store.find(model))
        structures = loaded.description.labels[1:] if probabilities else ()
        likely = maps.paths(probabilities or output.parent, files.stem(output), structures)
        maps.check(likely.values(), overwrite=overwrite)
        _refuse_same(source, (output, *likely.values()))
        with quiet_libraries():
            volume = files.read_volume(source, series=series, force=force, damaged=Treatment.of(damaged))
        files.check_grid(output, volume)
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
        files.write_labels(output, result.labels, volume, overwrite=overwrite)
        maps.write(likely, result.probabilities, CERTAIN, volume, overwrite=overwrite)
        if report:
            report_files.write(report, result, table, overwrite=overwrite)
    _print(result, table, output, as_json=as_json)


def _refuse_same(source: Path, outputs: Iterable[Path]) -> None:
    for output in outputs:
        if output.exists() and source.exists() and output.samefile(source):
            msg = f"{output} is the CT itself: choose another name for the labels."
            raise UserError(msg)


def _print(result: Segmentation, table: LesionTable, output: Path, *, as_json: bool) -> None:
    from ..report_files import facts

    if as_json:
        of_this_run = {"seconds": round(result.seconds, 3), "output": str(output)}
        print(json.dumps(facts(result, table) | of_this_run, indent=2))  # noqa: T201
        return
    for warning in (*result.volume.warnings, *result.notes, *table.warnings):
        warn(warning)
    say(
        f"{_in_words(table)}. Segmented in {result.seconds:.1f} s on {result.device}. Wrote {output}. "
        "Research only, not a medical device."
    )


def _in_words(table: LesionTable) -> str:
    count = len(table.lesions)
    words = f"{count} lesion{'' if count == 1 else 's'}, {table.lesion_ml:.1f} ml"
    if table.liver_ml is None:
        return words
    return f"Liver {table.liver_ml:.0f} ml, {words}, burden {table.burden_percent:.1f} %"

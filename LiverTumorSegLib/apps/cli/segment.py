"""Command ``livertumorseg segment``, which writes labels to one file or DICOM objects to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.about import AUTO_LIVER, DEFAULT_MODEL
from ...core.progress import Job
from .common_options import InputOption, Series, one_path
from .console import (
    AlsoModels,
    BatchSize,
    Coarse,
    Damaged,
    Deflate,
    DeviceName,
    Exact,
    LabelMap,
    LesionSegments,
    LiverModel,
    NameCT,
    Overwrite,
    Precision,
    bar,
    interruptible,
    say,
    say_written,
    warn,
)
from .postprocessing_options import AS_THE_MODEL, CleanUp, changed_steps, with_clean_up_options

if TYPE_CHECKING:
    from ...pipeline import SegmentationResult


@with_clean_up_options
def segment(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            readable=False,
            help="NIfTI, NRRD, MetaImage, or a DICOM folder.",
            show_default="--input",
        ),
    ] = None,
    *,
    input_: InputOption = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help=".nii.gz, .nii, .nrrd or .seg.nrrd; with --dicom a folder.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder.")] = DEFAULT_MODEL,
    liver_model: LiverModel = AUTO_LIVER,
    also: AlsoModels = None,
    device: DeviceName = "auto",
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.html, lesions.csv, patient.csv and lesions.json.", show_default="no report"
        ),
    ] = None,
    name_ct: NameCT = False,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            help="Folder for OUTPUT_liver.nii.gz and OUTPUT_lesion.nii.gz: probabilities from 0 to 1 before the "
            "clean-up, 0 outside the liver's box.",
            show_default="no maps",
        ),
    ] = None,
    separate: Annotated[
        Path | None,
        typer.Option(
            help="Folder for one mask per structure: liver.nii.gz (with its lesions), lesion.nii.gz and others.",
            show_default="no masks",
        ),
    ] = None,
    rtstruct: Annotated[
        Path | None,
        typer.Option(help="File ending in .dcm for an RT Structure Set of a DICOM series.", show_default="none"),
    ] = None,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write a DICOM Segmentation and a Structured Report of a DICOM series.")
    ] = False,
    lesion_segments: LesionSegments = "each",
    deflate: Deflate = False,
    label_map: LabelMap = False,
    series: Series = None,
    coarse: Coarse = True,
    batch: BatchSize = None,
    precision: Precision = "auto",
    exact: Exact = False,
    clean_up: CleanUp = AS_THE_MODEL,
    force: Annotated[bool, typer.Option("--force", help="Segment it even if it does not look like a CT.")] = False,
    damaged: Damaged = "as-is",
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment the liver and its lesions in a CT."""
    from ...core.ct_quality import DamageTreatment
    from ...inference.model_set import load_models
    from ...inference.segment import SegmentationOptions
    from ...pipeline import CTFile, run
    from ...reporting.dicom_forms import form_of
    from ...reporting.outputs import outputs_for_file

    ct_path = one_path(source, input_, name="INPUT", flag="--input")
    ct = CTFile(ct_path, series, force, DamageTreatment.of(damaged))
    outputs = outputs_for_file(
        output,
        dicom=dicom,
        lesion_segments=lesion_segments,
        form=form_of(deflate=deflate, label_map=label_map),
        report=report,
        probabilities=probabilities,
        separate=separate,
        rtstruct=rtstruct,
        ct_name=ct.name if name_ct else "",
        overwrite=overwrite,
    )
    with interruptible() as cancel:
        loaded = load_models(model, liver_model, also or ())
        cleaning = changed_steps(loaded.model.description.postprocessing, clean_up)
        options = SegmentationOptions(coarse, batch, cleaning, precision, nnunet="exact" if exact else "fast")
        with bar() as progress:
            task = Job(progress, cancel)
            result = run(ct, loaded, outputs, device=device, options=options, job=task)
    if as_json:
        _print_json(result, output)
    else:
        _print(result)


def _print(result: SegmentationResult) -> None:
    from ...reporting.other_structures import measure_structures

    for warning in result.warnings:
        warn(warning)
    found = result.segmentation
    if structures := measure_structures(found):
        say(f"Other structures: {', '.join(f'{each.title} {each.volume_ml:.1f} ml' for each in structures)}.")
    say_written(result.files, after=f"{result.lesions.in_words}. Segmented in {found.seconds:.1f} s on {found.device}.")


def _print_json(result: SegmentationResult, output: Path) -> None:
    from ...reporting.report_files import report_facts

    of_this_run = {"seconds": round(result.segmentation.seconds, 3), "output": str(output)}
    content = report_facts(result.segmentation, result.lesions) | of_this_run | {"warnings": result.warnings}
    print(json.dumps(content, indent=2))  # noqa: T201

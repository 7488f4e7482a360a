"""``livertumorseg segment-cohort``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.about import AUTO_LIVER, DEFAULT_MODEL
from ...core.progress import Cancelled
from .common_options import InputOption, one_path
from .console import (
    CANCELLED,
    USER_ERROR,
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
    Precision,
    bar,
    complain,
    err,
    interruptible,
    say,
    warn,
)
from .postprocessing_options import AS_THE_MODEL, CleanUp, changed_steps, with_clean_up_options

if TYPE_CHECKING:
    from ..cohort import Rank, Summary

_TORCHRUN = "TORCHELASTIC_RUN_ID"


@with_clean_up_options
def segment_cohort(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            readable=False,
            help="Folder of NIfTI, NRRD or MetaImage files or of DICOM folders; or a list: a .txt with a path a line, "
            "or a .csv with the columns image and, if wanted, case and series.",
            show_default="--input",
        ),
    ] = None,
    *,
    input_: InputOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for CASE.seg.nrrd and cohort.csv.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder.")] = DEFAULT_MODEL,
    liver_model: LiverModel = AUTO_LIVER,
    also: AlsoModels = None,
    device: DeviceName = "auto",
    format_: Annotated[str, typer.Option("--format", help="seg.nrrd or nii.gz.")] = "seg.nrrd",
    report: Annotated[
        Path | None, typer.Option(help="Folder for reports, with a subfolder for each case.", show_default="no reports")
    ] = None,
    name_ct: NameCT = False,
    probabilities: Annotated[
        Path | None,
        typer.Option(help="Folder for CASE_liver.nii.gz and CASE_lesion.nii.gz, from 0 to 1.", show_default="no maps"),
    ] = None,
    dicom: Annotated[
        Path | None,
        typer.Option(
            help="Folder for DICOM objects of DICOM series, with a subfolder for each case.", show_default="none"
        ),
    ] = None,
    lesion_segments: LesionSegments = "each",
    deflate: Deflate = False,
    label_map: LabelMap = False,
    separate: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a subfolder for each case, of one mask per structure: liver.nii.gz (with its lesions), "
            "lesion.nii.gz and others.",
            show_default="no masks",
        ),
    ] = None,
    rtstruct: Annotated[
        Path | None,
        typer.Option(help="Folder for CASE.dcm, an RT Structure Set of each DICOM series.", show_default="none"),
    ] = None,
    rank: Annotated[
        int | None, typer.Option(min=0, help="Number of this process, from 0.", show_default="torchrun's or SLURM's")
    ] = None,
    ranks: Annotated[
        int | None,
        typer.Option(min=1, help="Number of processes that share the cohort.", show_default="torchrun's or SLURM's"),
    ] = None,
    coarse: Coarse = True,
    batch: BatchSize = None,
    precision: Precision = "auto",
    exact: Exact = False,
    clean_up: CleanUp = AS_THE_MODEL,
    force: Annotated[bool, typer.Option("--force", help="Also segment what does not look like a CT.")] = False,
    damaged: Damaged = "as-is",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do every case again.")] = False,
) -> None:
    """Segment every CT of a folder or list; run again, it goes on with what is not done."""
    from ...core import ranks as rank_of
    from ...core.ct_quality import DamageTreatment
    from ...inference.model_set import load_models
    from ...inference.segment import SegmentationOptions
    from ...reporting.dicom_forms import form_of
    from .. import cohort

    cts = one_path(source, input_, name="INPUT", flag="--input")
    own = rank_of.find_rank(os.environ, rank, ranks)
    loaded = load_models(model, liver_model, also or ())
    cleaning = changed_steps(loaded.model.description.postprocessing, clean_up)
    settings = cohort.CohortSettings(
        SegmentationOptions(coarse, batch, cleaning, precision, nnunet="exact" if exact else "fast"),
        format_,
        report,
        probabilities,
        force,
        DamageTreatment.of(damaged),
        overwrite,
        name_ct,
        dicom,
        lesion_segments,
        form_of(deflate=deflate, label_map=label_map),
        separate,
        rtstruct,
    )
    with interruptible() as cancel, bar() if own.local == 0 else nullcontext() as progress:
        try:
            summary = cohort.segment_cohort(
                cts, output, loaded, settings=settings, device=device, rank=own, progress=progress, cancel=cancel
            )
        except Cancelled:
            err.print("Cancelled; what is done is kept, and the same command continues with the rest.")
            raise typer.Exit(CANCELLED) from None
    of_each = cohort.CaseOutputs.of("CASE", output, settings, loaded.marks, cohort.structures_beside(loaded))
    _print(summary, own, of_each.files)
    if summary.failed and not _would_end_others(own):
        raise typer.Exit(USER_ERROR)


def _print(summary: Summary, rank: Rank, of_each: Sequence[Path]) -> None:
    for remark in summary.remarks:
        warn(remark)
    doubtful = sum(bool(record.warnings) for record in summary.done.values())
    if doubtful:
        warn(f"{doubtful} of the cases segmented have warnings: see {summary.table}.")
    for case, sentence in summary.failed.items():
        complain(f"{case}: {sentence}")
    whose = f"Rank {rank.number} of {rank.count}: " if rank.count > 1 else ""
    counts = f"{len(summary.done)} segmented, {len(summary.skipped)} done before, {len(summary.failed)} failed"
    written = f"{summary.table} and, of each case, {', '.join(map(str, of_each))}"
    say(f"{whose}{counts}. Wrote {written}. Research only, not a medical device.")


def _would_end_others(rank: Rank) -> bool:
    """Whether an exit code other than 0 would have the other ranks killed in the middle of theirs, as torchrun does."""
    return rank.count > 1 and _TORCHRUN in os.environ

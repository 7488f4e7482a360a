"""``livertumorseg segment``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .console import DEFAULT_MODEL, DeviceName, Overwrite, bar, err, interruptible, say

if TYPE_CHECKING:
    from ..inference import Segmentation
    from ..lesions import LesionTable
    from ..postprocessing import Postprocessing


def segment(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="NIfTI, NRRD, MetaImage, or a DICOM folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".nii.gz, .nii, .nrrd or .seg.nrrd")],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder.")] = DEFAULT_MODEL,
    device: DeviceName = "auto",
    report: Annotated[Path | None, typer.Option(help="Folder for report.html, lesions.csv and lesions.json.")] = None,
    series: Annotated[str | None, typer.Option(help="UID of the DICOM series, or its end.")] = None,
    coarse: Annotated[
        bool, typer.Option("--coarse/--full", help="Find the liver on coarse slices first, or segment every slice.")
    ] = True,
    batch: Annotated[int | None, typer.Option(min=1, help="Slices a batch.")] = None,
    largest_liver: Annotated[bool, typer.Option(help="Keep the largest liver alone.")] = True,
    lesions_in_liver: Annotated[bool, typer.Option(help="Keep lesions in or on the liver alone.")] = True,
    fill_holes: Annotated[bool, typer.Option(help="Fill holes in the liver.")] = True,
    smallest_lesion: Annotated[float | None, typer.Option(min=0, help="Drop lesions below this, in ml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Segment it though it does not look like a CT.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment the liver and its lesions in a CT."""
    from .. import files, lesions, model_store, report_files
    from .. import model as model_folder
    from ..inference import Options
    from ..inference import segment as run

    files.check_output(output, overwrite=overwrite)
    if report:
        report_files.check(report, overwrite=overwrite)
    loaded = model_folder.load(model_store.find(model))
    volume = files.read_volume(source, series=series, force=force)
    cleaning = _switched(
        loaded.description.postprocessing, largest_liver, lesions_in_liver, fill_holes, smallest_lesion
    )
    options = Options(coarse_pass=coarse, batch=batch, postprocessing=cleaning)
    with bar() as progress, interruptible() as cancel:
        result = run(volume, loaded, device, progress, cancel, options=options)
    table = lesions.measure(result.labels, volume)
    files.write_labels(output, result.labels, volume, overwrite=overwrite)
    if report:
        report_files.write(report, result, table, overwrite=overwrite)
    _print(result, table, output, as_json=as_json)


def _switched(
    usual: Postprocessing, largest_liver: bool, lesions_in_liver: bool, fill_holes: bool, smallest_ml: float | None
) -> Postprocessing:
    """The model's clean-up without the steps that were switched off."""
    steps = {"largest_liver": largest_liver, "lesions_in_liver": lesions_in_liver, "fill_holes": fill_holes}
    changes: dict[str, bool | float] = {name: False for name, wanted in steps.items() if not wanted}
    if smallest_ml is not None:
        changes["smallest_lesion_ml"] = smallest_ml
    return usual.model_copy(update=changes)


def _print(result: Segmentation, table: LesionTable, output: Path, *, as_json: bool) -> None:
    warnings = [*result.volume.warnings, *result.notes]
    if as_json:
        facts = {
            "output": str(output),
            "model": result.model.name,
            "device": result.device,
            "seconds": round(result.seconds, 3),
            "warnings": warnings,
        }
        print(json.dumps(json.loads(table.to_json()) | facts, indent=2))  # noqa: T201
        return
    for warning in warnings:
        err.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True, highlight=False)
    count = len(table.lesions)
    say(
        f"Liver {table.liver_ml:.0f} ml, {count} lesion{'' if count == 1 else 's'}, {table.lesion_ml:.1f} ml, burden "
        f"{table.burden_percent:.1f} %. {result.seconds:.1f} s on {result.device}. Wrote {output}. "
        "Research only, not a medical device."
    )

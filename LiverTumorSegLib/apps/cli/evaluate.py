"""``livertumorseg evaluate`` and ``livertumorseg compare-evaluations``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ...core.errors import UserError
from ...core.progress import job
from .console import (
    USER_ERROR,
    Overwrite,
    bar,
    command_line,
    complain,
    interruptible,
    say,
    say_written,
    show,
    text_cells,
    warn,
)

if TYPE_CHECKING:
    from ...evaluation.overlap import Empties

_MOST_RESAMPLES = 1_000_000
AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Resamples = Annotated[
    int, typer.Option("--bootstrap", min=1, max=_MOST_RESAMPLES, help="Resamples of the bootstrap intervals.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")]
_STRUCTURES = {"liver": "liver", "liver_only": "liver only", "lesion": "lesion"}
Values = Annotated[
    str | None,
    typer.Option(
        help="Values of liver and lesion where they are not 1 and 2: liver=5,lesion=7.", show_default="liver=1,lesion=2"
    ),
]
_MANY = 20
_UNPAIRED = {
    "only_a": "Only A has",
    "only_b": "Only B has",
    "other_cases": "Not compared, since A and B have different cases",
}


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(readable=False, help="Folder of NIfTI, NRRD, MetaImage or DICOM SEG files, or one.")
    ],
    references: Annotated[Path, typer.Argument(readable=False, help="Folder of what they should be, or one.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for report.html, report.json and CSV tables.", show_default="no report"
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="CSV with columns prediction, reference, and case, patient, image if wanted.",
            show_default="paired by name",
        ),
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the CTs, for pictures.", show_default="none")] = None,
    probabilities: Annotated[
        Path | None, typer.Option(help="Folder of CASE_liver and CASE_lesion probabilities.", show_default="none")
    ] = None,
    connectivity: Annotated[int, typer.Option(help="Surface: 18 as LiTS, 6 as MONAI and MedPy, or 26.")] = 18,
    tolerance: Annotated[float, typer.Option(help="Tolerance of the surface Dice, mm.")] = 2.0,
    empties: Annotated[str, typer.Option(help="How empty masks count: lits, worst or leave-out.")] = "lits",
    iou: Annotated[float, typer.Option(help="A lesion is found where its IoU is above this.")] = 0.5,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample", help="Resample predictions on another grid to that of the reference (nearest neighbour)."
        ),
    ] = False,
    prediction_values: Values = None,
    reference_values: Values = None,
    accept_float: Annotated[
        bool, typer.Option("--accept-float", help="Take masks of floating-point numbers that are whole.")
    ] = False,
    errors: Annotated[
        bool, typer.Option("--errors", help="Sort lesions' wrong voxels by kind, size and, with --images, contrast.")
    ] = False,
    bootstrap: Resamples = 10_000,
    seed: Seed = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Cases at once.", show_default="the machine's cores")
    ] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Number of the worst cases to show in pictures.")] = 12,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure segmentations against references."""
    from ...evaluation import pairing, report
    from ...evaluation.case import EvaluationSettings
    from ...evaluation.evaluate import NothingMeasured, evaluate_pairs
    from ...evaluation.reading import parse_values

    settings = EvaluationSettings(
        connectivity=connectivity,
        tolerance_mm=tolerance,
        empties=_empties(empties),
        iou=iou,
        resample=resample,
        accept_float=accept_float,
        prediction_values=parse_values(prediction_values) if prediction_values else None,
        reference_values=parse_values(reference_values) if reference_values else None,
        bootstrap=bootstrap,
        seed=seed,
        errors=errors,
    )
    if output:
        report.check_folder(output, overwrite=overwrite)
    matches = pairing.find_pairs(predictions, references, csv=csv, images=images, probabilities=probabilities)
    at_once = processes or os.cpu_count() or 1
    with interruptible() as cancel, bar() as progress:
        whole = job(progress, cancel)
        try:
            result = evaluate_pairs(
                matches, settings, processes=at_once, command=command_line(), job=whole.part(0, 0.9)
            )
        except NothingMeasured as error:
            _complain_of_each(error.failed)
            raise typer.Exit(USER_ERROR) from error
        if output:
            drawn = report.draw_worst(result, settings, pictures, at_once, whole.part(0.9, 1))
            report.write(output, result, drawn, overwrite=overwrite)
    _print(result.content, output, as_json=as_json)
    if result.content["failed"]:
        raise typer.Exit(USER_ERROR)


def compare_evaluations(
    first: Annotated[Path, typer.Argument(metavar="A", readable=False, help="Report of evaluate: folder or JSON.")],
    second: Annotated[Path, typer.Argument(metavar="B", readable=False, help="Report of another model.")],
    bootstrap: Resamples = 10_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two models by the patients that both were measured on."""
    from ...evaluation import comparison

    result = comparison.compare(comparison.load(first), comparison.load(second), resamples=bootstrap, seed=seed)
    if as_json:
        print(json.dumps(result, indent=2))  # noqa: T201
        return
    say(f"A: {first}. B: {second}.")
    _print_comparison(result)


def _empties(name: str) -> Empties:
    from ...evaluation.overlap import Empties

    try:
        return Empties(name)
    except ValueError:
        msg = f"No rule for empty masks is called {name}: choose {', '.join(rule.value for rule in Empties)}."
        raise UserError(msg) from None


def _print(content: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    from ...evaluation import report

    if as_json:
        print(json.dumps(content, indent=1))  # noqa: T201
    else:
        _print_summary(content["summary"])
    for name, case in content["cases"].items():
        for sentence in case["warnings"]:
            warn(f"{name}: {sentence}")
    for sentence in content["warnings"]:
        warn(sentence)
    _complain_of_each(content["failed"])
    if not as_json:
        failed = f", {len(content['failed'])} could not be" if content["failed"] else ""
        measured = len(content["cases"])
        say(f"{measured} case{' was' if measured == 1 else 's were'} measured{failed}.")
    if output and not as_json:
        say_written(output / name for name in (report.PAGE, *sorted(report.FILE_NAMES - {report.PAGE})))


def _complain_of_each(failed: dict[str, str]) -> None:
    for name, sentence in list(failed.items())[:_MANY]:
        complain(f"{name}: {sentence}")
    if len(failed) > _MANY:
        complain(f"{len(failed) - _MANY} more cases could not be measured.")


def _print_summary(summary: dict[str, Any]) -> None:
    table = Table("", "Dice", "95 %", "global", "cases", "ASSD mm", "HD95 mm", "cases")
    for structure, title in _STRUCTURES.items():
        figures = summary[structure]
        dice = figures["statistics"]["dice"]
        keys = ("dice_per_case", "dice_global", "assd_mm", "hd95_mm")
        score, pooled, *distances = (_cell(figures[key]) for key in keys)
        counted = [str(figures["statistics"][key]["counted"]) for key in ("dice", "assd_mm")]
        table.add_row(title, score, _interval(dice), pooled, counted[0], *distances, counted[1])
    show(table)
    say(_detection_in_words(summary["lesion"]["detection"]))
    if summary["lesion"]["errors"]:
        _print_errors(summary["lesion"]["errors"])


def _print_errors(errors: dict[str, Any]) -> None:
    table = Table("lesion Dice", *(name.replace("_", " ") for name in errors["oracles"]))
    table.add_row("mean", *(_cell(value) for value in errors["oracles"].values()))
    show(table)
    wrong = ", ".join(f"{kind.replace('_', ' ')} {errors[f'{kind}_ml']:.1f} ml" for kind in errors["shares"])
    say(f"Wrong voxels of lesions: {wrong}; {errors['right_ml']:.1f} ml are right.")


def _detection_in_words(detection: dict[str, Any]) -> str:
    found = f"{detection['true_positives']} of {detection['reference_lesions']} lesions were found"
    scores = [f"{key} {detection[key]:.3f}" for key in ("precision", "recall", "f1") if detection[key] is not None]
    false = detection["false_positives"]
    words = f"{found} (IoU above {detection['iou_above']:g}), {false} predicted one{'' if false == 1 else 's'} false"
    return ": ".join([words, ", ".join(scores)] if scores else [words]) + "."


def _print_comparison(result: dict[str, Any]) -> None:
    table = Table("", "", "A", "B", "B - A", "95 %", "p", "p, Holm", "patients")
    for structure, title in _STRUCTURES.items():
        for key, row in result["measures"][structure].items():
            figures = [_cell(row[name]) for name in ("mean_a", "mean_b", "difference")]
            tests = [_cell(row[name]) for name in ("p", "p_holm")]
            table.add_row(title, *text_cells(key), *figures, _interval(row), *tests, str(row["counted"]))
    show(table)
    for key, words in _UNPAIRED.items():
        if result[key]:
            warn(f"{words}: {', '.join(result[key])}.")
    say(f"p: Wilcoxon's signed-rank test, paired by patient; Holm's correction for {result['tests']} tests.")
    for remark in result["remarks"]:
        say(remark)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(row: dict[str, Any]) -> str:
    return "-" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"

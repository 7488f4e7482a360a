"""``livertumorseg evaluate`` and ``livertumorseg compare-evaluations``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import UserError
from ..progress import job
from .console import USER_ERROR, Overwrite, bar, command_line, complain, interruptible, out, say, warn

if TYPE_CHECKING:
    from ..evaluation.empties import Empties

AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Resamples = Annotated[int, typer.Option("--bootstrap", min=1, help="Resamples of the bootstrap intervals.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")]
_STRUCTURES = {"liver": "liver", "liver_only": "liver only", "lesion": "lesion"}
_COMPARED = ("dice", "voe", "assd_mm", "hd95_mm")
_UNPAIRED = {
    "only_a": "Only A has",
    "only_b": "Only B has",
    "other_cases": "Not compared, since A and B have other cases of them",
}


def evaluate(
    predictions: Annotated[Path, typer.Argument(readable=False, help="Folder of segmentations, or one.")],
    references: Annotated[Path, typer.Argument(readable=False, help="Folder of what they should be, or one.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for report.html, report.json and CSV tables.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="CSV with columns prediction, reference, and case, patient, image if wanted.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the CTs, for pictures.")] = None,
    probabilities: Annotated[
        Path | None, typer.Option(help="Folder of CASE_liver and CASE_lesion probabilities.")
    ] = None,
    connectivity: Annotated[int, typer.Option(help="Surface: 18 as LiTS, 6 as MONAI and MedPy, or 26.")] = 18,
    tolerance: Annotated[float, typer.Option(help="Tolerance of the surface Dice, mm.")] = 2.0,
    empties: Annotated[str, typer.Option(help="How empty masks count: lits, worst or leave-out.")] = "lits",
    iou: Annotated[float, typer.Option(help="A lesion is found where its IoU is above this.")] = 0.5,
    resample: Annotated[
        bool, typer.Option("--resample", help="Put predictions on another grid on the reference's, by nearest.")
    ] = False,
    accept_float: Annotated[
        bool, typer.Option("--accept-float", help="Take masks of floating-point numbers that are whole.")
    ] = False,
    bootstrap: Resamples = 10_000,
    seed: Seed = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Cases at once; the machine's cores if left out.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Worst cases shown in pictures.")] = 12,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure segmentations against references."""
    from ..evaluation.evaluate import evaluate as run
    from ..evaluation.pairs import pairing
    from ..evaluation.report import report_folder
    from ..evaluation.settings import Settings

    rule = _empties(empties)
    settings = Settings(connectivity, tolerance, rule, iou, resample, accept_float, bootstrap, seed)
    if output:
        report_folder.check(output, overwrite=overwrite)
    matches = pairing.find(predictions, references, csv=csv, images=images, probabilities=probabilities)
    at_once = processes or os.cpu_count() or 1
    with interruptible() as cancel, bar() as progress:
        whole = job(progress, cancel)
        result = run(matches, settings, processes=at_once, command=command_line(), job=whole.part(0, 0.9))
        if output:
            drawn = report_folder.draw_worst(result, settings, pictures, at_once, whole.part(0.9, 1))
            report_folder.write(output, result, drawn, overwrite=overwrite)
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
    from ..evaluation import comparison

    result = comparison.compare(comparison.load(first), comparison.load(second), resamples=bootstrap, seed=seed)
    if as_json:
        print(json.dumps(result, indent=2))  # noqa: T201
        return
    _print_comparison(result)


def _empties(name: str) -> Empties:
    from ..evaluation.empties import Empties

    try:
        return Empties(name)
    except ValueError:
        msg = f"No rule for empty masks is called {name}: choose {', '.join(rule.value for rule in Empties)}."
        raise UserError(msg) from None


def _print(content: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(content, indent=2))  # noqa: T201
    else:
        _print_summary(content["summary"])
    for name, case in content["cases"].items():
        for sentence in case["warnings"]:
            warn(f"{name}: {sentence}")
    for name, sentence in content["failed"].items():
        complain(f"{name}: {sentence}")
    if output and not as_json:
        say(f"Wrote {output / 'report.html'}. Research only, not a medical device.")


def _print_summary(summary: dict[str, Any]) -> None:
    table = Table("", "Dice", "95 %", "global", "ASSD mm", "HD95 mm", "cases")
    for structure, title in _STRUCTURES.items():
        figures = summary[structure]
        dice = figures["statistics"]["dice"]
        keys = ("dice_per_case", "dice_global", "assd_mm", "hd95_mm")
        cells = [_cell(figures[key]) for key in keys]
        table.add_row(title, cells[0], _interval(dice), *cells[1:], f"{dice['counted']} of {summary['cases']}")
    out.print(table)
    say(_detection_in_words(summary["lesion"]["detection"]))


def _detection_in_words(detection: dict[str, Any]) -> str:
    found = f"{detection['true_positives']} of {detection['reference_lesions']} lesions were found"
    scores = [f"{key} {detection[key]:.3f}" for key in ("precision", "recall", "f1") if detection[key] is not None]
    false = detection["false_positives"]
    words = f"{found} (IoU above {detection['iou_above']:g}), {false} predicted one{'' if false == 1 else 's'} false"
    return ": ".join([words, ", ".join(scores)] if scores else [words]) + "."


def _print_comparison(result: dict[str, Any]) -> None:
    table = Table("", "", "A", "B", "B - A", "95 %", "p", "Holm", "of")
    for structure, title in _STRUCTURES.items():
        for key in _COMPARED:
            row = result["measures"][structure][key]
            figures = [_cell(row[name]) for name in ("mean_a", "mean_b", "difference")]
            tests = [_cell(row[name]) for name in ("p", "p_holm")]
            table.add_row(title, key, *figures, _interval(row), *tests, str(row["counted"]))
    out.print(table)
    for key, words in _UNPAIRED.items():
        if result[key]:
            warn(f"{words}: {', '.join(result[key])}.")
    say(f"{result['remark']} p is Wilcoxon's signed-rank test, paired by patient.")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(row: dict[str, Any]) -> str:
    return "-" if row["low"] is None else f"{row['low']:.3f}…{row['high']:.3f}"

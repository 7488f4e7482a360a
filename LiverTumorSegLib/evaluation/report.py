"""The files of an evaluation: one HTML page to read, everything as JSON, and tables as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader
from numpy.typing import NDArray

from ..core.about import DISCLAIMER
from ..core.atomic_files import refuse_folder, refuse_unwritable, whole_folder
from ..core.native_stderr import silence_libraries
from ..core.process_pool import for_each
from ..core.progress import Job
from ..core.sanitize import escape_for_page, strip_folders
from ..core.text_files import TableRow, to_csv
from . import charts, overlap
from .case import EvaluationSettings, read_image_or_doubt, read_labels
from .evaluate import Evaluation
from .label_pair import LESION_NAME, LIVER_NAME, LIVER_ONLY, STRUCTURES
from .lesion_detection import PREDICTION, REFERENCE, SIZE_CLASSES, LesionRow
from .pairing import EvaluationPair
from .panels import FALSE_COLOUR, MISSED_COLOUR, CasePicture, case_pictures

TITLES = {
    "dice": "Dice per case",
    "dice_global": "Dice, global",
    "dice_per_slice": "Dice per slice",
    "iou": "IoU (Jaccard)",
    "voe": "VOE",
    "rvd": "RVD",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "accuracy": "Accuracy",
    "assd_mm": "ASSD, mm",
    "rmsd_mm": "RMSD, mm",
    "hd_mm": "Hausdorff, mm",
    "hd95_mm": "HD95, mm",
    "surface_dice": "Surface Dice",
    "prediction_ml": "Predicted volume, ml",
    "reference_ml": "Reference volume, ml",
}
"""Measures in the order of the page."""

MOST_ROWS, MANY_CASES, NAMED_CASES = 200, 50, 20
"""Most lesions, most sentences of a kind, and most names in a row that a page shows."""

_DRAWN = {"dice": True, "surface_dice": True, "assd_mm": False, "hd95_mm": False}
"""Measures with a chart, and whether more is better: overlap, and the surface by share, by mean and at its worst."""

_OF_CASE = (
    *((LESION_NAME, key) for key in ("dice", "surface_dice", "assd_mm", "hd95_mm", "prediction_ml", "reference_ml")),
    *((LIVER_NAME, key) for key in ("dice", "surface_dice", "assd_mm", "hd95_mm")),
    (LIVER_ONLY, "dice"),
)
_HEADINGS = {"dice": "Dice", "prediction_ml": "predicted, ml", "reference_ml": "reference, ml"}
_DASH = "—"

Content = Mapping[str, Any]


def html(content: Content, pictures: Mapping[str, Sequence[CasePicture]]) -> str:
    """The page's text; it needs no other file, and works without JavaScript.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate_pairs`.
        pictures: of cases by name; they are shown in the order of :func:`worst_first`.
    """
    cases, summary = content["cases"], content["summary"]
    anchors = charts.anchors_of(cases)
    order, lesions = worst_first(cases), lesions_worst_first(cases)
    template = _environment().get_template("evaluation.html")
    return template.render(
        content=content,
        summary=summary,
        definitions=content["definitions"],
        order=order,
        anchors=anchors,
        lesions=lesions[:MOST_ROWS],
        more_lesions=max(0, len(lesions) - MOST_ROWS),
        doubts=[(name, doubt) for name in order for doubt in cases[name]["warnings"]],
        pictures=[(name, pictures[name]) for name in order if pictures.get(name)],
        distributions=_distributions(cases, anchors),
        agreement=[charts.bland_altman(summary["volumes"][s], s, anchors) for s in (LIVER_NAME, LESION_NAME)],
        curves=[charts.curves(summary["probabilities"] or {}, kind) for kind in charts.KINDS],
        froc=charts.froc(summary[LESION_NAME]["froc"]) if summary[LESION_NAME].get("froc") else "",
        reliability=charts.reliability(summary[LESION_NAME].get("reliability")),
        left_out=undefined_measures(summary),
    )


def worst_first(cases: Content) -> list[str]:
    """Names of cases by lesion Dice, then by liver Dice, the lowest first; not defined last, equals in their order."""
    return sorted(cases, key=lambda name: [_defined_first(cases[name][s]["dice"]) for s in (LESION_NAME, LIVER_NAME)])


def lesions_worst_first(cases: Content) -> list[tuple[str, Mapping[str, Any]]]:
    """Every lesion with its case's name: those missed or false, the largest first, then the others alike."""
    rows = [(name, row) for name, case in cases.items() for row in case["lesions"]]
    return sorted(rows, key=lambda pair: (pair[1]["found"], -pair[1]["volume_ml"]))


def undefined_measures(summary: Content) -> list[tuple[str, str, list[str]]]:
    """Structure, titles of measures, and names of the cases that these measures are not defined for."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for structure in STRUCTURES:
        for key, title in TITLES.items():
            names = summary[structure]["statistics"].get(key, {}).get("left_out")
            if names:
                found.setdefault((structure, tuple(names)), []).append(title.removesuffix(", mm"))
    return [(structure, ", ".join(titles), list(names)) for (structure, names), titles in found.items()]


def format_figure(value: float | None, key: str = "") -> str:
    """A number with the digits that its measure deserves, a dash where it is not defined."""
    if value is None:
        return _DASH
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{THIN SPACE}")
    digits = 2 if key.endswith("_mm") else 1 if key.endswith("_ml") else 3
    return f"{value:.{digits}f}".replace("-", "−")


def join_names(names: Iterable[str]) -> str:
    """Names in a row, of many the first and how many more."""
    everyone = list(names)
    more = len(everyone) - NAMED_CASES
    return ", ".join(everyone[:NAMED_CASES]) + (f" and {more} more" if more > 0 else "")


def _environment() -> Environment:
    loader = ChoiceLoader([PackageLoader("LiverTumorSegLib.evaluation"), PackageLoader("LiverTumorSegLib.reporting")])
    environment = Environment(
        loader=loader, autoescape=True, finalize=escape_for_page, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "figure": format_figure,
        "listed": join_names,
        "words": lambda key: str(key).replace("_", " "),
    }
    environment.globals |= {
        "disclaimer": DISCLAIMER,
        "titles": TITLES,
        "headings": TITLES | _HEADINGS,
        "structures": STRUCTURES,
        "sizes": SIZE_CLASSES,
        "of_case": _OF_CASE,
        "dots": charts.DOTS,
        "many": MANY_CASES,
        "missed_colour": f"rgb{MISSED_COLOUR}",
        "false_colour": f"rgb{FALSE_COLOUR}",
    }
    return environment


def _defined_first(value: float | None) -> tuple[bool, float]:
    return value is None, value or 0.0


def _distributions(cases: Content, anchors: Mapping[str, str]) -> list[str]:
    return [
        charts.distribution(
            {s: {name: case[s][key] for name, case in cases.items()} for s in STRUCTURES},
            TITLES[key],
            anchors,
            higher_is_better=higher,
        )
        for key, higher in _DRAWN.items()
    ]


_CURVE_FIGURES = ("auc", "average_precision", "calibration_error", "brier")


def cases_csv(content: Mapping[str, Any]) -> str:
    """A row a case, those that could not be measured last with the reason under ``failure``.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate_pairs`.
    """
    measured = [{"case": name} | _case_row(case) for name, case in content["cases"].items()]
    failed = [{"case": name, "failure": reason} for name, reason in content["failed"].items()]
    return to_csv(list(measured[0]) if measured else ["case", "failure"], [*measured, *failed])


def lesions_csv(content: Mapping[str, Any]) -> str:
    """A row a lesion of reference or prediction, with a header also where there is none; the centroid is in RAS.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate_pairs`.
    """
    names = ["case"]
    for field in fields(LesionRow):
        names += _axes() if field.name == "centroid_mm" else [field.name]
    return to_csv(names, (_lesion_row(name, row) for name, case in content["cases"].items() for row in case["lesions"]))


def slices_csv(cases: Mapping[str, NDArray[np.int64]]) -> str:
    """A row an axial slice, counted from 1 at the feet, with the overlap of each structure in it.

    Args:
        cases: voxels ``[slice, reference, prediction]`` of each case, as
            :func:`LiverTumorSegLib.evaluation.overlap.confusion` counts them.
    """
    empty = overlap.Counts(0, 0, 0, 0)
    names = ["case", "slice", *(f"{structure}_{key}" for structure in STRUCTURES for key in _count_cells(empty))]
    rows = (
        {"case": name, "slice": number} | _slice_row(counts)
        for name, matrices in cases.items()
        for number, counts in enumerate(_by_slice(matrices), start=1)
    )
    return to_csv(names, rows)


def _case_row(case: Mapping[str, Any]) -> dict[str, Any]:
    owners = [lesion["of"] for lesion in case["lesions"]]
    curves = case["probabilities"] or {}
    return {
        "patient": case["patient"],
        "failure": None,
        **{f"{name}_{key}": value for name in STRUCTURES for key, value in case[name].items()},
        **{f"{name}_{key}": n for name in STRUCTURES for key, n in _voxels(case["confusion"], name).items()},
        "reference_lesions": owners.count(REFERENCE),
        "predicted_lesions": owners.count(PREDICTION),
        **{f"{key}_{hit}_iou": n for hit in ("above", "any") for key, n in case["detection"][hit].items()},
        **{f"burden_{key}": value for key, value in case["burden"].items()},
        **{f"{s}_{key}": curves.get(s, {}).get(key) for s in (LIVER_NAME, LESION_NAME) for key in _CURVE_FIGURES},
        "warnings": " ".join(case["warnings"]),
    }


def _voxels(confusion: Sequence[Sequence[int]], structure: str) -> dict[str, int]:
    return asdict(overlap.counts(np.array(confusion, np.int64), structure))


def _lesion_row(case: str, row: TableRow) -> dict[str, Any]:
    centroid = dict(zip(_axes(), row["centroid_mm"], strict=True))
    return {"case": case} | centroid | {key: value for key, value in row.items() if key != "centroid_mm"}


def _axes() -> list[str]:
    return [f"centroid_{axis}_mm" for axis in "ras"]


def _by_slice(matrices: NDArray[np.int64]) -> Iterable[tuple[overlap.Counts, ...]]:
    return zip(*(overlap.counts_by_slice(matrices, structure) for structure in STRUCTURES), strict=True)


def _slice_row(counts: Iterable[overlap.Counts]) -> dict[str, float | None]:
    return {
        f"{structure}_{key}": value
        for structure, counted in zip(STRUCTURES, counts, strict=True)
        for key, value in _count_cells(counted).items()
    }


def _count_cells(counts: overlap.Counts) -> dict[str, float | None]:
    return {**asdict(counts), **counts.measures()}


PAGE, JSON, CASES, LESIONS, SLICES = "report.html", "report.json", "cases.csv", "lesions.csv", "slices.csv"
FILE_NAMES = frozenset({PAGE, JSON, CASES, LESIONS, SLICES})

Pictures = Mapping[str, Sequence[CasePicture]]


def check_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it exists and may not be replaced, holds other files, or cannot be written.
    """
    refuse_folder(folder, overwrite=overwrite, holds=FILE_NAMES)
    refuse_unwritable(folder / JSON)


def draw_worst(
    evaluation: Evaluation, settings: EvaluationSettings, count: int, processes: int, job: Job
) -> dict[str, list[CasePicture]]:
    """Pictures of the worst cases by name, the worst first.

    Args:
        evaluation: what was measured; where a case cannot be drawn, or its CT not be shown, its warnings get a
            sentence.
        settings: its definitions.
        count: of cases.
        processes: how many cases are drawn at once.
        job: told after every case.
    """
    worst = worst_first(evaluation.content["cases"])[:count]
    tasks = {name: (evaluation.pairs[name], settings) for name in worst}
    drawn, failed = for_each(tasks, _draw, processes, job, "Drew") if tasks else ({}, {})
    doubts = {name: doubt for name, (_, doubt) in drawn.items()} | failed
    for name, doubt in doubts.items():
        if doubt:
            why = strip_folders(doubt, evaluation.pairs[name].folders)
            evaluation.content["cases"][name]["warnings"].append(f"It is not shown on its CT: {why}")
    return {name: pictures for name, (pictures, _) in drawn.items()}


def write(folder: Path, evaluation: Evaluation, pictures: Pictures, *, overwrite: bool = False) -> None:
    """Write ``report.html``, ``report.json``, ``cases.csv``, ``lesions.csv`` and ``slices.csv``, all or none.

    Raises:
        UserError: the folder exists and may not be replaced, or cannot be written.
    """
    content = evaluation.content
    texts = {
        PAGE: html(content, pictures),
        JSON: to_json(content),
        CASES: cases_csv(content),
        LESIONS: lesions_csv(content),
        SLICES: slices_csv({name: case.slices for name, case in evaluation.cases.items()}),
    }
    with whole_folder(folder, overwrite=overwrite, holds=FILE_NAMES) as unfinished:
        for name, text in texts.items():
            (unfinished / name).write_text(text, encoding="utf-8")


def to_json(content: Mapping[str, Any]) -> str:
    """The content as text."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _draw(pair: EvaluationPair, settings: EvaluationSettings) -> tuple[list[CasePicture], str]:
    """Pictures, and why they are without the CT."""
    with silence_libraries():
        labels = read_labels(pair, settings)
        image, doubt = read_image_or_doubt(pair, labels, settings)
    return case_pictures(pair.case, labels, image), doubt

"""One HTML page that says how good a segmentation is, and lets a reader see why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader

from ... import DISCLAIMER
from ...visible import in_page
from ..lesions.lesion_rows import SIZES
from ..structures import LESION_NAME, LIVER_NAME, LIVER_ONLY, STRUCTURES
from . import charts
from .side_by_side import FALSE, MISSED, Shown

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

ROWS, MANY, NAMED = 200, 50, 20
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


def html(content: Content, pictures: Mapping[str, Sequence[Shown]]) -> str:
    """The page's text; it needs no other file, and works without JavaScript.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate`.
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
        lesions=lesions[:ROWS],
        more_lesions=max(0, len(lesions) - ROWS),
        doubts=[(name, doubt) for name in order for doubt in cases[name]["warnings"]],
        pictures=[(name, pictures[name]) for name in order if pictures.get(name)],
        distributions=_distributions(cases, anchors),
        agreement=[charts.bland_altman(summary["volumes"][s], s, anchors) for s in (LIVER_NAME, LESION_NAME)],
        curves=[charts.curves(summary["probabilities"] or {}, kind) for kind in charts.KINDS],
        left_out=left_out(summary),
    )


def worst_first(cases: Content) -> list[str]:
    """Names of cases by lesion Dice, then by liver Dice, the lowest first; not defined last, equals in their order."""
    return sorted(cases, key=lambda name: [_defined_first(cases[name][s]["dice"]) for s in (LESION_NAME, LIVER_NAME)])


def lesions_worst_first(cases: Content) -> list[tuple[str, Mapping[str, Any]]]:
    """Every lesion with its case's name: those missed or false, the largest first, then the others alike."""
    rows = [(name, row) for name, case in cases.items() for row in case["lesions"]]
    return sorted(rows, key=lambda pair: (pair[1]["found"], -pair[1]["volume_ml"]))


def left_out(summary: Content) -> list[tuple[str, str, list[str]]]:
    """Structure, titles of measures, and names of the cases that these measures are not defined for."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for structure in STRUCTURES:
        for key, title in TITLES.items():
            names = summary[structure]["statistics"].get(key, {}).get("left_out")
            if names:
                found.setdefault((structure, tuple(names)), []).append(title.removesuffix(", mm"))
    return [(structure, ", ".join(titles), list(names)) for (structure, names), titles in found.items()]


def figure(value: float | None, key: str = "") -> str:
    """A number with the digits that its measure deserves, a dash where it is not defined."""
    if value is None:
        return _DASH
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{THIN SPACE}")
    digits = 2 if key.endswith("_mm") else 1 if key.endswith("_ml") else 3
    return f"{value:.{digits}f}".replace("-", "−")


def listed(names: Iterable[str]) -> str:
    """Names in a row, of many the first and how many more."""
    everyone = list(names)
    more = len(everyone) - NAMED
    return ", ".join(everyone[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _environment() -> Environment:
    loader = PackageLoader("LiverTumorSegLib", "templates")
    environment = Environment(loader=loader, autoescape=True, finalize=in_page, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": figure, "listed": listed, "words": lambda key: str(key).replace("_", " ")}
    environment.globals |= {
        "disclaimer": DISCLAIMER,
        "titles": TITLES,
        "headings": TITLES | _HEADINGS,
        "structures": STRUCTURES,
        "sizes": SIZES,
        "of_case": _OF_CASE,
        "dots": charts.DOTS,
        "many": MANY,
        "missed_colour": f"rgb{MISSED}",
        "false_colour": f"rgb{FALSE}",
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

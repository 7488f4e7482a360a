"""A comparison as rows for the terminal, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..spreadsheet import as_csv

_MEGA = 1e6
_NOTHING = "-"
_LEAST_P = 0.01

_MEANING = (
    (
        "{patients} patients, each measured by a model that was not trained on them; means with the 95 % interval of a "
        "bootstrap over patients, which tells chance among patients, not among trainings."
    ),
    "Lesion Dice: mean over the {with_lesions} patients with lesions; false lesions: mean volume in patients without.",
    "ASSD: mean over the patients in whom something was found, so that who misses the hard ones looks better.",
    "Lesions found: share of all lesions with an IoU above 0.5. Seconds a volume: median, with reading left out.",
)
_DIFFERENCE = (
    "Difference: of lesion Dice, from {against}, paired by patient; where that was chosen as the best by these very "
    "figures, differences come out too large."
)
_TESTED = "p: Wilcoxon's signed-rank test after Holm's correction for {tests} tests."

Summary = Mapping[str, Any]
Row = Mapping[str, Any]


def _mean(key: str, digits: int) -> Callable[[Row], str]:
    """A cell of a mean with its interval, where it has one."""

    def cell(row: Row) -> str:
        mean, low, high = (row[key][name] for name in ("mean", "low", "high"))
        interval = "" if low is None else f" ({low:.{digits}f}–{high:.{digits}f})"
        return f"{_number(mean, digits)}{interval}"

    return cell


def _difference(key: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        found = row["differences"]
        if found is None or found[key]["difference"] is None:
            return _NOTHING
        p = found[key]["p_holm"]
        return f"{found[key]['difference']:+.2f}{'' if p is None else f' (p {_chance(p)})'}"

    return cell


_COMPARED = "difference"
_COLUMNS: dict[str, Callable[[Row], str]] = {
    "million parameters": lambda row: f"{row['parameters'] / _MEGA:.1f}",
    "liver Dice": _mean("liver_dice", 2),
    "lesion Dice": _mean("lesion_dice", 2),
    _COMPARED: _difference("lesion_dice"),
    "liver ASSD mm": _mean("liver_assd_mm", 1),
    "lesion ASSD mm": _mean("lesion_assd_mm", 1),
    "lesions found": _mean("lesion_recall", 2),
    "false lesions ml": lambda row: _number(row["false_lesion_ml"]["mean"], 1),
    "seconds a volume": lambda row: f"{row['seconds']:.1f}",
}
_STATISTICS = ("mean", "low", "high", "counted")
_PAIRED = ("difference", "low", "high", "p", "p_holm", "counted")


def rows(summary: Summary) -> list[list[str]]:
    """A header and a row a recipe, in words; the best lesion Dice first, and no differences where there is one only."""
    found = sorted(summary["recipes"].items(), key=lambda each: -(each[1]["lesion_dice"]["mean"] or 0))
    columns = {name: cell for name, cell in _COLUMNS.items() if name != _COMPARED or len(found) > 1}
    return [["", *columns], *([name, *(cell(row) for cell in columns.values())] for name, row in found)]


def in_words(summary: Summary) -> list[str]:
    """What the figures mean, a sentence each."""
    compared = (_DIFFERENCE,) if len(summary["recipes"]) > 1 else ()
    sentences = (*_MEANING, *compared, *((_TESTED,) if summary["tests"] else ()))
    return [sentence.format(**summary) for sentence in sentences]


def markdown(summary: Summary, sentences: list[str]) -> str:
    """A table, then sentences."""
    head, *body = rows(summary)
    lines = [f"| {' | '.join(line)} |" for line in (head, *body)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:], "", *sentences, ""])


def csv(summary: Summary) -> str:
    """A row a recipe with every figure; cells of what is not defined are empty."""
    content = [{"recipe": name, **_flat(row)} for name, row in summary["recipes"].items()]
    names = list(dict.fromkeys(key for row in content for key in row))
    return as_csv(names, content)


def _flat(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key == "differences":
            found |= {f"{name}_{k}": each[k] for name, each in _prefixed(value).items() for k in _PAIRED}
        elif isinstance(value, Mapping):
            found |= {f"{key}_{k}": value[k] for k in _STATISTICS}
        else:
            found[key] = value
    return found


def _prefixed(differences: Row | None) -> dict[str, Row]:
    return {f"{key}_against": each for key, each in (differences or {}).items()}


def _chance(p: float) -> str:
    """A p that two digits would round to nothing is no nothing."""
    return f"{p:.2f}" if p >= _LEAST_P else f"<{_LEAST_P}"


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"

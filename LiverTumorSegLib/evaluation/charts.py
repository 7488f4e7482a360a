"""Charts of an evaluation as SVG that stands in a page: nothing is loaded, and every dot leads to its case."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

from ..core.sanitize import escape_invisible

DOTS = 300
"""With more cases than this, the worst alone are dots, so that a page of thousands stays small."""

Anchors = Mapping[str, str]
"""The id of each case's row in the page, from :func:`anchors_of`."""

_COLOURS = {"liver": "#b5532b", "liver_only": "#7a6a00", "lesion": "#1f6f8b"}
_LINES = ("#566173", "#b5532b", "#1f6f8b", "#7a6a00", "#7b4fa0", "#2d7d46")
"""Colours of lines that are no structures'."""

_INK, _FAINT, _GRID, _BOX = "#1c2430", "#566173", "#e3e7ed", "#c9d3e0"
_INCHES, _DOT = (4.6, 3.0), 11
_LINEAR_MM, _WIDE = 1.0, 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_STYLE: Any = {
    "svg.fonttype": "path",  # text as outlines: the same on every machine
    "svg.hashsalt": "LiverTumorSeg",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

KINDS = {
    "roc": ("false positive rate", "true positive rate", "ROC curve"),
    "precision_recall": ("recall", "precision", "Precision and recall"),
    "calibration": ("mean probability", "observed share", "Calibration"),
}


def anchors_of(cases: Iterable[str]) -> dict[str, str]:
    """An id for each case, which says nothing about its name: that may hold anything."""
    return {name: f"case-{number}" for number, name in enumerate(cases, start=1)}


def distribution(
    values: Mapping[str, Mapping[str, float | None]], title: str, anchors: Anchors, *, higher_is_better: bool
) -> str:
    """A measure of every case, a row a structure: dots, the middle half as a bar, the median as a line.

    Args:
        values: by structure, then by case; None is left out.
        title: the measure with its unit.
        anchors: where a dot leads.
        higher_is_better: else the highest are the worst.

    Returns:
        The SVG; empty where nothing is defined.
    """
    defined = {name: {case: v for case, v in row.items() if v is not None} for name, row in values.items()}
    if not any(defined.values()):
        return ""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        for place, (structure, row) in enumerate(defined.items()):
            _row(axes, -place, structure, row, anchors, higher_is_better)
        axes.set_yticks([-place for place in range(len(defined))], [name.replace("_", " ") for name in defined])
        axes.set_ylim(0.5 - len(defined), 0.5)
        axes.tick_params(axis="y", length=0)
        _scale(axes, [v for row in defined.values() for v in row.values()], share=higher_is_better)
        return _svg(figure, f"{title} of each case", anchors)


def bland_altman(agreement: Mapping[str, Any], structure: str, anchors: Anchors) -> str:
    """Difference of two volumes over their mean, a dot a case (Bland and Altman, Lancet 1986, 327:307-310).

    Args:
        agreement: ``bias_ml``, ``lower_ml``, ``upper_ml`` and ``cases`` with ``[prediction, reference]`` in ml.
        structure: whose volumes they are.
        anchors: where a dot leads.

    Returns:
        The SVG; empty where there is no case.
    """
    if not agreement["cases"]:
        return ""
    prediction, reference = np.array(list(agreement["cases"].values()), float).T
    differences = prediction - reference
    points = dict(zip(agreement["cases"], zip((prediction + reference) / 2, differences, strict=True), strict=True))
    bias = agreement["bias_ml"] or 0.0
    title = f"Volume of the {structure}: prediction − reference"
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        kept = sorted(points, key=lambda name: abs(points[name][1] - bias), reverse=True)[:DOTS]
        _dots(axes, {name: points[name] for name in kept}, _COLOURS[structure], anchors)
        axes.axhline(0, color=_FAINT, linewidth=0.8, linestyle=":", zorder=0)
        _level(axes, agreement["upper_ml"], "+1.96 SD", "bottom", dashed=True)
        _level(axes, agreement["bias_ml"], "mean", "center", dashed=False)
        _level(axes, agreement["lower_ml"], "−1.96 SD", "top", dashed=True)
        axes.set_xlabel("mean of both, ml")
        axes.set_ylabel("difference, ml")
        axes.margins(x=0.05, y=0.12)
        return _svg(figure, title, anchors)


def curves(given: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    """``roc``, ``precision_recall`` or ``calibration`` of each structure that has probabilities, in one chart.

    Args:
        given: by structure, each with points under ``kind``.
        kind: which of the three.

    Returns:
        The SVG; empty where no structure has points.
    """
    drawn = {name: [point[:2] for point in curve[kind]] for name, curve in given.items() if curve.get(kind)}
    if not any(drawn.values()):
        return ""
    across, up, title = KINDS[kind]
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        if kind != "precision_recall":
            axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=0.8, linestyle=":")
        for name, points in drawn.items():
            marker = "o" if kind == "calibration" else None
            axes.plot(*np.array(points).T, color=_COLOURS[name], label=name, marker=marker, markersize=3.5)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=across, ylabel=up)
        axes.grid(color=_GRID, linewidth=0.8)
        axes.legend(frameon=False, loc="best")
        return _svg(figure, title, {})


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    across: str,
    up: str,
    *,
    marked: str = "",
    share: bool = False,
) -> str:
    """Lines of points, each with its name; lines that begin alike have a colour each, in the same order.

    Args:
        series: points by name, the first to the left.
        title: of the chart.
        across: what is to the right.
        up: what is upwards.
        marked: beginning of the names of lines that are heavier, with their points.
        share: whether both axes are shares from 0 to 1, with the diagonal.

    Returns:
        The SVG; empty where there are no points.
    """
    drawn = {name: points for name, points in series.items() if points}
    if not drawn:
        return ""
    groups = [[name for name in drawn if bool(marked and name.startswith(marked)) == heavy] for heavy in (False, True)]
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        if share:
            axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=0.8, linestyle=":")
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        for heavy, names in enumerate(groups):
            for number, name in enumerate(names):
                style: dict[str, Any] = {"linewidth": 1.6, "marker": "o", "markersize": 3} if heavy else {}
                colour = _LINES[(number + heavy) % len(_LINES)] if len(names) == 1 else _LINES[number % len(_LINES)]
                dashes = "--" if marked and not heavy and len(names) > 1 else "-"
                points = np.array(drawn[name]).T
                axes.plot(*points, dashes, color=colour, label=name, **{"linewidth": 1.2, **style})
        axes.set(xlabel=across, ylabel=up)
        axes.grid(color=_GRID, linewidth=0.8)
        axes.legend(frameon=False, loc="best", fontsize=8)
        return _svg(figure, title, {})


def froc(measured: Mapping[str, Any]) -> str:
    """The free-response ROC of lesions, of all and by size.

    Args:
        measured: from :func:`.froc.measure_froc`.

    Returns:
        The SVG; empty where the reference has no lesion.
    """
    drawn = {name: curve["points"] for name, curve in measured["curves"].items() if curve["points"]}
    if not drawn:
        return ""
    title = "Lesions found against false ones"
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        for name, points in drawn.items():
            is_all = name == "all"
            label = f"{name.replace('_', ' ')} ({measured['curves'][name]['lesions']})"
            axes.step(
                *np.array(points).T,
                where="post",
                label=label,
                color=_INK if is_all else None,
                linewidth=2 if is_all else 1,
            )
        axes.set(ylim=(-0.02, 1.02), xlabel="false lesions a patient", ylabel="share of lesions found")
        axes.set_xlim(left=0)
        axes.grid(color=_GRID, linewidth=0.8)
        axes.legend(frameon=False, loc="best")
        return _svg(figure, title, {})


def reliability(measured: Mapping[str, Any] | None) -> str:
    """The reliability diagram of lesion scores, as an SVG; empty where there are none.

    Args:
        measured: from :func:`.reliability.measure_reliability`.
    """
    if not measured:
        return ""
    title = "Lesions by their score"
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(title)
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=0.8, linestyle=":")
        said, real = ([each[key] for each in measured["bins"]] for key in ("said", "real"))
        axes.plot(said, real, color=_INK, marker="o", markersize=3.5)
        for each in measured["bins"]:
            axes.annotate(f"{each['lesions']}", (each["said"], each["real"]), (4, -9), textcoords="offset points")
        axes.set(xlim=(-0.02, 1.08), ylim=(-0.08, 1.06), xlabel="score", ylabel="share that are lesions")
        axes.grid(color=_GRID, linewidth=0.8)
        return _svg(figure, title, {})


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, layout="constrained", facecolor="none")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot(facecolor="none", axisbelow=True)
    axes.set_title(title, loc="left", fontsize=10)
    return figure, axes


def _row(axes: Axes, place: float, structure: str, row: Mapping[str, float], anchors: Anchors, higher: bool) -> None:
    if not row:
        across = axes.get_yaxis_transform()
        axes.text(0.02, place, "not defined in any case", color=_FAINT, va="center", transform=across)
        return
    low, middle, high = np.percentile(list(row.values()), [25, 50, 75])
    axes.fill_betweenx([place - 0.32, place + 0.32], low, high, color=_BOX, linewidth=0)
    axes.plot([middle, middle], [place - 0.36, place + 0.36], color=_INK, linewidth=1.6, solid_capstyle="butt")
    worst = sorted(row, key=lambda name: row[name], reverse=not higher)[:DOTS]
    points = {name: (row[name], place + _jitter(number)) for number, name in enumerate(worst)}
    _dots(axes, points, _COLOURS[structure], anchors)


def _jitter(number: int) -> float:
    """Multiples of the golden ratio: neighbours lie apart, without chance."""
    return 0.5 * (number * _GOLDEN % 1 - 0.5)


def _dots(axes: Axes, points: Mapping[str, tuple[float, float]], colour: str, anchors: Anchors) -> None:
    x, y = zip(*points.values(), strict=True)
    drawn = axes.scatter(x, y, s=_DOT, color=colour, alpha=0.75, linewidths=0, zorder=3)
    drawn.set_urls([f"#{anchors[name]}" for name in points])


def _level(
    axes: Axes, value: float | None, word: str, side: Literal["bottom", "center", "top"], *, dashed: bool
) -> None:
    """A level line with its value beside it, on the side where neighbouring lines' words are not."""
    if value is None:
        return
    axes.axhline(value, color=_INK, linewidth=0.9, linestyle="--" if dashed else "-", zorder=1)
    words = f"{word}\n{value:+.1f}".replace("-", "−")
    place = axes.get_yaxis_transform()
    axes.annotate(words, (1, value), (4, 0), xycoords=place, textcoords="offset points", va=side, fontsize=8)


def _scale(axes: Axes, values: Sequence[float], *, share: bool) -> None:
    """0 to 1 for shares; millimetres logarithmic above 1 where one is large, else the small ones would be one heap."""
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    if share:
        axes.set_xlim(-0.03, 1.03)
    elif max(values) > _WIDE:
        axes.set_xscale("symlog", linthresh=_LINEAR_MM, linscale=0.5)
        axes.set_xlim(-0.1, max(values) * 1.5)
        axes.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=_LINEAR_MM, subs=[1, 3]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("mm, logarithmic above 1 mm")
    else:
        axes.set_xlim(-0.03 * (max(values) or 1), 1.05 * (max(values) or 1))


def _svg(figure: Figure, label: str, anchors: Anchors) -> str:
    """The figure for a page that holds several: no prolog, ids of its own, dots named after their case."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    text = re.sub(r"<(metadata|style)[ >].*?</\1>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = re.sub(r"\W+", "-", label.lower())
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)(?!case-)', rf"\g<1>{prefix}-", text)
    names = {anchor: escape(escape_invisible(name)) for name, anchor in anchors.items()}
    text = re.sub(r'<a xlink:href="#(case-\d+)"[^>]*>', lambda found: _link(found[1], names[found[1]]), text)
    return re.sub(r'^<svg[^>]*?(viewBox="[^"]*")[^>]*>', _opening(label), text, count=1, flags=re.DOTALL)


def _opening(label: str) -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg {names} \g<1> role="img" aria-label="{escape(label)}">'


def _link(anchor: str, name: str) -> str:
    """Left out of the order of the tabulator key: the table of cases has the same links in a readable order."""
    return f'<a href="#{anchor}" tabindex="-1"><title>{name}</title>'

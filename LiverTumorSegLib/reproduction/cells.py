"""Figures as a table shows them."""

from __future__ import annotations

from .results import Figure
from .system import Metric

_NOT_GIVEN, _NOTHING = "not given", "-"


def in_paper(metric: Metric, value: float | None) -> str:
    """A published figure with the digits that the paper has."""
    if value is None:
        return _NOT_GIVEN
    return f"{value:g}" if metric.percent or value % 1 else f"{value:.2f}"


def cell(metric: Metric, figure: Figure | None) -> str:
    """A measured figure, with its interval where there is one."""
    if figure is None or figure.value is None:
        return _NOTHING
    digits = 1 if metric.percent else 3
    if figure.low is None or figure.high is None:
        return f"{figure.value:.{digits}f}"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f}, n = {figure.counted})"

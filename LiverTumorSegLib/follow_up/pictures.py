"""Pictures of a lesion in two scans at one scale, and curves of all lesions through the scans."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from ..reporting.figures import draw_plane
from .changes import Change
from .comparison import Comparison
from .placing import shows, to_later
from .scan import Scan
from .series import Series

_SIDE = 140
_MARGIN_MM = 28.0

Picture = Image.Image | None
_Place = tuple[float, float]


def draw_pair(comparison: Comparison, change: Change) -> tuple[Picture, Picture]:
    """The axial slice of the longest diameter in each scan, around its middle and at one scale.

    Where a lesion is not there, the place at which it would lie is shown, as the registration has it; None where the
    scan does not show that place.
    """
    reach = max(one.axial_diameter_mm for one in (*change.before, *change.after)) / 2 + _MARGIN_MM
    return (
        _cut(comparison.earlier, _place_before(comparison, change), reach),
        _cut(comparison.later, _place_after(comparison, change), reach),
    )


def _place_before(comparison: Comparison, change: Change) -> np.ndarray:
    if change.before:
        return change.before[0].axial_middle_mm
    return comparison.registration.to_earlier(np.array([change.after[0].centroid_mm]))[0]


def _place_after(comparison: Comparison, change: Change) -> np.ndarray:
    if change.after:
        return change.after[0].axial_middle_mm
    return to_later(comparison.registration, change.before[0].centroid_mm)


def _cut(scan: Scan, place: np.ndarray, reach: float) -> Picture:
    """A square of an axial slice around a place; what lies outside of the scan is black."""
    volume = scan.volume
    if not shows(volume, place):
        return None
    to_patient = volume.axial.affine(volume.affine, volume.voxels.shape)
    x, y, z = np.rint(np.linalg.solve(to_patient[:3, :3], place - to_patient[:3, 3])).astype(int)
    hounsfield, labels = volume.axial.of(volume.voxels)[z], volume.axial.of(scan.labels)[z]
    half = [round(reach / mm) for mm in volume.axial.spacing[1:]]
    sides = [slice(at, at + 2 * n + 1) for at, n in zip((y, x), half, strict=True)]  # of what has been padded
    padding = [(n, n) for n in half]
    around = np.pad(hounsfield, padding, constant_values=-1024)[sides[0], sides[1]]
    marked = np.pad(labels, padding)[sides[0], sides[1]]
    return draw_plane((around, marked, volume.axial.spacing[1:]), "", _SIDE)


_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 300, 56, 16, 96, 40
_LABEL_PX = 14.0
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#3c78d8", "#8c510a", "#5e3c99")
"""Told apart by colour-blind readers too, and each curve has its number at its end."""


MOST_CURVES = 30
"""More than these, the largest, cannot be told apart."""


def draw_curves(series: Series) -> str:
    """Diameters of the largest lesions and the targets' sum through the scans, as SVG."""
    largest = sorted(series.tracks, key=lambda track: -max(mm or 0.0 for mm in track.diameters_mm))[:MOST_CURVES]
    days, tracks = series.days, sorted(largest, key=lambda track: track.number)
    known = all(day is not None for day in days)
    at = [float(day) for day in days if day is not None] if known else list(map(float, range(len(days))))
    sums = [series.sums[0].before_mm, *(each.now_mm for each in series.sums)]
    curves = [(str(track.number), list(track.diameters_mm)) for track in tracks]
    if series.comparisons[0].targets:
        curves.append(("sum", list(sums)))
    top = max((value for _, values in curves for value in values if value), default=1.0)
    parts = [_frame(at, top, known=known)]
    curves = [(name, values) for name, values in curves if any(value is not None for value in values)]
    ends = _label_places([_points(at, values, top)[-1] for _, values in curves])
    parts += [
        _curve(name, _points(at, values, top), end, number)
        for number, ((name, values), end) in enumerate(zip(curves, ends, strict=True))
    ]
    words = "Longest axial diameters of the lesions through the scans"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}" '
        f'xmlns="http://www.w3.org/2000/svg" font-size="13" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _x(at: Sequence[float], number: int) -> float:
    span = (at[-1] - at[0]) or 1.0
    return _LEFT + (at[number] - at[0]) / span * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _frame(at: Sequence[float], top: float, *, known: bool) -> str:
    floor = _y(0, top)
    lines = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(value, top):.1f}" y2="{_y(value, top):.1f}" '
        f'stroke="#d5dae2"/><text x="{_LEFT - 8}" y="{_y(value, top) + 4:.1f}" text-anchor="end">{value:.0f}</text>'
        for value in (0.0, top / 2, top)
    ]
    for number, when in enumerate(at):
        words = f"day {when:.0f}" if known else f"CT {number + 1}"
        lines.append(f'<text x="{_x(at, number):.1f}" y="{floor + 20:.1f}" text-anchor="middle">{words}</text>')
    lines.append(f'<text x="{_LEFT - 8}" y="{_HEIGHT - 6}" text-anchor="end">mm</text>')
    return "".join(lines)


def _points(at: Sequence[float], values: Sequence[float | None], top: float) -> list[_Place]:
    return [(_x(at, n), _y(value, top)) for n, value in enumerate(values) if value is not None]


def _label_places(ends: Sequence[_Place]) -> list[_Place]:
    """Places beside the ends of curves, so far apart that no label lies on another."""
    placed = list(ends)
    for scan in {x for x, _ in ends}:
        column = sorted((n for n, (x, _) in enumerate(ends) if x == scan), key=lambda n: ends[n][1])
        floor = _y(0, 1)
        apart, above, below = min(_LABEL_PX, floor / len(column)), float("-inf"), float("inf")
        for n in column:
            above = max(ends[n][1], above + apart)
            placed[n] = scan, above
        for n in reversed(column):
            below = min(placed[n][1], below - apart, floor)
            placed[n] = scan, below
    return placed


def _curve(name: str, points: Sequence[_Place], label: _Place, number: int) -> str:
    colour = "#1c2430" if name == "sum" else _COLOURS[number % len(_COLOURS)]
    dash = ' stroke-dasharray="6 4"' if name == "sum" else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    x, y = label
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{marks}'
        f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(name)}</text>'
    )

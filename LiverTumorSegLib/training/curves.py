"""The curves of a training as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..whole_files import whole_file

_INCHES, _DPI = (7.0, 7.5), 110
_COLOURS = {
    "loss": "#566173",
    "validation_loss": "#1c2430",
    "liver_dice": "#b5532b",
    "lesion_dice": "#1f6f8b",
    "score": "#1c2430",
    "learning_rate": "#566173",
}
_PANELS = {
    "Loss": ("loss", "validation_loss"),
    "Dice of the validation patients": ("liver_dice", "lesion_dice", "score"),
    "Learning rate": ("learning_rate",),
}

Row = Mapping[str, float]
"""Values of a step by their names, and the ``step``."""


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw loss, Dice and learning rate over the steps into a PNG.

    Args:
        rows: as logged, the earliest first.
        path: file to write, replaced if it is there.
    """
    panels = {title: names for title, names in _PANELS.items() if any(name in row for row in rows for name in names)}
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots(max(1, len(panels)), sharex=True, squeeze=False)[:, 0]
    for one, (title, names) in zip(axes, panels.items(), strict=False):
        _panel(one, title, [name for name in names if any(name in row for row in rows)], rows)
    axes[-1].set_xlabel("step")
    drawn = io.BytesIO()  # a file that takes a part of it only would not be noticed
    figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    with whole_file(path, overwrite=True) as unfinished:
        unfinished.write_bytes(drawn.getbuffer())


def _panel(axes: Axes, title: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        marker = "o" if len(points) == 1 or name not in ("loss", "learning_rate") else None
        style = "--" if name == "score" else "-"
        axes.plot(*zip(*points, strict=True), style, color=_COLOURS[name], marker=marker, markersize=3.5, label=name)
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(color="#e3e7ed", linewidth=0.8)
    if len(names) > 1:
        axes.legend([name.replace("_", " ") for name in names], frameon=False, fontsize=9)
    if "learning_rate" in names:
        axes.set_yscale("log")
    elif "loss" not in names:
        axes.set_ylim(-0.03, 1.03)

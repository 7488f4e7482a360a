"""Curves of the published systems as they were reproduced, a picture a system, into Resources/Screenshots.

python Testing/screenshots/reproductions.py
"""

import math
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.document_tables import PAGES
from support.repository import ROOT

from LiverTumorSegLib.experiments.reproduction.results import Reproduction, RowResult

TARGET = ROOT / "Resources" / "Screenshots"
COLUMNS, WIDE, HIGH = 4, 2.7, 2.0
COLOURS = {"published": "#1f6f8b", "sound": "#b5532b", "slices": "#7a6a00"}
STYLE = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def main() -> None:
    for path in sorted((PAGES / "reproductions").glob("*.json")):
        draw(Reproduction.model_validate_json(path.read_bytes()), TARGET / f"reproduction-{path.stem}.png")


def draw(done: Reproduction, target: Path) -> None:
    """One panel a row with the loss of all its trainings: solid what was trained on, dotted what was validated on."""
    names = list(dict.fromkeys(row.name for result in done.protocols.values() for row in result.rows))
    columns = min(COLUMNS, len(names))
    lines = math.ceil(len(names) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure((WIDE * columns, HIGH * lines + 0.3), dpi=110, layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            axes.set_title(name, fontsize=8)
            axes.set_xlabel("steps")
            axes.grid(color="#e3e7ed", linewidth=0.8)
            for protocol, result in done.protocols.items():
                for row in (each for each in result.rows if each.name == name):
                    _curves(axes, row, COLOURS[protocol])
        for axes in panels[len(names) :]:
            axes.set_axis_off()
        shown = [mpl.lines.Line2D([], [], color=COLOURS[name], label=f"{name} protocol") for name in done.protocols]
        ways = [("-", "trained on"), (":", "validated on")]
        shown += [mpl.lines.Line2D([], [], color="#566173", linestyle=way, label=word) for way, word in ways]
        figure.legend(handles=shown, loc="outside lower center", ncols=len(shown), frameon=False)
        figure.supylabel("loss", fontsize=8)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
        picture.convert("RGB").quantize(64).save(target, optimize=True)


def _curves(axes: Axes, row: RowResult, colour: str) -> None:
    for course in row.courses:
        axes.plot(*zip(*course.loss, strict=True), color=colour, linewidth=1)
        if course.validation:
            axes.plot(*zip(*course.validation, strict=True), color=colour, linestyle=":", linewidth=1.4)


if __name__ == "__main__":
    main()

"""Pictures of a training: its curves, and slices with reference and prediction."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ..core.atomic_files import whole_file
from ..core.labels import LESION_LABEL
from ..datasets.slices import Patient
from ..reporting.figures import draw_plane, stack_below, stack_headed

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


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """Draw loss, Dice and learning rate over the steps into a PNG.

    Args:
        rows: as logged, the earliest first.
        path: file to write, replaced if it is there.
    """
    panels = {title: names for title, names in _PANELS.items() if any(name in row for row in rows for name in names)}
    figure = Figure(figsize=_INCHES)
    figure.subplots_adjust(left=0.11, right=0.98, bottom=0.07, top=0.95, hspace=0.22)
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


_LONG_SIDE, _HEADING, _GAP = 290, 14, 6
_LEVEL, _WIDTH = 60, 400  # HU that pictures show from black to white
_SPAN = (0.005, 0.995)


def telling_slice(patient: Patient) -> int:
    """Position of the slice with the most lesion; of that with the most liver where there is none."""
    lesion = (patient.labels == LESION_LABEL).flatten(1).sum(dim=1)
    area = lesion if lesion.any() else (patient.labels > 0).flatten(1).sum(dim=1)
    return int(area.argmax())


def draw_examples(found: Sequence[tuple[Patient, int, NDArray[np.uint8]]]) -> Image.Image:
    """A row of three pictures for each slice: what the network saw of it (the first channel), reference and prediction.

    Args:
        found: patient, position of the slice, and predicted labels ``[row, column]``.
    """
    return stack_below([_row(*one) for one in found])


def _row(patient: Patient, at: int, prediction: NDArray[np.uint8]) -> Image.Image:
    hounsfield, reference = _as_hounsfield(patient, at), patient.labels[at].numpy()
    labels = {
        f"{patient.name}, slice {patient.numbers[at]}": np.zeros_like(reference),
        "reference": reference,
        "prediction": prediction,
    }
    panels = {name: draw_plane((hounsfield, one, (1.0, 1.0)), "", _LONG_SIDE) for name, one in labels.items()}
    return stack_headed(panels, _HEADING, _GAP)


def _as_hounsfield(patient: Patient, at: int) -> NDArray[np.int16]:
    """Preprocessed values as HU of the same grey: [0, 1], or else what lies between the extreme half per cents."""
    values = patient.stack([at])[0]
    if not patient.in_unit:
        low, high = torch.quantile(values, torch.tensor(_SPAN)).tolist()
        values = (values - low) / max(high - low, torch.finfo().eps)
    grey: NDArray[np.int16] = ((values.clamp(0, 1) - 0.5) * _WIDTH + _LEVEL).round().short().numpy()
    return grey

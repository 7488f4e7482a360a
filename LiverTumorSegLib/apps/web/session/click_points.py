"""Places of the slice views: where in the patient somebody clicked, and where a click is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import slicer
import slicer.util
from trame_slicer.views import SliceView

Place = tuple[float, float, float]

_NEAR_MM, _FAR_MM = 0.75, 4.0
"""From a slice: as far a click is in it at least, and as far it is still hinted at."""


def place_at(node: slicer.vtkMRMLSliceNode, right: float, down: float) -> Place:
    """World RAS of a place in a slice view.

    Args:
        node: of the view.
        right: share of its width, from its left; a pixel's colour is that of its middle.
        down: share of its height, from its top.
    """
    width, height, _ = node.GetDimensions()
    r, a, s, _ = node.GetXYToRAS().MultiplyPoint((right * width - 0.5, (1 - down) * height - 0.5, 0, 1))
    return r, a, s


def middle_of(node: slicer.vtkMRMLSliceNode) -> Place:
    """World RAS of a slice view's middle."""
    to_ras = node.GetSliceToRAS()
    return to_ras.GetElement(0, 3), to_ras.GetElement(1, 3), to_ras.GetElement(2, 3)


def moved_in(view: SliceView, steps: tuple[int, int, int], step_mm: float) -> Place:
    """The middle of a view moved by steps to the right, up, and through its slices."""
    node = view.get_view_node()
    axes = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3]
    right, up, through = steps
    moved = axes @ np.array([right * step_mm, up * step_mm, through * view.get_slice_step()])
    r, a, s = (np.array(middle_of(node)) + moved).tolist()
    return r, a, s


def drawn(view: SliceView, clicks: Iterable[tuple[Place, dict[str, Any]]]) -> list[dict[str, Any]]:
    """What a slice view shows of clicks.

    Args:
        view: where they are drawn.
        clicks: where each is, and what else is known of it.

    Returns:
        What is known of each that is near the slice, with its place from the upper left corner in percent of the
        view's size, and whether it lies in the slice.
    """
    node, in_slice = view.get_view_node(), max(_NEAR_MM, view.get_slice_step() / 2)
    width, height, _ = node.GetDimensions()
    if not width or not height:
        return []
    to_xy = slicer.util.arrayFromVTKMatrix(node.GetXYToRAS())
    across, shown = to_xy[:3, 2] / np.linalg.norm(to_xy[:3, 2]), []
    from_ras, origin = np.linalg.inv(to_xy), np.array(middle_of(node))
    for place, known in clicks:
        far = abs(float((np.array(place) - origin) @ across))
        if far <= max(_FAR_MM, in_slice):
            x, y = (from_ras @ [*place, 1.0])[:2]
            right, up = float(x + 0.5) / width, float(y + 0.5) / height
            shown.append({**known, "x": round(100 * right, 3), "y": round(100 - 100 * up, 3), "near": far <= in_slice})
    return shown

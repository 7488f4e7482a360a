"""Checks of an earlier CT that is compared with the result: both beside each other, a row, and the views before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer

from .session import Session

_MOVED_MM, _CLOSE_MM = (10.0, -5.0, 15.0), 5.0


def earlier_ct_is_compared(session: Session) -> tuple[str, dict[str, Any], list[Path]]:
    session.need_packages()
    session.clear()
    session.add_ct()
    nodes = session.segment()
    layout = _layout()
    affine = session.phantom.volume.affine.copy()
    affine[:3, 3] += _MOVED_MM
    earlier = slicer.util.addVolumeFromArray(
        session.phantom.volume.voxels, slicer.util.vtkMatrixFromArray(affine), "Earlier"
    )
    ui = session.ui
    ui.earlierSection.collapsed = False
    ui.earlierSelector.setCurrentNode(earlier)
    session.click(ui.compareButton)
    session.finish()
    rows = ui.changesTable.rowCount
    assert rows == nodes.facts["lesion_count"], f"{rows} rows of {nodes.facts['lesion_count']} lesions"
    assert earlier.GetParentTransformNode() is not None, "the earlier CT is not shown as registered"
    ui.changesTable.selectRow(0)
    slicer.app.processEvents()
    apart = _apart()
    assert apart < _CLOSE_MM, f"both sides are {apart:.1f} mm apart"
    pictures = session.picture_of_views("earlier-ct")
    session.click(ui.showComparisonButton)
    assert earlier.GetParentTransformNode() is None, "the earlier CT was left as registered"
    assert _layout() == layout, f"the layout was {layout} and became {_layout()}"
    return "The earlier CT lies on the later one, and the views before come back.", {"apart, mm": apart}, pictures


def _layout() -> int | None:
    node = next(iter(slicer.util.getNodesByClass("vtkMRMLLayoutNode")), None)
    return node.GetViewArrangement() if node else None


def _apart() -> float:
    """Between the centres of the earlier CT's view and the later one's."""
    views = {view.GetName(): view for view in slicer.util.getNodesByClass("vtkMRMLSliceNode")}
    centres = [slicer.util.arrayFromVTKMatrix(views[name].GetSliceToRAS())[:3, 3] for name in ("Red", "Yellow")]
    return float(np.linalg.norm(centres[0] - centres[1]))

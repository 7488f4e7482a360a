"""Steps from slice to slice, also of a CT that was taken with a tilted gantry.

There the slices are not at right angles to the way from one to the next. Slicer's own step is then none at all in the
view that shows the images as they were taken, which wheel, keys and slider could not leave.
"""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
from trame_slicer.views import SliceView

from ....panel.mrml_volumes import world_affine
from .view_plane import ViewPlane

_SAME_STEP = 1e-3


def set_slice_steps(view: SliceView, volume: slicer.vtkMRMLVolumeNode) -> None:
    """Let a view go from slice to slice of a volume that it shows.

    Args:
        view: aligned with the volume's axes; it is fitted again where its step was wrong.
        volume: the CT.
    """
    node = view.get_view_node()
    node.SetSliceSpacingModeToAutomatic()
    step = _step(view, volume)
    if abs(view.get_slice_step() - step) > _SAME_STEP * step:
        node.SetPrescribedSliceSpacing(step, step, step)
        node.SetSliceSpacingModeToPrescribed()
        view.reset_view()


def _step(view: SliceView, volume: slicer.vtkMRMLVolumeNode) -> float:
    """Between two slices, in the units of the view's offset: its axis need not be of length 1."""
    offset = slicer.util.arrayFromVTKMatrix(view.get_view_node().GetSliceToRAS())[:3, 2]
    across = ViewPlane.of(view, volume).normal
    voxels = world_affine(volume)[:3, :3]
    axis = int(np.abs(across @ (voxels / np.linalg.norm(voxels, axis=0))).argmax())
    return float(abs(across @ voxels[:, axis]) / abs(across @ offset))

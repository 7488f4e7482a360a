"""Geometries and transforms under which everything has to be exact, and the nodes to try them on."""

import numpy as np
from scipy.spatial.transform import Rotation

SHAPE = (20, 40, 50)
_TURN = Rotation.from_euler("xyz", [17, 11, 29], degrees=True).as_matrix()
_SHEAR = np.array([[1, 0, 0], [0, 1, 0.3], [0, 0, 1.0]])


def placed(axes, spacing=(0.8, 0.7, 2.5), origin=(10, -20, 30)):
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


GEOMETRIES = {
    "plain": placed(np.eye(3)),
    "left-posterior": placed(np.diag([-1.0, -1, 1])),
    "left-handed": placed(np.diag([-1.0, 1, 1])),
    "feet-first": placed(np.diag([1.0, -1, -1])),
    "sagittal": placed(np.eye(3)[:, [1, 2, 0]]),
    "oblique": placed(_TURN),
    "sheared": placed(_TURN @ _SHEAR),
}
TRANSFORMS = ("none", "shifted", "rotated", "scaled", "grid", "nested")


def labels():
    """Liver with two lesions, the second smaller; nothing is symmetric."""
    made = np.zeros(SHAPE, np.uint8)
    made[3:15, 5:30, 10:44] = 1
    made[6:9, 10:14, 20:30] = 2
    made[11:13, 20:24, 20:26] = 3
    return made


def make_volume(affine, array=None, name="ct"):
    import slicer

    voxels = np.random.default_rng(0).normal(0, 150, SHAPE).astype(np.int16) if array is None else array
    return slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(affine), name)


def under(node, parent):
    """Hang a node under a transform; returns the node."""
    node.SetAndObserveTransformNodeID(parent.GetID() if parent else None)
    return node


def transform(kind):
    """A transform node of the scene, or None."""
    if kind == "none":
        return None
    if kind in ("grid", "irregular"):
        return _grid(kind)
    outer = {
        "shifted": placed(np.eye(3), (1, 1, 1), (100, 0, 0)),
        "rotated": placed(_TURN.T, (1, 1, 1), (30, -20, 10)),
        "scaled": placed(_TURN.T, (1.2, 0.9, 1), (30, -20, 10)),
        "nested": placed(_TURN.T, (1, 1, 1), (0, 0, 50)),
    }[kind]
    node = _linear(outer)
    return under(_linear(placed(_TURN, (1, 1, 1), (5, 6, 7))), node) if kind == "nested" else node


def _linear(matrix):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


def _grid(kind):
    """Some millimetres here and there; or slices that lie further apart than stated, as DICOM's may."""
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    field = vtk.vtkImageData()
    field.SetDimensions(6, 6, 6)
    field.SetOrigin(-100, -100, -100)
    field.SetSpacing(50, 50, 50)
    field.AllocateScalars(vtk.VTK_DOUBLE, 3)
    shifts = vtk_to_numpy(field.GetPointData().GetScalars())
    shifts[:] = np.random.default_rng(0).normal(0, 4, (216, 3))
    if kind == "irregular":
        shifts[:] = 0
        shifts.reshape(6, 6, 6, 3)[..., 2] = 0.5 * (np.arange(6) * 50 - 100)[:, None, None]
    warp = slicer.vtkOrientedGridTransform()
    warp.SetDisplacementGridData(field)
    if kind == "grid":
        warp.SetInterpolationModeToCubic()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode")
    node.SetAndObserveTransformToParent(warp)
    return node


def make_roi(centre, size, parent=None):
    """A region of the user's, by its place in the world."""
    import slicer

    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    under(roi, parent)
    roi.SetCenterWorld(*centre)
    roi.SetSize(*size)
    return roi

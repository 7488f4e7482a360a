"""A picture of liver and lesions in three dimensions, drawn by VTK in a process of its own.

A machine without any renderer can end the process that tries; the caller then goes without the picture.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .postprocessing import bounds
from .scratch import temporary
from .segments import SEGMENTS, Segment
from .volume import Volume

_TIMEOUT_S = 90
_FINEST_MM = 1.5
_SIZE = 560, 460
_OPACITY = {"liver": 0.35}


def surfaces(labels: NDArray[np.uint8], volume: Volume) -> Image.Image | None:
    """Liver and lesions seen from the front, or None where nothing can be rendered.

    Args:
        labels: ``[k, j, i]`` on the volume's grid.
        volume: the CT.
    """
    if not labels.any():
        return None
    seen, spacing = volume.axial.of(labels), volume.axial.spacing
    near = seen[bounds(seen)]
    steps = [max(1, int(_FINEST_MM / mm)) for mm in spacing]
    coarse = np.pad(near[:: steps[0], :: steps[1], :: steps[2]], 1)
    coarse_mm = [mm * step for mm, step in zip(spacing, steps, strict=True)]
    try:
        with temporary() as scratch:
            source, target = scratch / "labels.npz", scratch / "picture.png"
            np.savez(source, labels=coarse, spacing=coarse_mm)
            command = [sys.executable, "-m", __name__, str(source), str(target)]
            subprocess.run(command, timeout=_TIMEOUT_S, capture_output=True, check=True)  # noqa: S603
            return Image.open(target).convert("RGB")
    except (subprocess.SubprocessError, OSError):
        return None


def draw(labels: NDArray[np.uint8], spacing: tuple[float, float, float], target: Path) -> None:
    """Render labels ``[slice, row, column]`` offscreen into a PNG file."""
    import vtk

    renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)  # else translucent surfaces vanish
    window.SetAlphaBitPlanes(True)
    window.SetSize(*_SIZE)
    window.AddRenderer(renderer)
    renderer.SetUseDepthPeeling(True)
    renderer.SetBackground(1, 1, 1)
    for segment in SEGMENTS:
        mask = labels > 0 if segment.name == "liver" else labels == segment.label
        if mask.any():
            renderer.AddActor(_surface(mask, spacing, segment))
    camera = renderer.GetActiveCamera()
    camera.SetPosition(0, -1, 0.15)  # rows run to the back and slices up, so this is the front
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera()
    camera.Zoom(1.35)
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(target))
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()


def _surface(mask: NDArray[np.bool_], spacing: tuple[float, float, float], segment: Segment):  # type: ignore[no-untyped-def]  # noqa: ANN202, vtk has no types
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(mask.shape))
    image.SetSpacing(*reversed(spacing))
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    nets = vtk.vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetValue(0, 1)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(nets.GetOutputPort())
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(normals.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*(part / 255 for part in segment.rgb))
    actor.GetProperty().SetOpacity(_OPACITY.get(segment.name, 1))
    return actor


def _main() -> None:
    source, target = map(Path, sys.argv[1:])
    with np.load(source) as content:
        dz, dy, dx = content["spacing"].tolist()
        draw(content["labels"], (dz, dy, dx), target)


if __name__ == "__main__":
    _main()

"""A picture of liver and lesions in three dimensions, drawn by VTK in a process of its own.

A machine without any renderer can end the process that tries; the caller then goes without the picture, and says why.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core import child_process, sanitize
from ..core.atomic_files import system_temporary_folder
from ..core.labels import SEGMENTS, Segment, bounding_box
from ..core.volume import Volume

_TIMEOUT_S = 90
_SOURCE, _TARGET = "labels.npz", "picture.png"
_FINEST_MM = 1.5
_SIZE = 560, 460
_OPACITY = {"liver": 0.35}
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt)\b")


class NotDrawn(Exception):
    """The picture could not be drawn, in a sentence.

    Args:
        why: in a few words.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"The three-dimensional picture is left out ({why}).")


def render_surfaces(labels: NDArray[np.uint8], volume: Volume) -> Image.Image | None:
    """Liver and lesions seen from the front, or None where nothing is labelled.

    Args:
        labels: ``[k, j, i]`` on the volume's grid.
        volume: the CT.

    Raises:
        NotDrawn: no renderer works on this machine, or its process failed otherwise.
    """
    if not labels.any():
        return None
    seen, spacing = volume.axial.of(labels), volume.axial.spacing
    near = seen[bounding_box(seen)]
    steps = [max(1, int(_FINEST_MM / mm)) for mm in spacing]
    coarse = np.pad(near[:: steps[0], :: steps[1], :: steps[2]], 1)
    coarse_mm = [mm * step for mm, step in zip(spacing, steps, strict=True)]
    try:
        with system_temporary_folder() as scratch:
            np.savez(scratch / _SOURCE, labels=coarse, spacing=coarse_mm)
            _run(scratch.absolute())
            return Image.open(scratch / _TARGET).convert("RGB")
    except subprocess.TimeoutExpired as error:
        msg = f"drawing it took longer than {_TIMEOUT_S} seconds"
        raise NotDrawn(msg) from error
    except OSError as error:
        raise NotDrawn(error.strerror or "what was drawn is damaged") from error


def _run(folder: Path) -> None:
    """Have this module run in a process of its own, from one file of a folder to another."""
    command = child_process.command(__name__, [str(folder / _SOURCE), str(folder / _TARGET)])
    done = subprocess.run(  # noqa: S603
        command, timeout=_TIMEOUT_S, capture_output=True, check=False, **child_process.start_options(folder)
    )
    if done.returncode or not (folder / _TARGET).is_file():
        raise NotDrawn(_why(done.returncode, done.stderr.decode("utf-8", errors="replace")))


def _why(code: int, printed: str) -> str:
    last = (printed.strip().splitlines() or [""])[-1]
    if _EXCEPTION.match(last):
        return f"the process that draws it failed, {sanitize.strip_folders(last)}"
    names = {-number: number.name for number in signal.Signals}
    ended = f"exit code {code}" if code else "it drew nothing"
    return f"no renderer works on this machine, {names.get(code, ended)}"


def render_labels(labels: NDArray[np.uint8], spacing: tuple[float, float, float], target: Path) -> None:
    """Render labels ``[slice, row, column]`` offscreen into a PNG file."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  what draws; all of VTK would take three times as long to load
    from vtkmodules.vtkIOImage import vtkPNGWriter
    from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow, vtkWindowToImageFilter

    renderer, window = vtkRenderer(), vtkRenderWindow()
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
    grab = vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    writer = vtkPNGWriter()
    writer.SetFileName(str(target))
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()


def _surface(mask: NDArray[np.bool_], spacing: tuple[float, float, float], segment: Segment):  # type: ignore[no-untyped-def]  # noqa: ANN202, vtk has no types
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals, vtkSurfaceNets3D
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    image = vtkImageData()
    image.SetDimensions(*reversed(mask.shape))
    image.SetSpacing(*reversed(spacing))
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    nets = vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetValue(0, 1)
    normals = vtkPolyDataNormals()
    normals.SetInputConnection(nets.GetOutputPort())
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(normals.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*(part / 255 for part in segment.rgb))
    actor.GetProperty().SetOpacity(_OPACITY.get(segment.name, 1))
    return actor


def _main() -> None:
    source, target = map(Path, sys.argv[1:])
    with np.load(source) as content:
        dz, dy, dx = content["spacing"].tolist()
        render_labels(content["labels"], (dz, dy, dx), target)


if __name__ == "__main__":
    _main()

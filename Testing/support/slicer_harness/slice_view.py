"""A slice view of Slicer's own parts, drawn nowhere: its markups take a mouse's events, as in the application."""

import numpy as np
import slicer
import vtk

from support.slicer_harness import scene

SIZE = 400
"""Pixels of a side; each is a millimetre."""
_MANAGER = "vtkMRMLMarkupsDisplayableManager"


class SliceView:
    """A view of one slice node, with the markups alone.

    Args:
        name: of the slice node.
    """

    def __init__(self, name="Red"):
        self.node = next(n for n in slicer.util.getNodesByClass("vtkMRMLSliceNode") if n.GetName() == name)
        self.node.SetDimensions(SIZE, SIZE, 1)
        self.node.SetFieldOfView(SIZE, SIZE, 1)
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(True)
        self._window.SetSize(SIZE, SIZE)
        renderer = vtk.vtkRenderer()
        self._window.AddRenderer(renderer)
        self._mouse = vtk.vtkRenderWindowInteractor()
        self._mouse.SetRenderWindow(self._window)
        self._mouse.SetInteractorStyle(vtk.vtkInteractorStyleUser())  # VTK's usual one takes the clicks
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetInteractor(self._mouse)
        self._slice = slicer.vtkMRMLSliceLogic()
        self._slice.SetMRMLScene(slicer.mrmlScene)
        self._slice.SetSliceNode(self.node)
        self._style.SetSliceLogic(self._slice)
        self._group = _factory().InstantiateDisplayableManagers(renderer)
        self._group.SetMRMLDisplayableNode(self.node)
        self._style.SetDisplayableManagers(self._group)
        self._mouse.Enable()
        self._window.Render()
        self._mouse.EnterEvent()

    def close(self):
        """Take the mouse out of the view, and end it."""
        self._mouse.LeaveEvent()
        self._style.SetInteractor(None)
        self._group.SetMRMLDisplayableNode(None)
        self._window.Finalize()

    def move(self, place):
        """Move the mouse to a place in the world, in the slice that shows it."""
        self.node.JumpSliceByCentering(*place)
        self._to(self._pixel(place))

    def click(self, place):
        self.move(place)
        self._mouse.LeftButtonPressEvent()
        self._mouse.LeftButtonReleaseEvent()

    def right_click(self, place):
        self.move(place)
        self._mouse.RightButtonPressEvent()
        self._mouse.RightButtonReleaseEvent()

    def drag(self, place, target):
        """Press at a place, move to another in the same slice, and let go."""
        self.move(place)
        self._mouse.LeftButtonPressEvent()
        start, end = self._pixel(place), self._pixel(target)
        for part in (0.25, 0.5, 0.75, 1):
            self._to(start + part * (end - start))
        self._mouse.LeftButtonReleaseEvent()

    def _to(self, pixel):
        x, y = (round(at) for at in pixel)
        self._mouse.SetEventInformation(x, y, 0, 0, "\0", 0, None)
        self._mouse.MouseMoveEvent()

    def _pixel(self, place):
        back = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), back)
        return np.array(back.MultiplyPoint([*place, 1]))[:2]


def _factory():
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    factory.SetMRMLApplicationLogic(scene.application_logic())
    if not factory.IsDisplayableManagerRegistered(_MANAGER):
        factory.RegisterDisplayableManager(_MANAGER)
    return factory

"""Three slice views and one in 3D, drawn by this process and shown in the browser."""

from __future__ import annotations

import slicer
from trame.widgets import client, html
from trame_server import Server
from trame_slicer.core import SlicerApp
from trame_slicer.rca_view import RemoteSliceViewFactory, RemoteThreeDViewFactory
from trame_slicer.rca_view.rca_view_factory import RcaView
from trame_slicer.views import ViewLayoutDefinition

from ...mrml import views as mrml_views
from .view_furniture import LARGE, on_3d, on_slice

PRESETS = {"liver": (200.0, 80.0), "abdomen": (400.0, 40.0), "lung": (1500.0, -600.0), "bone": (1800.0, 400.0)}
"""Window width and level in HU by name; that of the liver is for the portal venous phase."""

_FRAMES, _FRAMES_ASIDE = 20.0, 8.0
"""A second, in the view under the pointer and in the others; software rendering has to keep up."""

_QUALITY = 50, 95
"""Of a JPEG while the mouse moves, and at rest."""

_MOST_PIXELS = 1 << 23
"""Of a view, as of a screen of 3840 x 2160: a browser may ask for any size, and more would take gigabytes."""

_NAMES = {"Red": "Axial", "ThreeD": "3D", "Green": "Coronal", "Yellow": "Sagittal"}
"""Of the views by tag, in the order of reading."""


class Views:
    """The views of one session.

    Args:
        scene: whose volumes and segments are shown.
        server: of the page.
    """

    def __init__(self, scene: SlicerApp, server: Server) -> None:
        self._scene, self._server = scene, server
        server.state.setdefault(LARGE, "")
        server.state.setdefault("tool", "none")
        frames = {"target_fps": _FRAMES, "blur_fps": _FRAMES_ASIDE}
        slices = RemoteSliceViewFactory(server, populate_view_ui_f=on_slice, **frames)
        three = RemoteThreeDViewFactory(server, populate_view_ui_f=on_3d, **frames)
        for factory in (slices, three):
            scene.view_manager.register_factory(factory)
        for definition in _definitions():
            scene.view_manager.create_view(definition)
            tag = definition.singleton_tag
            _finish((slices if slices.has_view(tag) else three).get_factory_view(tag), _NAMES[tag])
        scene.view_manager.set_current_view_ids(list(_NAMES))
        for view in scene.view_manager.get_views():
            view.render_window().SetMultiSamples(0)  # with them Mesa's software renderer draws nothing translucent
        for view in scene.view_manager.get_threed_views():
            view.set_orientation_marker(slicer.vtkMRMLViewNode.OrientationMarkerTypeAxes)
        interaction = scene.app_logic.GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.AdjustWindowLevel)

    def build(self) -> None:
        """Put the views into the page; a double click shows one alone, unless the mouse is a brush."""
        with html.Div(classes="lts-views"):
            for tag, name in _NAMES.items():
                with html.Div(
                    classes=(f"['lts-view', {LARGE} === '{tag}' ? 'lts-alone' : '']",),
                    dblclick=f"tool === 'none' && ({LARGE} = {LARGE} ? '' : '{tag}')",
                    id=f"view-{name.lower()}",
                ):
                    client.ServerTemplate(name=tag)

    def show(self, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Show a CT in all views, windowed for the liver."""
        self.leave()
        self.window(volume, "liver")
        self._scene.display_manager.show_volume_in_slice_background(volume)
        self._scene.display_manager.reset_views()

    def window(self, volume: slicer.vtkMRMLScalarVolumeNode, preset: str) -> None:
        """Set grey values after one of :data:`PRESETS`."""
        if volume.GetDisplayNode() is None:
            volume.CreateDefaultDisplayNodes()
        display = volume.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(*PRESETS[preset])

    def go_to(self, place: tuple[float, float, float]) -> None:
        """Bring every slice view to a place in world RAS, with a crosshair there."""
        mrml_views.jump(place)
        crosshair = self._crosshair
        crosshair.SetCrosshairRAS(*place)
        crosshair.SetCrosshairMode(crosshair.ShowBasic)

    def leave(self) -> None:
        """Take the crosshair away."""
        self._crosshair.SetCrosshairMode(self._crosshair.NoCrosshair)

    def frame_3d(self) -> None:
        """Bring all that is shown in 3D into sight."""
        for view in self._scene.view_manager.get_threed_views():
            view.reset_view()

    @property
    def _crosshair(self) -> slicer.vtkMRMLCrosshairNode:
        return self._scene.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")


def _definitions() -> list[ViewLayoutDefinition]:
    layouts = ViewLayoutDefinition
    return [layouts.axial_view(), layouts.threed_view(), layouts.coronal_view(), layouts.sagittal_view()]


def _finish(made: RcaView, name: str) -> None:
    """Sharp where it rests, no larger than a screen, and named for screen readers: the factories know no options."""
    made.view_adapter.update_quality(*_QUALITY)
    made.view_adapter.max_pixel_count = _MOST_PIXELS
    picture = made.vuetify_view.root.children[0].children[0]
    picture.v_bind = f"{{role: 'img', 'aria-label': '{name} view'}}"
    made.vuetify_view.flush_content()

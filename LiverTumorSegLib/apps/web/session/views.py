"""Three slice views and one in 3D, drawn by this process and shown in the browser with their controls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import slicer
from trame.widgets import client, html
from trame_server import Server
from trame_slicer.core import SlicerApp
from trame_slicer.rca_view import RemoteSliceViewFactory, RemoteThreeDViewFactory
from trame_slicer.rca_view.rca_view_factory import RcaView
from trame_slicer.views import SliceView, ViewLayoutDefinition

from ...panel import mrml_display
from ...panel.mrml_volumes import from_world, to_world
from .looking import pictures
from .looking.pictures import Shown
from .looking.slice_place import edge_letters, scale_bar, slice_text
from .looking.slice_steps import set_slice_steps
from .looking.view_plane import ViewPlane
from .view_furniture import LARGE_VIEW, NOTHING_SHOWN, POINTED, add_3d_controls, add_slice_controls

PRESETS = {"liver": (200.0, 80.0), "abdomen": (400.0, 40.0), "lung": (1500.0, -600.0), "bone": (1800.0, 400.0)}
"""Window width and level in HU by name; that of the liver is for the portal venous phase."""

_FRAMES, _FRAMES_UNFOCUSED = 20.0, 8.0
"""A second, in the view under the pointer and in the others; software rendering has to keep up."""

_QUALITY = 50, 95
"""Of a JPEG while the mouse moves, and at rest."""

_MOST_PIXELS = 1 << 23
"""Of a view, as of a screen of 3840 x 2160: a browser may ask for any size, and more would take gigabytes."""

_MOVES = "tool === 'none' && !click_mode && !measuring"
_MOVABLE = "tool === 'none' && !measuring && !segmenting ? 'lts-movable' : ''"  # clicks that were made
_CLASSES = f"['lts-views', click_mode ? 'lts-clicking' : '', measuring ? 'lts-measuring' : '', {_MOVABLE}]"

Layer = Callable[[SliceView, ViewPlane], Shown]
"""Says what else is drawn over a slice view's picture."""

_NAMES = {"Red": "Axial", "ThreeD": "3D", "Green": "Coronal", "Yellow": "Sagittal"}
"""Of the views by tag, in the order of reading."""


class Views:
    """The views of one session.

    Args:
        scene: whose volumes and segments are shown.
        server: of the page.

    ``layers`` say what is drawn over the pictures of slices, by the names of
    :data:`LiverTumorSegLib.apps.web.session.view_furniture.NOTHING_SHOWN`; what several say is drawn together.
    """

    def __init__(self, scene: SlicerApp, server: Server) -> None:
        self._scene, self._server = scene, server
        self.layers: list[Layer] = []
        server.state.setdefault(LARGE_VIEW, "")
        server.state.setdefault("tool", "none")
        server.state.setdefault("click_mode", "")
        server.state.setdefault("measuring", "")
        server.state.update(POINTED)
        server.state.client_only(*POINTED)
        frames = {"target_fps": _FRAMES, "blur_fps": _FRAMES_UNFOCUSED}
        slices = RemoteSliceViewFactory(server, populate_view_ui_f=add_slice_controls, **frames)
        three = RemoteThreeDViewFactory(server, populate_view_ui_f=add_3d_controls, **frames)
        for factory in (slices, three):
            scene.view_manager.register_factory(factory)
        for definition in _definitions():
            scene.view_manager.create_view(definition)
            tag = definition.singleton_tag
            made = (slices if slices.has_view(tag) else three).get_factory_view(tag)
            _finish_view(made, _NAMES[tag])
            if slices.has_view(tag):
                pictures.carry(made.view_adapter, partial(self.shown, made.slicer_view))
        scene.view_manager.set_current_view_ids(list(_NAMES))
        for view in scene.view_manager.get_views():
            view.render_window().SetMultiSamples(0)  # with them Mesa's software renderer draws nothing translucent
        for view in scene.view_manager.get_threed_views():
            view.set_orientation_marker(slicer.vtkMRMLViewNode.OrientationMarkerTypeAxes)
        interaction = scene.app_logic.GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.AdjustWindowLevel)

    def build(self) -> None:
        """Put the views into the page; a double click shows one alone, unless the mouse is a brush."""
        with html.Div(classes=(_CLASSES,)):
            for tag, name in _NAMES.items():
                with html.Div(
                    classes=(f"['lts-view', {LARGE_VIEW} === '{tag}' ? 'lts-alone' : '']",),
                    dblclick=f"{_MOVES} && ({LARGE_VIEW} = {LARGE_VIEW} ? '' : '{tag}')",
                    id=f"view-{name.lower()}",
                    raw_attrs=[] if tag == "ThreeD" else [f'data-view="{tag}"'],
                ):
                    client.ServerTemplate(name=tag)

    def show(self, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Show a CT in all views, windowed for the liver."""
        self.leave()
        self.window(volume, "liver")
        self._scene.display_manager.show_volume_in_slice_background(volume)
        self._scene.display_manager.reset_views()
        for view in self.slices.values():
            set_slice_steps(view, volume)

    def window(self, volume: slicer.vtkMRMLScalarVolumeNode, preset: str) -> None:
        """Set grey values after one of :data:`PRESETS`."""
        if volume.GetDisplayNode() is None:
            volume.CreateDefaultDisplayNodes()
        display = volume.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(*PRESETS[preset])

    def go_to(self, place: tuple[float, float, float]) -> None:
        """Bring every slice view to a place in world RAS, with a crosshair there."""
        mrml_display.center_slice_views(place)
        self._mark(place)

    def _mark(self, place: tuple[float, float, float]) -> None:
        crosshair = self._crosshair
        crosshair.SetCrosshairRAS(*place)
        crosshair.SetCrosshairMode(crosshair.ShowBasic)

    def look_at(self, tag: str, place: tuple[float, float, float], volume: slicer.vtkMRMLVolumeNode) -> None:
        """Put a crosshair at a place in world RAS that was pointed at, and bring the other slice views there.

        They show the slices of the CT that are nearest to it, and their pictures move only where the place would be
        outside.

        Args:
            tag: of the view that it was pointed at in, which stays as it is.
            place: in world RAS.
            volume: the CT.
        """
        voxel = np.rint(from_world(volume, np.array([place])))
        r, a, s = to_world(volume, voxel)[0].tolist()
        for other, view in self.slices.items():
            if other != tag:
                node = view.get_view_node()
                node.JumpSliceByOffsetting(r, a, s)
                share = ViewPlane.of(view, volume).shares(np.array([place]))
                if ((share < 0) | (share > 100)).any():
                    node.JumpSliceByCentering(r, a, s)
        self._mark(place)

    def leave(self) -> None:
        """Take the crosshair away."""
        self._crosshair.SetCrosshairMode(self._crosshair.NoCrosshair)

    def shown(self, view: SliceView) -> Shown:
        """What is shown over a slice view's picture as the view is now."""
        volume = slicer.mrmlScene.GetNodeByID(view.get_background_volume_id() or "")
        if volume is None or volume.GetImageData() is None:
            return NOTHING_SHOWN
        node, plane = view.get_view_node(), ViewPlane.of(view, volume)
        shown: Shown = {
            **NOTHING_SHOWN,
            "edges": edge_letters(node),
            "place": slice_text(node, volume),
            "bar": scale_bar(plane),
            "size_mm": plane.size_mm,
        }
        for layer in self.layers:
            for name, drawn in layer(view, plane).items():
                shown[name] = [*shown[name], *drawn]
        return shown

    def draw(self) -> None:
        """Draw the slice views anew, as where something else is shown over them."""
        for view in self.slices.values():
            view.schedule_render()

    @property
    def slices(self) -> dict[str, SliceView]:
        """The slice views by tag."""
        return {view.get_singleton_tag(): view for view in self._scene.view_manager.get_slice_views()}

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


def _finish_view(made: RcaView, name: str) -> None:
    """Sharp where it rests, no larger than a screen, and named for screen readers: the factories know no options."""
    made.view_adapter.update_quality(*_QUALITY)
    made.view_adapter.max_pixel_count = _MOST_PIXELS
    picture = made.vuetify_view.root.children[0].children[0]
    picture.v_bind = f"{{role: 'img', 'aria-label': '{name} view'}}"
    made.vuetify_view.flush_content()

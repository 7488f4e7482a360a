"""Three slice views and one in 3D, drawn by this process and shown in the browser with their controls."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
from numpy.typing import NDArray
from trame.widgets import client, html
from trame.widgets import vuetify3 as v3
from trame_server import Server
from trame_slicer.app.logic.slice_view_logic import connect_slice_view_slider_to_state
from trame_slicer.core import SlicerApp
from trame_slicer.rca_view import RemoteSliceViewFactory, RemoteThreeDViewFactory
from trame_slicer.rca_view.rca_view_factory import RcaView
from trame_slicer.views import SliceView, ThreeDView, ViewLayoutDefinition

from ...panel import mrml_display
from ...panel.mrml_volumes import from_world
from .aria import aria

_SIDES = (("R", "L"), ("A", "P"), ("S", "I"))
"""Of each axis of RAS: where it grows, and where it falls."""


def edge_letters(node: slicer.vtkMRMLSliceNode) -> dict[str, str]:
    """Letters of the patient's sides at a slice view's edges."""
    right, up = _to_ras(node)[:3, :2].T
    return {"right": _side(right), "left": _side(-right), "top": _side(up), "bottom": _side(-up)}


def position_text(node: slicer.vtkMRMLSliceNode) -> str:
    """Place of a slice view's middle in world RAS along the axis it goes through, such as ``S 12.5 mm``."""
    to_ras = _to_ras(node)
    axis = _axis(to_ras[:3, 2])
    at = round(float(to_ras[axis, 3]), 1)
    return f"{_SIDES[axis][at < 0]} {abs(at):.1f} mm"


def slice_number(node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode) -> tuple[int, int] | None:
    """Which of a volume's slices a view shows, and how many there are; None outside the volume.

    Counted from 1 at the feet, the patient's left or the back, as the lesion table counts axial slices.
    """
    to_ras = _to_ras(node)
    upwards = np.eye(3)[_axis(to_ras[:3, 2])]
    voxel, above = from_world(volume, np.array([to_ras[:3, 3], to_ras[:3, 3] + upwards]))
    axis = _axis((above - voxel) * volume.GetSpacing())
    count = volume.GetImageData().GetDimensions()[axis]
    index = round(float(voxel[axis]))
    if not 0 <= index < count:
        return None
    return (index + 1 if above[axis] > voxel[axis] else count - index), count


def _to_ras(node: slicer.vtkMRMLSliceNode) -> NDArray[np.float64]:
    return np.asarray(slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()), np.float64)


def _axis(direction: NDArray[np.float64]) -> int:
    return int(np.abs(direction).argmax())


def _side(direction: NDArray[np.float64]) -> str:
    axis = _axis(direction)
    return _SIDES[axis][int(direction[axis] < 0)]


LARGE_VIEW = "large"
"""State: tag of the view that is shown alone; empty for all."""

_NO_DOUBLE_CLICK = "@dblclick.stop"
"""Two clicks on a button are no double click on the view."""


def add_slice_controls(server: Server, tag: str, view: SliceView) -> None:
    """Furniture of a slice view."""
    name = view.get_orientation()
    facts = f"{tag.lower()}_facts"
    _follow_view(server, view, facts)
    with html.Div(v_if=(f"{facts}.edges",), classes="lts-edges", raw_attrs=aria(hidden="true")):
        html.Span("{{ side }}", v_for=f"(side, edge) in {facts}.edges", key="edge", classes=("`lts-${edge}`",))
    _add_points(server, f"{tag.lower()}_points")
    _add_corner(name, tag, view)
    html.Span(f"{{{{ {facts}.place }}}}", classes="lts-place", id=f"place-{name.lower()}")
    slider = connect_slice_view_slider_to_state(server, view)
    html.Input(
        type="range",
        min=(slider.name.min_value,),
        max=(slider.name.max_value,),
        step=(slider.name.step,),
        value=(slider.name.value,),
        input=f"{slider.name.value} = Number($event.target.value)",
        id=f"slider-{name.lower()}",
        classes="lts-slider",
        raw_attrs=[*aria(label=f"{name} slice", valuetext=(f"{facts}.place",)), _NO_DOUBLE_CLICK],
    )


def add_3d_controls(_server: Server, tag: str, view: ThreeDView) -> None:
    """Furniture of a view in 3D."""
    _add_corner("3D", tag, view)


_SIDE = "point.inside ? 'lts-inside' : 'lts-outside'"
_DEPTH = "point.near ? '' : 'lts-far'"


def _add_points(server: Server, points: str) -> None:
    """Clicks into a lesion; their signs tell those inside from those outside, as their shapes do."""
    server.state.setdefault(points, [])
    with html.Div(
        v_for=f"point in {points}",
        key="point.n",
        classes=(f"['lts-point', 'lts-sign', {_SIDE}, {_DEPTH}, point.waits ? 'lts-waits' : '']",),
        style=("`left: ${point.x}%; top: ${point.y}%`",),
        raw_attrs=[*aria(hidden="true"), ':data-click="point.n"'],
    ):
        html.Span("{{ point.inside ? '+' : '−' }}")
        html.Small("{{ point.n }}")


def _follow_view(server: Server, view: SliceView, facts: str) -> None:
    """Keep the state up to date with what the view shows."""

    def tell(_view: SliceView) -> None:
        server.state[facts] = _slice_facts(view)

    view.modified.connect(tell)
    tell(view)


def _slice_facts(view: SliceView) -> dict[str, object]:
    volume = slicer.mrmlScene.GetNodeByID(view.get_background_volume_id() or "")
    if volume is None or volume.GetImageData() is None:
        return {"edges": None, "place": ""}
    node = view.get_view_node()
    place, number = position_text(node), slice_number(node, volume)
    if number:
        place += ", slice {} of {}".format(*number)
    return {"edges": edge_letters(node), "place": place}


def _add_corner(name: str, tag: str, view: SliceView | ThreeDView) -> None:
    with html.Div(classes="lts-corner", raw_attrs=[_NO_DOUBLE_CLICK]):
        html.Span(name)
        _button(f"fit-{name.lower()}", "mdi-fit-to-page-outline", f"'Fit the {name} view'", view.reset_view)
        icon = f"{LARGE_VIEW} ? 'mdi-fullscreen-exit' : 'mdi-fullscreen'"
        words = f"{LARGE_VIEW} ? 'Show all views' : 'Show the {name} view alone'"
        _button(f"large-{name.lower()}", (icon,), words, f"{LARGE_VIEW} = {LARGE_VIEW} ? '' : '{tag}'")


def _button(name: str, icon: str | tuple[str], words: str, click: object) -> None:
    look = {"size": "x-small", "variant": "text", "theme": "dark"}
    v3.VBtn(icon=icon, id=name, click=click, title=(words,), raw_attrs=aria(label=(words,)), **look)


PRESETS = {"liver": (200.0, 80.0), "abdomen": (400.0, 40.0), "lung": (1500.0, -600.0), "bone": (1800.0, 400.0)}
"""Window width and level in HU by name; that of the liver is for the portal venous phase."""

_FRAMES, _FRAMES_UNFOCUSED = 20.0, 8.0
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
        server.state.setdefault(LARGE_VIEW, "")
        server.state.setdefault("tool", "none")
        server.state.setdefault("click_mode", "")
        frames = {"target_fps": _FRAMES, "blur_fps": _FRAMES_UNFOCUSED}
        slices = RemoteSliceViewFactory(server, populate_view_ui_f=add_slice_controls, **frames)
        three = RemoteThreeDViewFactory(server, populate_view_ui_f=add_3d_controls, **frames)
        for factory in (slices, three):
            scene.view_manager.register_factory(factory)
        for definition in _definitions():
            scene.view_manager.create_view(definition)
            tag = definition.singleton_tag
            _finish_view((slices if slices.has_view(tag) else three).get_factory_view(tag), _NAMES[tag])
        scene.view_manager.set_current_view_ids(list(_NAMES))
        for view in scene.view_manager.get_views():
            view.render_window().SetMultiSamples(0)  # with them Mesa's software renderer draws nothing translucent
        for view in scene.view_manager.get_threed_views():
            view.set_orientation_marker(slicer.vtkMRMLViewNode.OrientationMarkerTypeAxes)
        interaction = scene.app_logic.GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.AdjustWindowLevel)

    def build(self) -> None:
        """Put the views into the page; a double click shows one alone, unless the mouse is a brush."""
        with html.Div(classes=("['lts-views', click_mode ? 'lts-clicking' : '']",)):
            for tag, name in _NAMES.items():
                with html.Div(
                    classes=(f"['lts-view', {LARGE_VIEW} === '{tag}' ? 'lts-alone' : '']",),
                    dblclick=f"tool === 'none' && !click_mode && ({LARGE_VIEW} = {LARGE_VIEW} ? '' : '{tag}')",
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


def _finish_view(made: RcaView, name: str) -> None:
    """Sharp where it rests, no larger than a screen, and named for screen readers: the factories know no options."""
    made.view_adapter.update_quality(*_QUALITY)
    made.view_adapter.max_pixel_count = _MOST_PIXELS
    picture = made.vuetify_view.root.children[0].children[0]
    picture.v_bind = f"{{role: 'img', 'aria-label': '{name} view'}}"
    made.vuetify_view.flush_content()

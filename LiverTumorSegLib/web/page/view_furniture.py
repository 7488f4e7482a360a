"""What stands over a view: its name, its buttons, the patient's sides, where it is, and a slider through its slices."""

from __future__ import annotations

import slicer
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_server import Server
from trame_slicer.app.logic.slice_view_logic import connect_slice_view_slider_to_state
from trame_slicer.views import SliceView, ThreeDView

from . import slice_facts
from .aria import aria

LARGE = "large"
"""State: tag of the view that is shown alone; empty for all."""

_NO_DOUBLE_CLICK = "@dblclick.stop"
"""Two clicks on a button are no double click on the view."""


def on_slice(server: Server, tag: str, view: SliceView) -> None:
    """Furniture of a slice view."""
    name = view.get_orientation()
    facts = f"{tag.lower()}_facts"
    _follow(server, view, facts)
    with html.Div(v_if=(f"{facts}.edges",), classes="lts-edges", raw_attrs=aria(hidden="true")):
        html.Span("{{ side }}", v_for=f"(side, edge) in {facts}.edges", key="edge", classes=("`lts-${edge}`",))
    _corner(name, tag, view)
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


def on_3d(_server: Server, tag: str, view: ThreeDView) -> None:
    """Furniture of a view in 3D."""
    _corner("3D", tag, view)


def _follow(server: Server, view: SliceView, facts: str) -> None:
    """Keep the state up to date with what the view shows."""

    def tell(_view: SliceView) -> None:
        server.state[facts] = _facts(view)

    view.modified.connect(tell)
    tell(view)


def _facts(view: SliceView) -> dict[str, object]:
    volume = slicer.mrmlScene.GetNodeByID(view.get_background_volume_id() or "")
    if volume is None or volume.GetImageData() is None:
        return {"edges": None, "place": ""}
    node = view.get_view_node()
    place, number = slice_facts.place(node), slice_facts.number(node, volume)
    if number:
        place += ", slice {} of {}".format(*number)
    return {"edges": slice_facts.edges(node), "place": place}


def _corner(name: str, tag: str, view: SliceView | ThreeDView) -> None:
    with html.Div(classes="lts-corner", raw_attrs=[_NO_DOUBLE_CLICK]):
        html.Span(name)
        _button(f"fit-{name.lower()}", "mdi-fit-to-page-outline", f"'Fit the {name} view'", view.reset_view)
        icon = f"{LARGE} ? 'mdi-fullscreen-exit' : 'mdi-fullscreen'"
        words = f"{LARGE} ? 'Show all views' : 'Show the {name} view alone'"
        _button(f"large-{name.lower()}", (icon,), words, f"{LARGE} = {LARGE} ? '' : '{tag}'")


def _button(name: str, icon: str | tuple[str], words: str, click: object) -> None:
    look = {"size": "x-small", "variant": "text", "theme": "dark"}
    v3.VBtn(icon=icon, id=name, click=click, title=(words,), raw_attrs=aria(label=(words,)), **look)

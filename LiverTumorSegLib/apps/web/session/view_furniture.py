"""What stands over a view's picture in the page: its name and buttons, labels, numbers, lines and a slider."""

from __future__ import annotations

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_client.widgets.core import AbstractElement
from trame_server import Server
from trame_slicer.app.logic.slice_view_logic import connect_slice_view_slider_to_state
from trame_slicer.views import SliceView, ThreeDView

from .aria import aria

LARGE_VIEW = "large"
"""State: tag of the view that is shown alone; empty for all."""

NOTHING_SHOWN: dict[str, Any] = {
    "edges": None,
    "place": "",
    "bar": None,
    "size_mm": None,
    "numbers": [],
    "lines": [],
    "ellipses": [],
    "measured": [],
}
"""What is shown over a picture, where there is none."""

POINTED: dict[str, Any] = {
    "hu": {"tag": "", "words": ""},
    "draft": {"tag": "", "words": "", "x": 0, "y": 0, "lines": [], "ellipses": []},
}
"""States of the browser alone: what the CT is under the pointer, and the measurement that is being drawn."""

_NO_DOUBLE_CLICK = "@dblclick.stop"
"""Two clicks on a button are no double click on the view."""


def shown_state(tag: str) -> str:
    """The state that says what is shown over a view's picture; the browser takes it from the picture."""
    return f"{tag.lower()}_shown"


def add_slice_controls(server: Server, tag: str, view: SliceView) -> None:
    """Furniture of a slice view."""
    name, shown = view.get_orientation(), shown_state(tag)
    server.state.setdefault(shown, NOTHING_SHOWN)
    server.state.client_only(shown)
    with html.Div(v_if=(f"{shown}.edges",), classes="lts-edges", raw_attrs=aria(hidden="true")):
        html.Span("{{ side }}", v_for=f"(side, edge) in {shown}.edges", key="edge", classes=("`lts-${edge}`",))
    _add_drawings(tag, shown)
    _add_points(server, f"{tag.lower()}_points")
    _add_corner(name, tag, view)
    _add_words(name, tag, shown)
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
        raw_attrs=[*aria(label=f"{name} slice", valuetext=(f"{shown}.place",)), _NO_DOUBLE_CLICK],
    )


def add_3d_controls(_server: Server, tag: str, view: ThreeDView) -> None:
    """Furniture of a view in 3D."""
    _add_corner("3D", tag, view)


def _add_words(name: str, tag: str, shown: str) -> None:
    """Where the slice lies, how dense the CT is under the pointer, and how large a millimetre is."""
    with html.Div(classes="lts-place"):
        html.Div(
            "{{ hu.words }}",
            v_if=(f"hu.tag === '{tag}'",),
            id=f"hu-{name.lower()}",
            raw_attrs=aria(hidden="true"),
        )
        html.Span(f"{{{{ {shown}.place }}}}", id=f"place-{name.lower()}")
    html.Div(
        f"{{{{ {shown}.bar.words }}}}",
        v_if=(f"{shown}.bar",),
        classes="lts-bar",
        id=f"bar-{name.lower()}",
        style=(f"`width: ${{{shown}.bar.percent}}%`",),
        raw_attrs=aria("img", label=(f"`Scale bar of ${{{shown}.bar.words}}`",)),
    )


_PLACED = "`left: ${each.x}%; top: ${each.y}%`"
_SHAPES = {"line": ("x1", "y1", "x2", "y2"), "ellipse": ("cx", "cy", "rx", "ry")}
"""Elements of a drawing, and what places each in percent of the picture."""


def _add_drawings(tag: str, shown: str) -> None:
    """Diameters, measurements, the one that is being drawn, and the numbers of lesions."""
    with html.Svg(classes="lts-drawings", raw_attrs=aria(hidden="true")):
        for drawn, when in ((shown, "true"), ("draft", f"draft.tag === '{tag}'")):
            with AbstractElement("g", v_if=(when,)):
                for shape, ends in _SHAPES.items():
                    placed = [f':{end}="`${{each.{end}}}%`"' for end in ends]
                    AbstractElement(
                        shape,
                        v_for=f"(each, n) in {drawn}.{shape}s",
                        key="n",
                        classes=("each.look",),
                        raw_attrs=placed,
                    )
    html.Span(
        "{{ each.words }}",
        v_for=f"each in {shown}.numbers",
        key="each.number",
        classes=("['lts-number', each.chosen ? 'lts-chosen' : '']",),
        style=(_PLACED,),
        raw_attrs=aria(hidden="true"),
    )
    html.Span(
        "{{ draft.words }}",
        v_if=(f"draft.tag === '{tag}'",),
        classes="lts-measured",
        style=("`left: ${draft.x}%; top: ${draft.y}%`",),
    )
    with html.Span(
        v_for=f"each in {shown}.measured",
        key="each.n",
        classes=("['lts-measured', each.left ? 'lts-to-left' : '']",),
        style=(_PLACED,),
    ):
        html.Span("{{ each.words }}")
        html.Button(
            "×",
            type="button",
            click="window.trame.trigger('remove_measurement', [each.n])",
            title="Remove",
            raw_attrs=[*aria(label=("`Remove: ${each.words}`",)), _NO_DOUBLE_CLICK],
        )


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

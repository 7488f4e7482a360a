"""The look of liver and lesions in the views, and the menu of window presets."""

from __future__ import annotations

from typing import Any

import slicer
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.labels import LESION, LIVER
from ..aria import aria
from ..session import Session
from ..views import PRESETS
from .base import Section

_FIRST = {"fill": 40, "outline": True, "liver_3d": 40, "show_liver": True, "show_lesions": True, "overlay": True}
_SLIDERS = {"fill": "Fill in the slices", "liver_3d": "Liver in 3D"}
_SWITCHES = {
    "overlay": "In the slices (H)",
    "outline": "Outline",
    "show_liver": "Show liver",
    "show_lesions": "Show lesions",
}


class AppearanceSection(Section):
    """Opacity and what is shown, for this result and those that follow."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._done: tuple[str, ...] = ()

    def build(self) -> None:
        """Sliders and switches in a part that opens."""
        self.state.update(_FIRST)
        with html.Details(v_if=("has_result",), id="appearance", classes="lts-part"):
            html.Summary("Appearance")
            for name, words in _SLIDERS.items():
                _slider(name, words)
            with html.Div(classes="lts-switches"):
                for name, words in _SWITCHES.items():
                    v3.VCheckbox(
                        v_model=(name,), label=words, id=name.replace("_", "-"), density="compact", hide_details=True
                    )
        self.state.change(*_FIRST)(self._on_choice)

    def show(self) -> None:
        """Show segments that are new as was chosen for those before."""
        nodes = self.session.nodes
        if nodes is None:
            self._done = ()
            return
        there = (nodes.segmentation.GetID(), *nodes.segmentation.GetSegmentation().GetSegmentIDs())
        if there != self._done:
            self._done = there
            self._apply()

    def _on_choice(self, **_: Any) -> None:
        if self.session.nodes:
            self._apply()

    def _apply(self) -> None:
        """Segments keep an opacity each, which tells the chosen lesion; what is set here counts beside it."""
        nodes, state = self.session.nodes, self.state
        display = nodes.segmentation.GetDisplayNode() if nodes else None
        if nodes is None or display is None:
            return
        wasmodified = display.StartModify()
        display.SetOpacity2DFill(state.fill / 100)
        display.SetVisibility2DOutline(bool(state.outline))
        display.SetVisibility2D(bool(state.overlay))
        shown = {LIVER.label: bool(state.show_liver), LESION.label: bool(state.show_lesions)}
        for name in nodes.segmentation.GetSegmentation().GetSegmentIDs():
            kind = nodes.segments.get(name, LESION.label)
            display.SetSegmentVisibility(name, shown[kind])
            if kind == LIVER.label:
                display.SetSegmentOpacity3D(name, state.liver_3d / 100)
        display.EndModify(wasmodified)


def _slider(name: str, words: str) -> None:
    with html.Label(classes="lts-slide"):
        html.Span(words)
        html.Input(
            type="range",
            min=0,
            max=100,
            step=5,
            value=(name,),
            input=f"{name} = Number($event.target.value)",
            id=name.replace("_", "-"),
            raw_attrs=aria(label=words, valuetext=(f"`${{{name}}} percent`",)),
        )
        html.Span(f"{{{{ {name} }}}} %")


class WindowSection(Section):
    """Grey values of the CT; dragging the left mouse button in a slice view changes them too."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched: slicer.vtkMRMLScalarVolumeDisplayNode | None = None

    def build(self) -> None:
        """A button that opens the menu."""
        self.state.window_said = ""  # a state named "window" would hide the browser's own from every template
        with v3.VMenu():
            with (
                v3.Template(v_slot_activator="{ props }"),
                v3.VBtn(
                    v_bind="props",
                    id="window",
                    disabled=("!window_said",),
                    append_icon="mdi-menu-down",
                    variant="text",
                ),
            ):
                html.Span("Window", classes="lts-wide mr-1")
                html.Span("{{ window_said }}")
            with v3.VList(density="compact"):
                for name, (width, level) in PRESETS.items():
                    v3.VListItem(
                        title=name.capitalize(),
                        subtitle=_window_text(width, level),
                        id=f"window-{name}",
                        click=(self._on_preset, f"['{name}']"),
                    )
        self.session.server.trigger("choose_window")(self._on_number)

    def show(self) -> None:
        """Follow the CT's grey values."""
        volume = self.session.volume
        display = volume.GetDisplayNode() if volume else None
        if display is not self._watched:
            self._watched = display
            if display:
                display.AddObserver("ModifiedEvent", self._tell)
            self._tell()

    def _tell(self, *_: Any) -> None:
        display = self._watched
        self.state.window_said = _window_text(display.GetWindow(), display.GetLevel()) if display else ""

    def _on_number(self, number: int) -> None:
        """Take the preset at a place of the menu, counted from 1."""
        self._on_preset(dict(enumerate(PRESETS, start=1)).get(number, ""))

    def _on_preset(self, name: str) -> None:
        if self.session.volume and name in PRESETS:
            self.session.views.window(self.session.volume, name)


def _window_text(width: float, level: float) -> str:
    return f"{width:.0f} / {level:.0f} HU"

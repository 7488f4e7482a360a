"""How liver and lesions look in the views."""

from __future__ import annotations

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ....segments import LESION, LIVER
from ..aria import aria
from ..session import Session
from .section import Section

_FIRST = {"fill": 40, "outline": True, "liver_3d": 40, "show_liver": True, "show_lesions": True}
_SLIDERS = {"fill": "Fill in the slices", "liver_3d": "Liver in 3D"}
_SWITCHES = {"outline": "Outline", "show_liver": "Show liver", "show_lesions": "Show lesions"}


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
        """What is chosen, for segments that are new."""
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

"""Looking at the CT: its density under the pointer, a crosshair in all views, rulers and ellipses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import slicer.util
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_slicer.views import SliceView

from .....core.volume import Volume
from ....panel.mrml_volumes import from_world
from ..aria import aria
from ..looking.measurements import Measurement, MeasuringTool, draw_measurements, length_mm, measure_ellipse
from ..looking.pictures import Shown
from ..looking.slice_place import place_words
from ..looking.view_plane import ViewPlane
from ..session import Session
from .base import Section
from .help import HelpSheet

_NO_TOOL = ""
_BUTTONS = {
    MeasuringTool.RULER: ("mdi-ruler", "Ruler (R): drag in a slice view"),
    MeasuringTool.ELLIPSE: ("mdi-ellipse-outline", "Ellipse (E): drag in a slice view"),
}
_MOST = 100
"""Measurements in a CT; the first makes room."""


class LookSection(Section):
    """What a reader asks of the CT in the slice views; the measurements go with the CT."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._measured: list[Measurement] = []
        self._count = 0
        self._seen: Any = None
        self._help = HelpSheet()

    def build(self) -> None:
        """Buttons of the tools, one that hides what is drawn over the CT, and one for the keys."""
        self.state.update({"measuring": _NO_TOOL, "measured_said": "", "overlay": True})
        for tool, (icon, words) in _BUTTONS.items():
            pressed = f"measuring === '{tool.value}'"
            self._button(tool.value, icon, f"'{words}'", f"measuring = {pressed} ? '' : '{tool.value}'", pressed)
        eye, words = (
            "overlay ? 'mdi-eye-outline' : 'mdi-eye-off-outline'",
            "'Liver, lesions and numbers in the slices (H)'",
        )
        self._button("overlay-button", (eye,), words, "overlay = !overlay", "overlay")
        html.Span("{{ measured_said }}", id="measured-said", classes="lts-unseen", raw_attrs=aria("status"))
        self._help.build()
        self.state.change("measuring")(self._on_tool)
        self.state.change("tool", "click_mode")(self._on_other_tool)
        triggers = {"hu_at": self.hu_at, "look_at": self.look_at, "step_slices": self.step_slices}
        triggers |= {"look_away": self.session.views.leave, "measure": self.measure, "remove_measurement": self.remove}
        for name, work in triggers.items():
            self.session.server.trigger(name)(work)
        self.session.views.layers.append(self._layer)

    @staticmethod
    def _button(name: str, icon: str | tuple[str], words: str, click: str, pressed: str) -> None:
        v3.VBtn(
            icon=icon,
            id=name,
            click=click,
            disabled=("!ct_name",),
            color=(f"{pressed} ? 'primary' : undefined",),
            title=(words,),
            size="small",
            raw_attrs=aria(label=(words,), pressed=(pressed,)),
        )

    def show(self) -> None:
        """Forget the measurements of another CT."""
        if self._seen is not self.session.volume:
            self._seen = self.session.volume
            self._measured, self._count = [], 0
            self.state.update({"measuring": _NO_TOOL, "measured_said": ""})

    def hu_at(self, tag: str, right: float, down: float) -> str:
        """What the CT is at a place of a view's picture, in percent: position and HU; empty outside."""
        place = self._place(tag, right, down)
        if place is None:
            return ""
        voxels = slicer.util.arrayFromVolume(self.session.volume)
        i, j, k = np.rint(from_world(self.session.volume, place[None])[0]).astype(int).tolist()
        if not all(0 <= at < size for at, size in zip((k, j, i), voxels.shape, strict=True)):
            return ""
        return f"{place_words(place.tolist())}: {int(voxels[k, j, i])} HU"

    def look_at(self, tag: str, right: float, down: float) -> None:
        """Put the crosshair at a place of a view's picture that was clicked at, and bring the other views there."""
        place = self._place(tag, right, down)
        if place is not None and self.state.tool == "none" and not self.state.click_mode:
            r, a, s = place.tolist()
            self.session.views.look_at(tag, (r, a, s), self.session.volume)

    def step_slices(self, tag: str, steps: float) -> None:
        """Go so many slices on in a view, as far as there are any."""
        view = self._view(tag)
        if view is not None and _is_number(steps):
            low, high = view.get_slice_range()
            view.set_slice_value(min(high, max(low, view.get_slice_value() + steps * view.get_slice_step())))

    def measure(self, tool: str, tag: str, *shares: float) -> None:
        """Measure between two places of a view's picture, in percent: along a line, or in the ellipse of a box."""
        ends = [self._place(tag, *shares[at : at + 2]) for at in (0, 2)] if len(shares) == 4 else [None]
        view = self._view(tag)
        if view is None or any(end is None for end in ends) or tool not in [each.value for each in MeasuringTool]:
            return
        chosen, plane, places = MeasuringTool(tool), ViewPlane.of(view, self.session.volume), np.array(ends)
        words = self._words(chosen, places, plane)
        self._count += 1
        self._measured = [*self._measured, Measurement(self._count, chosen, tag, plane, places, words)][-_MOST:]
        self.state.measured_said = f"{chosen.value.capitalize()}: {words}".replace("\n", ", ")
        self.session.views.draw()

    def _words(self, tool: MeasuringTool, ends: Any, plane: ViewPlane) -> str:
        if tool is MeasuringTool.RULER:
            return f"{length_mm(ends):.1f} mm"
        return measure_ellipse(ends, plane, self._ct.voxels, self._ct.affine).in_words

    @property
    def _ct(self) -> Volume:
        return self.session.jobs.volumes.of(self.session.volume)

    def remove(self, n: int | None = None) -> None:
        """Remove a measurement by its number, or the last one."""
        wanted = self._measured[-1].n if n is None and self._measured else n
        self._measured = [one for one in self._measured if one.n != wanted]
        self.state.measured_said = ""
        self.session.views.draw()

    def _layer(self, view: SliceView, plane: ViewPlane) -> Shown:
        return draw_measurements(self._measured, view.get_singleton_tag(), plane)

    def _view(self, tag: str) -> SliceView | None:
        return self.session.views.slices.get(tag) if self.session.volume else None

    def _place(self, tag: str, right: float, down: float) -> Any:
        view = self._view(tag)
        if view is None or not (_is_number(right) and _is_number(down)):
            return None
        return ViewPlane.of(view, self.session.volume).place(min(100, max(0, right)), min(100, max(0, down)))

    def _on_tool(self, measuring: str, **_: Any) -> None:
        if measuring:
            self.state.tool, self.state.click_mode = "none", ""

    def _on_other_tool(self, tool: str, click_mode: str, **_: Any) -> None:
        if tool != "none" or click_mode:
            self.state.measuring, self.state.overlay = _NO_TOOL, True  # what is changed has to be seen


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)

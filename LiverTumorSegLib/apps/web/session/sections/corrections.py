"""Paint, erase and remove; the table is measured again at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.labels import LESION, LIVER
from ....panel.mrml_results import ResultNodes
from ..aria import aria
from ..candidate_steps import CandidateSteps
from ..edited_segments import CorrectedSegments
from ..live_measures import LiveMeasures
from ..painting import LARGEST_MM, SMALLEST_MM, Corrections, Tool
from ..session import Session
from .base import Section, heading
from .outside import OutsideSection

_PAUSE_SECONDS = 1.0
"""After the last stroke, before surfaces are made: who paints makes several."""

_STEP_SECONDS = 0.05

_FIRST_MM = 12
_KINDS = {"lesion": LESION, "liver": LIVER}


class CorrectionSection(Section):
    """Changes the segments of the result by hand.

    ``take_back_click`` is asked before each undo whether it dropped a click that has no answer yet, and
    ``before_measuring`` is called with the result before the table is measured again, ``look_again`` once other
    candidates are lesions.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.corrections = Corrections(session.scene.segmentation_editor, self._on_change, self._keep_surfaces)
        self._outside, self._live = OutsideSection(session), LiveMeasures(session.jobs)
        self.corrections.ask_outside = self._outside.ask
        self._candidates = CandidateSteps(session.jobs, self.corrections, self._on_candidates)
        self.take_back_click: Callable[[], bool] = lambda: False
        self.before_measuring: Callable[[ResultNodes], None] = lambda _nodes: None
        self.look_again: Callable[[], None] = lambda: None
        self._taken: ResultNodes | None = None
        self._following: asyncio.Task[None] | None = None
        self._surfaces: Callable[[], None] | None = None

    def build(self) -> None:
        """Tools, brush, and the steps back and forth."""
        self.state.update({"tool": "none", "kind": "lesion", "brush_mm": _FIRST_MM, "sphere": True})
        self.state.update({"can_undo": False, "can_redo": False, "outdated": False, "looking": False})
        with html.Div(v_if=("has_result",), id="corrections"):
            heading("Correct")
            self._build_tools()
            with html.Div(v_if=("tool !== 'none'",)):
                self._build_brush()
            with html.Div(v_if=("tool !== 'none' || outside_kept !== 'ask'",)):
                self._outside.build_kept()
            with html.Div(classes="d-flex flex-wrap ga-2"):
                self._button("remove", "Remove lesion", self._on_remove, "row < 0 || !idle || segmenting")
                self._button("undo", "Undo", self._on_undo, "!(can_undo || looking) || segmenting")
                self._button("redo", "Redo", self.corrections.redo, "!can_redo || segmenting")
        self._outside.build()
        self.state.change("tool", "kind")(lambda **_: self._use())
        self.state.change("segmenting")(self._on_segmenting)
        self.state.change("brush_mm", "sphere")(lambda **_: self._set_brush())

    def _build_tools(self) -> None:
        self._toggle("tool", "Tool", {"none": "Move", "paint": "Paint", "erase": "Erase"})
        self._toggle("kind", "Of what", {"lesion": "Lesion", "liver": "Liver"})

    @staticmethod
    def _toggle(name: str, label: str, buttons: dict[str, str]) -> None:
        """One of several buttons stays pressed."""
        look = {"density": "compact", "variant": "outlined", "divided": True}
        with v3.VBtnToggle(
            v_model=(name,), mandatory=True, disabled=("segmenting",), raw_attrs=aria(label=label), **look
        ):
            for value, words in buttons.items():
                v3.VBtn(words, value=value, id=f"{name}-{value}", size="small")

    def _build_brush(self) -> None:
        limits = {"min": SMALLEST_MM, "max": LARGEST_MM, "step": 1}
        label = "`Brush ${brush_mm} mm`"
        v3.VSlider(v_model=("brush_mm",), label=(label,), id="brush", density="compact", hide_details=True, **limits)
        v3.VCheckbox(v_model=("sphere",), label="Also in the slices around", density="compact", hide_details=True)

    @staticmethod
    def _button(name: str, words: str, click: object, disabled: str) -> None:
        v3.VBtn(words, id=name, click=click, disabled=(disabled,), size="small", variant="tonal")

    def show(self) -> None:
        """Take up a new result, and say what can be undone."""
        nodes = self.session.nodes
        if nodes is not self._taken:
            self._taken = nodes
            self.state.tool, self.state.outdated = "none", False
            self._surfaces = None
            self._outside.forget()
            self._live.forget()
            self.panel.attempt(lambda: self.corrections.begin(nodes) if nodes else self.corrections.end())
            self._set_brush()
        self.state.can_undo, self.state.can_redo = self.corrections.can_undo, self.corrections.can_redo

    def _use(self) -> None:
        tool = None if self.state.tool == "none" else Tool(self.state.tool)
        self.panel.attempt(lambda: self.corrections.use(tool, _KINDS[self.state.kind]))

    def _on_segmenting(self, segmenting: bool, **_: Any) -> None:
        """Put the brush away: strokes would be lost with the result that they are painted into."""
        if segmenting:
            self.state.tool = "none"

    def _set_brush(self) -> None:
        self.corrections.set_brush(float(self.state.brush_mm), sphere=bool(self.state.sphere))

    def _on_remove(self) -> None:
        self.panel.attempt(lambda: self.corrections.remove(self.state.row))
        self.state.row = -1

    def _on_undo(self) -> None:
        if not (self._outside.take_back() or self.take_back_click()):
            self.corrections.undo()

    def choose(self, nodes: ResultNodes, sensitivity: float) -> None:
        """Take other candidates for lesions, which is a step as painting is, but by itself no correction.

        Raises:
            UserError: as :meth:`.candidate_steps.CandidateSteps.choose`.
        """
        corrected = self.session.corrected

        def done() -> None:
            self.session.corrected = corrected
            self.session.tell()

        self._candidates.choose(nodes, sensitivity, done)

    def _on_candidates(self) -> None:
        self._live.forget()
        self.look_again()

    def _on_change(self) -> None:
        self.session.corrected = True
        self.session.strokes += 1
        with self.state as state:
            self.show()
            state.outdated = True
            state.brush_mm = round(self.corrections.diameter_mm)  # the mouse wheel with Shift changes it, too
        if self._following is None or self._following.done():
            self._following = self.session.start(self._follow())
        self._changed_at = asyncio.get_running_loop().time()

    async def _follow(self) -> None:
        """Measure at once; surfaces are made once nothing was changed for a while, since that holds up all else."""
        clock = asyncio.get_running_loop().time
        while self.corrections.is_changed or self._surfaces is not None:
            nodes, segments = self.session.nodes, self.corrections.segments
            if self.corrections.is_changed and nodes and segments and not self.panel.measuring:
                await self._measure(nodes, segments)
            elif not self.corrections.is_changed and clock() - self._changed_at > _PAUSE_SECONDS:
                self._make_surfaces()
            else:
                await asyncio.sleep(_STEP_SECONDS)

    async def _measure(self, nodes: ResultNodes, segments: CorrectedSegments) -> None:
        """The views show the change meanwhile."""
        self.before_measuring(nodes)
        await self._live.bring_up_to_date(nodes, segments)
        with self.state as state:
            self.session.tell()
            state.outdated = self.corrections.is_changed

    def _keep_surfaces(self, make: Callable[[], None]) -> None:
        self._surfaces = make

    def _make_surfaces(self) -> None:
        make, self._surfaces = self._surfaces, None
        if make is not None:
            self.panel.later(make)

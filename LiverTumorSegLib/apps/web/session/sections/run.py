"""The button that segments and cancels, with progress and errors, and the question before corrections are replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from ....panel import texts
from ....panel.job_runner import IDLE, PanelState
from ....panel.mrml_jobs import Request
from ....panel.mrml_results import ResultNodes
from ....panel.mrml_segmentations import SegmentOutput
from ..aria import aria
from ..session import Session
from .base import Section

_APPLICATION = "in a browser"


class SegmentSection(Section):
    """Starts and stops segmenting, and shows how far it is."""

    def build(self) -> None:
        """Button, bar, stage, and the error where there is one."""
        self.state.update({"button": "", "busy": False, "can_run": False, "percent": 0, "stage": ""})
        self.state.update({"error": "", "details": "", "opened": False, "segmenting": False})
        v3.VBtn(
            "{{ button }}",
            id="segment",
            click=self._on_button,
            disabled=("!can_run",),
            color=("busy ? 'secondary' : 'primary'",),
            block=True,
            size=("has_result ? 'default' : 'large'",),
            classes="mt-2 mb-1",
        )
        v3.VProgressLinear(
            v_show=("busy",),
            model_value=("percent",),
            height=6,
            id="progress",
            color="primary",
            raw_attrs=aria(label="Progress"),
        )
        html.Div("{{ stage }}", id="stage", classes="lts-note", raw_attrs=aria("status"))
        self._build_error()

    def _build_error(self) -> None:
        with v3.VAlert(v_if=("error",), type="error", variant="tonal", density="compact", id="error"):
            html.Div("{{ error }}")
            look = {"size": "small", "variant": "text", "color": "error"}
            v3.VBtn("{{ opened ? 'Hide details' : 'Details' }}", click="opened = !opened", id="details", **look)
            v3.VBtn(
                "Copy for a bug report",
                click="window.navigator.clipboard.writeText(details)",
                v_show=("opened",),
                id="copy-details",
                **look,
            )
            html.Pre("{{ details }}", v_if=("opened",), classes="lts-details", tabindex=0)

    def show(self) -> None:
        """Button, bar and words of the panel's state."""
        panel = self.panel
        idle = panel.state in IDLE and self.session.volume is not None
        self.state.busy, self.state.button = panel.busy, texts.button(panel)
        self.state.segmenting = self.state.segmenting and panel.busy
        self.state.can_run = panel.state is not PanelState.CANCELLING and (panel.busy or idle)
        self.state.percent = round(100 * panel.fraction, 1)
        self.state.stage = texts.state(panel)
        self.state.error = panel.error
        self.state.details = texts.details(panel, _APPLICATION) if panel.error else ""

    def _on_button(self) -> None:
        if self.panel.busy:
            self.panel.cancel()
        elif self.session.nodes and self.session.corrected:
            self.session.ask("Segment again", "Your corrections will be replaced.", self._start)
        else:
            self._start()

    def _start(self) -> None:
        if not self.panel.busy:
            self.panel.attempt(self._segment)

    def _segment(self) -> None:
        if self.session.volume is None:
            return
        choices = self.session.choices
        output = SegmentOutput(one_each=choices.one_each)
        request = Request(self.session.volume, settings=choices.settings, output=output)
        self.state.segmenting = True
        self.session.jobs.segment(request, self._on_done)

    def _on_done(self, nodes: ResultNodes) -> None:
        before, self.session.nodes = self.session.nodes, nodes
        self.session.corrected = False
        if before is not None:
            self.session.forget(before)
        self.session.tell()
        self.panel.later(self.session.views.frame_3d)


class QuestionSection(Section):
    """Asks one question at a time; nothing is done unless the answer is yes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._then: Callable[[], None] = _do_nothing

    def build(self) -> None:
        """A dialog with two buttons."""
        self.state.update({"asking": False, "question": "", "loss": "", "answer": ""})
        with (
            v3.VDialog(v_model=("asking",), max_width=420, raw_attrs=aria(label=("question",))),
            v3.VCard(title=("question",), text=("loss",), id="replace"),
            v3.VCardActions(),
        ):
            v3.VSpacer()
            v3.VBtn("Keep them", click="asking = false", id="replace-no", autofocus=True)
            v3.VBtn("{{ answer }}", click=self._on_yes, id="replace-yes", color="primary", variant="flat")
        self.state.change("asking")(self._on_asking)

    def show(self) -> None:
        """Nothing here depends on jobs."""

    def ask(self, answer: str, loss: str, then: Callable[[], None]) -> None:
        """Ask before doing something.

        Args:
            answer: what is done, in a word or two, for the button.
            loss: what is lost by it, a sentence.
            then: does it.
        """
        self._then = then
        self.state.update({"question": f"{answer}?", "answer": answer, "loss": loss, "asking": True})

    def _on_yes(self) -> None:
        self.state.asking = False
        then, self._then = self._then, _do_nothing
        self.panel.attempt(then)

    def _on_asking(self, asking: bool, **_: Any) -> None:
        """Forget what was not agreed to: it may hold a whole CT."""
        if not asking:
            self._then = _do_nothing


def _do_nothing() -> None:
    pass

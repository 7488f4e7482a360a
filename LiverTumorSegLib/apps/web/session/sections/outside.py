"""The question what becomes of a new lesion that goes beyond the liver, and the answer that is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from trame.widgets import vuetify3 as v3

from ..aria import aria
from ..outside_liver import Outside, OutsidePart
from ..session import Session
from .base import Section

_ASK = "ask"
_KEPT = {_ASK: "Ask each time", Outside.WITHIN.value: "Paint within the liver", Outside.ADD.value: "Add to the liver"}


class OutsideSection(Section):
    """Asks about one stroke or click after the other; what is not answered is not done.

    What was chosen for the rest of the session stands beside the brush, where it can be changed.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._waiting: deque[tuple[OutsidePart, Callable[[Outside], None]]] = deque()

    def build(self) -> None:
        """A dialog with three buttons, and the box that keeps the answer."""
        self.state.update({"outside_asking": False, "outside_said": "", "outside_kept": _ASK, "outside_keep": False})
        title = "Lesion outside the liver?"
        with (
            v3.VDialog(v_model=("outside_asking",), max_width=480, raw_attrs=aria(label=title)),
            v3.VCard(title=title, text=("outside_said",), id="outside"),
        ):
            v3.VCheckbox(
                v_model=("outside_keep",),
                label="Do so for the rest of this session",
                id="outside-keep",
                density="compact",
                hide_details=True,
                classes="mx-3",
            )
            with v3.VCardActions(classes="flex-wrap"):
                v3.VSpacer()
                v3.VBtn("Take back", click=(self._on_answer, "['nothing']"), id="outside-nothing")
                v3.VBtn("Add to the liver", click=(self._on_answer, "['add']"), id="outside-add")
                v3.VBtn(
                    "Only within the liver",
                    click=(self._on_answer, "['within']"),
                    id="outside-within",
                    color="primary",
                    variant="flat",
                    autofocus=True,
                )
        self.state.change("outside_asking")(self._on_asking)

    def build_kept(self) -> None:
        """What is done with the next strokes, beside the brush."""
        items = [{"value": value, "title": words} for value, words in _KEPT.items()]
        v3.VSelect(
            v_model=("outside_kept",),
            items=("outside_choices", items),
            label="A lesion outside the liver",
            id="outside-kept",
            density="compact",
            hide_details=True,
        )

    def show(self) -> None:
        """Nothing here depends on jobs."""

    def ask(self, part: OutsidePart, then: Callable[[Outside], None]) -> None:
        """Ask what becomes of a stroke or a click, or do what was chosen for all.

        Args:
            part: of its lesion, outside the liver.
            then: does it; called in any case.
        """
        if self.state.outside_kept in (Outside.WITHIN.value, Outside.ADD.value):
            then(Outside(self.state.outside_kept))
            return
        self._waiting.append((part, then))
        with self.state:
            self._show_next()

    def take_back(self) -> bool:
        """Answer the question that is seen as *Take back* does; False where none is."""
        is_asking = bool(self._waiting)
        self._on_answer(Outside.NOTHING.value)
        return is_asking

    def forget(self) -> None:
        """Drop what was not answered, as the strokes of another result."""
        dropped = list(self._waiting)
        self._waiting.clear()
        self.state.outside_asking = False
        for _, then in dropped:
            self.panel.attempt(partial(then, Outside.NOTHING))

    def _show_next(self) -> None:
        if self._waiting:
            self.state.update({"outside_said": self._waiting[0][0].in_words, "outside_asking": True})

    def _on_answer(self, answer: str) -> None:
        if not self._waiting or answer not in {each.value for each in Outside}:
            return
        _, then = self._waiting.popleft()
        if self.state.outside_keep and answer in _KEPT:
            self.state.outside_kept = answer
        self.state.update({"outside_asking": False, "outside_keep": False})
        self.panel.attempt(partial(then, Outside(answer)))
        while self._waiting and self.state.outside_kept != _ASK:
            _, then = self._waiting.popleft()
            self.panel.attempt(partial(then, Outside(self.state.outside_kept)))
        self._show_next()

    def _on_asking(self, outside_asking: bool, **_: Any) -> None:
        """A dialog that was put away without an answer takes the stroke or click back."""
        if not outside_asking and self._waiting:
            self.panel.attempt(partial(self._waiting.popleft()[1], Outside.NOTHING))
            self._show_next()

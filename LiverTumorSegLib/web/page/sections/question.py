"""A question before something is lost that the user made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trame.widgets import vuetify3 as v3

from ..aria import aria
from ..session import Session
from .section import Section


class QuestionSection(Section):
    """Asks one question at a time; nothing is done unless the answer is yes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._then: Callable[[], None] = _nothing

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
        then, self._then = self._then, _nothing
        self.panel.attempt(then)

    def _on_asking(self, asking: bool, **_: Any) -> None:
        """What is not done is let go: it may hold a whole CT."""
        if not asking:
            self._then = _nothing


def _nothing() -> None:
    pass

"""The result's way into an archive that the server lists: asked once, with patient and archive named."""

from __future__ import annotations

import asyncio

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.errors import UserError
from ..archive_link import KnownArchive, Stopped
from ..aria import aria
from ..dicom_results import MadeObjects
from ..session import Session
from ..source_patient import SourcePatient
from .base import Section, heading

_FACTS = (
    ("Archive", "archive"),
    ("Patient", "patient"),
    ("ID", "number"),
    ("Study of", "day"),
    ("Accession", "accession"),
)
_ADDED = "A segmentation and a report are added to the study. Nothing there is changed or deleted."


class SendSection(Section):
    """A button an archive, the question, and what came of it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._to: KnownArchive | None = None
        self._shown = 0

    def build(self) -> None:
        """Buttons and the dialog."""
        self.state.update({"send_names": [], "sending": "", "sent": "", "send_error": "", "send_asked": False})
        self.state.update({f"send_{name}": "" for _, name in _FACTS})
        with html.Div(v_if=("has_result && from_dicom && send_names.length",), id="sending"):
            heading("Send")
            v3.VBtn(
                "To {{ name }}…",
                v_for="(name, n) in send_names",
                key="name",
                click=(self._on_send, "[n]"),
                disabled=("writing || outdated || !idle || sending !== ''",),
                size="small",
                variant="tonal",
                classes="text-none mr-2 mb-2 send-to",
            )
            html.Div("{{ sending || sent }}", id="sent", classes="lts-note", raw_attrs=aria("status"))
            with v3.VAlert(v_if=("send_error",), id="send-error", type="error", variant="tonal", density="compact"):
                html.Div("{{ send_error }}")
        self._build_dialog()

    def _build_dialog(self) -> None:
        with (
            v3.VDialog(v_model=("send_asked",), max_width=460, raw_attrs=aria(label="Send to the archive?")),
            v3.VCard(title="Send to the archive?", id="send-dialog"),
        ):
            with v3.VCardText(), html.Dl(classes="lts-facts"):
                for words, name in _FACTS:
                    html.Dt(words)
                    html.Dd(f"{{{{ send_{name} }}}}", id=f"send-{name}")
            v3.VCardText(_ADDED)
            with v3.VCardActions():
                v3.VSpacer()
                v3.VBtn("Do not send", click="send_asked = false", id="send-no", autofocus=True)
                v3.VBtn("Send", click=self._on_yes, id="send-yes", color="primary", variant="flat")

    def show(self) -> None:
        """What was sent is no more said once the table is another."""
        self.state.send_names = [archive.name for archive in self._goals]
        nodes = self.session.nodes
        shown = nodes.table.GetMTime() if nodes else 0
        if shown != self._shown:
            self._shown = shown
            self.state.sent = self.state.send_error = ""

    @property
    def _goals(self) -> list[KnownArchive]:
        return [archive for archive in self.session.archives.archives if archive.send]

    def _on_send(self, number: int) -> None:
        if 0 <= number < len(self._goals):
            self.panel.attempt(lambda: self._ask(self._goals[number]))

    def _ask(self, to: KnownArchive) -> None:
        session = self.session
        if session.nodes is None or not session.images:
            return
        session.objects.refuse_unchanged(session.nodes)
        of = SourcePatient.of(session.images[0])
        self._to = to
        facts = {"archive": to.name, "patient": of.name, "number": of.number, "day": of.day, "accession": of.accession}
        self.state.update({f"send_{name}": text for name, text in facts.items()})
        self.state.update({"sent": "", "send_error": "", "send_asked": True})

    def _on_yes(self) -> None:
        self.state.send_asked = False
        to, self._to = self._to, None
        if to:
            self.panel.attempt(lambda: self.session.make_objects(lambda made: self._start(made, to)))

    def _start(self, made: MadeObjects, to: KnownArchive) -> None:
        self.session.start(self._send(made, to))

    async def _send(self, made: MadeObjects, to: KnownArchive) -> None:
        with self.state as state:
            state.sending, state.sent, state.send_error = f"Sending to {to.name}…", "", ""
        await asyncio.sleep(0)
        try:
            await self.session.archives.ask("send", at=to.place, folder=made.folder.name)
        except UserError as error:
            self.state.send_error = str(error)
        except Stopped:
            pass
        else:
            self.state.sent = f"{to.name} has the segmentation and the report."
        finally:
            with self.state as state:
                state.sending = ""

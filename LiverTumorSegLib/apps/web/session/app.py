"""The page of one session: its sections beside the views, kept up to date by a timer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import compare_digest
from time import monotonic
from typing import Any

from aiohttp import web
from trame.app import get_server
from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_server import Server
from trame_vuetify.ui.vuetify3 import VAppLayout

from ....core.safe_zip import MOST_BYTES
from ...panel.mrml_jobs import SceneJobs
from ...panel.panel import Panel
from ...worker.protocol import Message
from ..server.session_process import HEADER
from .aria import aria
from .sections.archive_in import ArchiveSection
from .sections.archive_out import SendSection
from .sections.clicks import ClickSection
from .sections.corrections import CorrectionSection
from .sections.display import AppearanceSection, WindowSection
from .sections.input import SourceSection
from .sections.lesion_marks import LesionMarksSection
from .sections.looking import LookSection
from .sections.models import SettingsSection
from .sections.report import ReportSection
from .sections.results import DownloadSection, ResultSection
from .sections.run import QuestionSection, SegmentSection
from .sections.setup import SetupSection
from .server_link import QueuedWorker, ServerLink
from .session import Session, create_scene
from .views import Views

_POLL_SECONDS, _SHOW_SECONDS = 0.02, 0.25
"""A worker tells how far it is more often than a page needs to change."""

_DRAW_SECONDS = 0.2
"""For the slice views to show a result, before the surface of 3D keeps this process busy."""

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("page", "pictures", "clicks", "looking", "keys", "theme")
"""In the order that they are loaded in: the first that takes a key keeps it from the others."""

_NOT_A_DEVICE = "For research only: this is not a medical device."
_PANEL_WORDS = "panel_open ? 'Hide the panel' : 'Show the panel'"
_OTHER_THEME = "theme === 'light' ? 'Dark page' : 'Light page'"
_THEMES = {
    "light": {"colors": {"primary": "#1257a8", "secondary": "#4a5560", "error": "#a3101c", "warning": "#8a4b00"}},
    "dark": {"colors": {"primary": "#90caf9", "secondary": "#b0bec5", "error": "#ff9e9e", "warning": "#ffb866"}},
}
"""Colours that text of 4.5 to 1 is readable in, and on."""

_LOST = """<div class="lts-lost" role="alert"><h1>No connection</h1>
<p>The session has ended, or the program was stopped where it was started.</p>
<p><a href="">Load this session again</a> <a href="/">Open a new session</a></p></div>"""


class PanelApp:
    """The panel of the Slicer module, in a browser.

    Args:
        link: to the front.
        folder: of the session.
        shared: folder of CTs that may be opened.
        ct: opened at once.
        most_bytes: that a zip file may unpack to.
    """

    def __init__(
        self,
        link: ServerLink,
        folder: Path,
        *,
        shared: Path | None = None,
        ct: Path | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        server = get_server(client_type="vue3")
        app = create_scene()
        self._worker = QueuedWorker(link.send, folder)
        panel = Panel(self._worker)
        views = Views(app, server)
        self.session = Session(server, app, views, panel, SceneJobs(panel), link, folder, shared, most_bytes)
        self._ct = ct
        self._source = SourceSection(self.session)
        self._window, self._look = WindowSection(self.session), LookSection(self.session)
        corrections, question = CorrectionSection(self.session), QuestionSection(self.session)
        self.session.ask = question.ask
        setup = SetupSection(
            self.session, self._source, ArchiveSection(self.session, self._source), SettingsSection(self.session)
        )
        self._sections = [setup, SegmentSection(self.session), ResultSection(self.session, corrections.choose)]
        self._sections += [ClickSection(self.session, corrections), corrections, question]
        self._sections += [AppearanceSection(self.session), DownloadSection(self.session)]
        self._sections += [ReportSection(self.session), SendSection(self.session), LesionMarksSection(self.session)]
        self._build(server)
        self._stale = True
        panel.changed.append(self._on_news)
        self.session.changed.append(self._show)

    def run(self, key: str) -> None:
        """Serve until the front is gone; requests that do not carry the key are refused."""
        controller = self.session.server.controller
        controller.on_server_bind.add(lambda bound: bound.app.middlewares.append(_guard(key)))
        controller.on_server_ready.add(self._on_ready)
        sys.argv = sys.argv[:1]  # trame would look for options of its own
        self.session.server.start(
            port=0, host="127.0.0.1", open_browser=False, show_connection_info=False, timeout=0, exec_mode="main"
        )

    def _build(self, server: Server) -> None:
        server.enable_module(
            {
                "serve": {"__lts": str(_STATIC)},
                "scripts": [(f"__lts/{name}.js", {"serial": "lts"}) for name in _SCRIPTS],
                "styles": ["__lts/page.css"],
            }
        )
        server.state.update(
            {"trame__title": "LiverTumorSeg", "trame__favicon": None, "theme": "light", "panel_open": True}
        )
        server.state.update({"trame__template_error": _LOST, "trame__template_error_reconnect": _LOST})
        with VAppLayout(server, vuetify_config={"theme": {"themes": _THEMES}}) as layout:
            layout.root.theme = ("theme",)
            with v3.VAppBar(density="compact", flat=True, border=True):
                self._build_bar()
            with v3.VMain(classes=("['lts-main', panel_open ? '' : 'lts-folded', ct_name ? '' : 'lts-empty']",)):
                with html.Nav(v_show=("panel_open",), id="panel", classes="lts-panel", raw_attrs=aria(label="Steps")):
                    for section in self._sections:
                        section.build()
                self.session.views.build()
                html.P(_NOT_A_DEVICE, classes="lts-note lts-below")

    def _build_bar(self) -> None:
        v3.VBtn(
            icon=("panel_open ? 'mdi-menu-open' : 'mdi-menu'",),
            click="panel_open = !panel_open",
            title=(_PANEL_WORDS,),
            id="fold-panel",
            raw_attrs=aria(label=(_PANEL_WORDS,), expanded=("panel_open",), controls="panel"),
        )
        html.H1("LiverTumorSeg", classes="lts-title")
        html.Span(_NOT_A_DEVICE, classes="lts-note lts-not-a-device")
        v3.VSpacer()
        self._window.build()
        self._look.build()
        v3.VBtn(
            icon=("theme === 'light' ? 'mdi-weather-night' : 'mdi-weather-sunny'",),
            click="theme = theme === 'light' ? 'dark' : 'light'",
            title=(_OTHER_THEME,),
            id="theme",
            raw_attrs=aria(label=(_OTHER_THEME,)),
        )

    def _on_ready(self, **_: Any) -> None:
        session = self.session
        session.link.listen(self._take)
        session.link.send({"ready": session.server.port})
        session.panel.open()
        session.start(self._source.list_shared())
        session.start(self._list_archives())
        session.start(self._poll())
        if self._ct:
            session.start(self._source.look(self._ct))

    async def _list_archives(self) -> None:
        await self.session.archives.open()
        self._show()

    async def _poll(self) -> None:
        panel, shown, last = self.session.panel, None, 0.0
        while True:
            panel.attempt(panel.poll)  # an error that ended this loop would leave a page that nothing reaches
            if self._stale and (panel.state is not shown or monotonic() - last > _SHOW_SECONDS):
                shown, last = panel.state, monotonic()
                panel.attempt(self._show)
            drawing = not panel.busy and not panel.settled
            await asyncio.sleep(_DRAW_SECONDS if drawing else _POLL_SECONDS)

    def _on_news(self) -> None:
        self._stale = True

    def _take(self, message: Message) -> None:
        if "arrived" in message:
            self.session.start(self._source.arrived(str(message["arrived"])))
        elif "archive" in message:
            self.session.archives.take(message)
        else:
            self._worker.take(message)

    def _show(self) -> None:
        self._stale = False
        with self.session.state:
            for section in (self._window, self._look, *self._sections):
                section.show()


def _guard(key: str) -> Callable[..., Any]:
    @web.middleware
    async def guard(request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if not compare_digest(request.headers.get(HEADER, "").encode(), key.encode()):
            raise web.HTTPForbidden
        return await handler(request)

    return guard

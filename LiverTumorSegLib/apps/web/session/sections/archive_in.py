"""Studies of archives that the server lists: searched for, and opened, with an earlier result where there is one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.errors import UserError
from ....panel.job_runner import IDLE, Answer
from ....panel.mrml_opened import open_objects
from ....panel.mrml_results import ResultNodes
from ..archive_link import KnownArchive, Stopped
from ..archive_series import ArchiveFetcher, FetchedResult, Series
from ..aria import aria
from ..session import CorrectionState, Session
from ..source_patient import readable_day
from .base import Section
from .input import SourceSection

_FIELDS = (("name", "Name"), ("patient", "Patient ID"), ("accession", "Accession number"))
_DAYS = (("since", "From"), ("until", "To"))
_LOOK: dict[str, Any] = {"density": "compact", "hide_details": True, "classes": "my-2"}
_POLL_SECONDS = 0.05


class ArchiveSection(Section):
    """Searches and opens; what was found is in this session alone.

    Args:
        session: that it is of.
        source: opens CTs.
    """

    def __init__(self, session: Session, source: SourceSection) -> None:
        super().__init__(session)
        self._source = source
        self._studies: list[dict[str, Any]] = []
        self._series: list[Series] = []
        self._study = ""
        self._at = 0
        self._search_trigger = ""

    def build(self) -> None:
        """What is searched by, and what was found."""
        self.state.update({"archive_names": [], "archive_at": 0, "archive_busy": "", "archive_error": ""})
        self.state.update({f"archive_{name}": "" for name, _ in (*_FIELDS, *_DAYS)})
        self.state.update({"archive_studies": [], "archive_series": [], "archive_more": "", "archive_study": -1})
        self._search_trigger = self.session.server.controller.trigger_name(self._on_search)
        with html.Details(v_if=("archive_names.length",), id="archive", classes="lts-part"):
            html.Summary("From an archive")
            v3.VSelect(
                v_model=("archive_at",),
                items=("archive_names",),
                label="Archive",
                id="archive-at",
                v_if=("archive_names.length > 1",),
                **_LOOK,
            )
            for name, words in _FIELDS:
                self._field(name, words)
            with html.Div(classes="d-flex ga-2"):
                for name, words in _DAYS:
                    self._field(name, words, type="date")
            with html.Div(classes="d-flex ga-2"):
                self._button("search", "Search", self._on_search, disabled=("archive_busy !== ''",))
                self._button("stop", "Stop", self.session.archives.stop, v_if=("archive_busy",))
            html.Div("{{ archive_busy }}", id="archive-busy", classes="lts-note", raw_attrs=aria("status"))
            with v3.VAlert(
                v_if=("archive_error",), id="archive-error", type="error", variant="tonal", density="compact"
            ):
                html.Div("{{ archive_error }}")
            self._list("studies", "Studies", self._on_study)
            html.Div("{{ archive_more }}", v_if=("archive_more",), classes="lts-note")
            self._list("series", "Series of the study", self._on_series)

    def _field(self, name: str, words: str, **more: Any) -> None:
        v3.VTextField(
            v_model=(f"archive_{name}",),
            label=words,
            id=f"archive-{name}",
            raw_attrs=[f"@keydown.enter=\"trigger('{self._search_trigger}')\""],
            autocomplete="off",
            **_LOOK,
            **more,
        )

    @staticmethod
    def _button(name: str, words: str, click: Any, **more: Any) -> None:
        v3.VBtn(words, id=f"archive-{name}", click=click, size="small", variant="tonal", **more)

    @staticmethod
    def _list(name: str, words: str, click: Any) -> None:
        with html.Div(v_if=(f"archive_{name}.length",), id=f"archive-{name}", raw_attrs=aria("group", label=words)):
            html.Div(words, classes="lts-note")
            v3.VBtn(
                "{{ title }}",
                v_for=f"(title, n) in archive_{name}",
                key="n",
                click=(click, "[n]"),
                disabled=("archive_busy !== ''",),
                block=True,
                size="small",
                variant="text",
                classes="text-none justify-start lts-found",
            )

    def show(self) -> None:
        """The archives that can be searched."""
        self.state.archive_names = [{"title": each.name, "value": n} for n, each in enumerate(self._archives)]

    @property
    def _archives(self) -> list[KnownArchive]:
        return [archive for archive in self.session.archives.archives if archive.search]

    def _on_search(self) -> None:
        at = self.state.archive_at
        if isinstance(at, int) and 0 <= at < len(self._archives):
            self._begin("Searching…", self._search(self._archives[at]))

    def _on_study(self, number: int) -> None:
        if 0 <= number < len(self._studies):
            self._begin("Looking into the study…", self._look_into(self._studies[number]))

    def _on_series(self, number: int) -> None:
        """Open a series, after a question where corrections would be lost."""
        if not 0 <= number < len(self._series):
            return
        series, session = self._series[number], self.session

        def start() -> None:
            self._begin("Fetching…", self._open(series, session.correction_state))

        if session.corrected:
            session.ask("Open the CT", "Your corrections will be lost.", start)
        else:
            start()

    def _begin(self, words: str, work: Coroutine[Any, Any, None]) -> None:
        """Do one thing at a time; what goes wrong is said."""
        if self.state.archive_busy:
            work.close()
            return
        self.state.update({"archive_busy": words, "archive_error": ""})
        self.session.start(self._done(work))

    async def _done(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except UserError as error:
            self.state.archive_error = str(error)
        except Stopped:
            pass
        finally:
            with self.state as state:
                state.archive_busy = ""

    async def _search(self, archive: KnownArchive) -> None:
        self._studies, self._series, self._at = [], [], archive.place
        state = self.state
        state.update({"archive_studies": [], "archive_series": [], "archive_more": ""})
        asked = {name: str(state[f"archive_{name}"] or "") for name, _ in (*_FIELDS, *_DAYS)}
        answer = await self.session.archives.ask("search", at=archive.place, **asked)
        self._studies = answer["studies"]
        state.archive_studies = [_study_title(study) for study in self._studies]
        if answer["more"]:
            state.archive_more = f"Only the first {len(self._studies)} are listed: search by more."
        elif not self._studies:
            state.archive_more = "No study with a CT was found."

    async def _look_into(self, study: dict[str, Any]) -> None:
        self._study = study["study"]
        self._series = (await self.session.archives.ask("series", at=self._at, study=self._study))["series"]
        self._series.sort(key=lambda one: ("CT", "SEG", "SR").index(one["modality"]))
        self.state.archive_series = [_series_title(one) for one in self._series if one["modality"] != "SR"]
        if not self.state.archive_series:
            msg = "The study has no CT series: choose another."
            raise UserError(msg)

    async def _open(self, series: Series, may_lose: CorrectionState | None) -> None:
        fetcher = ArchiveFetcher(self.session.archives, self.session.folder, self._at, self._study, self._say)
        if series["modality"] == "CT":
            await self._source.arrived((await fetcher.fetch("CT", series["series"])).name, may_lose)
            return
        found = await fetcher.fetch_result(series["series"], self._series)
        try:
            await self._open_result(found, may_lose)
        finally:
            found.delete()

    def _say(self, words: str) -> None:
        with self.state as state:
            state.archive_busy = f"{words}…"

    async def _open_result(self, found: FetchedResult, may_lose: CorrectionState | None) -> None:
        session, panel = self.session, self.panel
        before = session.volume
        await self._source.arrived(found.ct.name, may_lose)
        if session.volume is None or session.volume is before:
            return  # which the page has said
        while panel.state not in IDLE:
            await asyncio.sleep(_POLL_SECONDS)
        volume, one_each = session.volume, session.choices.one_each
        panel.attempt(
            lambda: open_objects(
                session.jobs, volume, found.segmentation, found.reports, self._on_opened, one_each=one_each
            )
        )
        while panel.busy:  # the files are read meanwhile
            await asyncio.sleep(_POLL_SECONDS)

    def _on_opened(self, nodes: ResultNodes, answer: Answer) -> None:
        session = self.session
        before, session.nodes, session.corrected = session.nodes, nodes, False
        if before is not None:
            session.forget(before)
        session.objects.opened(nodes, answer["report"], corrected=answer["corrected"])
        session.tell()
        self.panel.later(session.views.frame_3d)


def _study_title(study: dict[str, Any]) -> str:
    name = re.sub(r"\^+", " ", study["name"]).strip()
    parts = (name, study["patient"], readable_day(study["day"]), study["accession"], study["description"])
    return " · ".join(filter(None, parts))


def _series_title(series: Series) -> str:
    if series["modality"] == "SEG":
        is_corrected = ", corrected:" in series["description"]
        return f"Result{', corrected' if is_corrected else ''}, with its CT"
    parts = (f"CT {series['number']}".strip(), series["description"])
    return " · ".join(filter(None, (*parts, series["objects"] and f"{series['objects']} images")))

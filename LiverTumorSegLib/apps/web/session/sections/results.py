"""The result on the page: its measures, a table with a row a lesion, and the files to download."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trame.widgets import client, html
from trame.widgets import vuetify3 as v3

from .....core.about import CLICK_MODEL
from ....panel import mrml_display, mrml_tables, texts
from ....panel.job_runner import IDLE
from ....panel.mrml_results import ResultNodes
from .. import exports
from ..aria import aria
from ..dicom_results import MadeObjects
from ..session import Session
from .base import Section, heading

_NONE = -1
_PAUSE_SECONDS = 0.4
"""That the slider rests before other candidates are taken."""


class ResultSection(Section):
    """Shows the result of the session.

    Args:
        session: whose result it is.
        choose: takes the candidates for lesions of a sensitivity.
    """

    def __init__(self, session: Session, choose: Callable[[ResultNodes, float], None]) -> None:
        super().__init__(session)
        self._choose_candidates = choose
        self._shown = 0
        self._moved_at = 0.0
        self._moving: asyncio.Task[None] | None = None

    def build(self) -> None:
        """Summary, warnings, table."""
        self.state.update({"has_result": False, "summary": "", "result_warnings": [], "result": ""})
        self.state.update(
            {
                "headings": _headings(()),
                "tips": _tool_tips(()),
                "rows": [],
                "row": _NONE,
                "idle": True,
                "sorted_by": 0,
                "rising": True,
            }
        )
        self.state.update({"points": [], "point": 0, "point_words": "", "searched": True})
        self.state.change("point")(self._on_point)
        with html.Div(v_if=("has_result",), id="result"):
            heading("Lesions")
            stale = ("outdated && 'lts-stale'",)
            html.Div(v_html=("summary",), id="summary", classes=stale, raw_attrs=aria("status"))
            v3.VAlert(
                "{{ warning }}",
                v_for="warning in result_warnings",
                key="`${result}: ${warning}`",
                type="warning",
                variant="tonal",
                density="compact",
                closable=True,
                close_label="Dismiss",
                classes="my-1 result-warning",
            )
            self._build_slider()
            no_lesions = "searched ? 'No lesions were found.' : 'No lesion is marked.'"
            html.P(f"{{{{ {no_lesions} }}}}", v_if=("!rows.length",), id="no-lesions")
            self._build_table()
            with html.Div(classes="lts-measure"):
                v3.VBtn(
                    "Measure again",
                    id="measure",
                    click=self._on_measure,
                    disabled=("!idle",),
                    size="small",
                    variant="tonal",
                )
                words = "{{ outdated ? 'Measuring…' : '' }}"
                html.Span(words, id="measuring", classes="lts-note", raw_attrs=aria("status"))

    def _build_slider(self) -> None:
        """From fewer false lesions to fewer missed; what it costs is said while it is moved."""
        with html.Div(v_if=("points.length > 1",), id="sensitivity-slider"):
            with html.Div(classes="d-flex justify-space-between lts-note"):
                html.Span("Fewer false")
                html.Span("Fewer missed")
            v3.VSlider(
                v_model=("point",),
                min=0,
                max=("points.length - 1",),
                step=1,
                show_ticks="always",
                density="compact",
                hide_details=True,
                disabled=("!idle || segmenting",),
                id="point",
                raw_attrs=aria(label="From fewer false lesions to fewer missed"),
            )
            html.Div("{{ points[point] }}", id="point-words", classes="lts-note", raw_attrs=aria("status"))

    def _build_table(self) -> None:
        with (
            html.Div(v_show=("rows.length",), classes=("['lts-table', outdated && 'lts-stale']",)),
            html.Table(id="lesions", raw_attrs=aria("grid", label="Lesions", busy=("outdated",))),
        ):
            with (
                html.Thead(),
                html.Tr(),
                html.Th(
                    v_for="(name, column) in headings",
                    key="name",
                    raw_attrs=[
                        'scope="col"',
                        ':title="tips[column]"',
                        *aria(sort=("column === sorted_by ? (rising ? 'ascending' : 'descending') : 'none'",)),
                    ],
                ),
            ):
                html.Button("{{ name }}", click=(self._on_sort, "[column]"), classes="lts-sort", type="button")
            with html.Tbody():
                self._build_row()

    def _build_row(self) -> None:
        """One row is reached with Tab, the others from there with the arrows, which choose as they go."""
        with html.Tr(
            v_for="(each, n) in rows",
            key="each.lesion",
            click=(self._on_row, "[each.lesion]"),
            raw_attrs=[
                *aria(selected=("each.lesion === row",)),
                ':tabindex="each.lesion === (row < 0 ? rows[0].lesion : row) ? 0 : -1"',
                *_on_key("enter", self._chooses("each.lesion")),
                *_on_key("space", self._chooses("each.lesion")),
                *_on_key("down", f"n + 1 &lt; rows.length &amp;&amp; ({_focus('next')}, {self._chooses(_lesion(+1))})"),
                *_on_key("up", f"n > 0 &amp;&amp; ({_focus('previous')}, {self._chooses(_lesion(-1))})"),
            ],
        ):
            html.Td("{{ cell }}", v_for="(cell, c) in each.cells", key="c")

    def _chooses(self, row: str) -> str:
        return f"trigger('{self.session.server.trigger_name(self._on_row)}', [{row}])"

    def show(self) -> None:
        """Measures and rows of the result as it is now."""
        nodes, idle = self.session.nodes, self.panel.state in IDLE
        if idle and not self.state.idle and nodes and not self._is_moving:
            self.state.point = texts.chosen_point(nodes.points, nodes.facts["run"])  # a job may have come to nothing
        self.state.idle = idle
        self.state.has_result = nodes is not None
        shown = nodes.table.GetMTime() if nodes else 0
        if shown != self._shown:
            self._shown = shown
            self._choose(_NONE)
            if nodes:
                self._take(nodes)

    def _take(self, nodes: ResultNodes) -> None:
        facts = nodes.facts
        self.state.result = nodes.segmentation.GetID()
        self.state.summary = texts.summary(facts, nodes.volume.GetName())
        self.state.result_warnings = facts["warnings"]
        self.state.searched = facts["run"]["model"] != CLICK_MODEL
        points = nodes.points
        if not self._is_moving:  # else it was moved on while the candidates before were taken
            self.state.point = texts.chosen_point(points, facts["run"])
        self.state.points = [texts.sensitivity(points, place) for place in range(len(points))]
        self._sort(nodes)

    def _sort(self, nodes: ResultNodes) -> None:
        """Rows in the order of a column; what is not known comes last."""
        rows, told = mrml_tables.rows(nodes.table), _told(nodes)
        self.state.headings, self.state.tips = _headings(told), _tool_tips(told)
        if self.state.sorted_by >= len(self.state.headings):
            self.state.sorted_by, self.state.rising = 0, True
        places = _ordered(rows, told, self.state.sorted_by, rising=self.state.rising)
        words = [[column[n] for _, column in told] for n in range(len(rows))]
        self.state.rows = [{"lesion": n, "cells": [*texts.cells(rows[n]), *words[n]]} for n in places]

    def _on_sort(self, column: int) -> None:
        nodes, again = self.session.nodes, column == self.state.sorted_by
        self.state.sorted_by, self.state.rising = column, not self.state.rising if again else column == 0
        if nodes:
            self._sort(nodes)

    def _on_point(self, point: int, **_: object) -> None:
        """Take other candidates soon after the slider was moved, by mouse or by keys."""
        self._moved_at = time.monotonic()
        if self._differs(point) and not self._is_moving:
            self._moving = self.session.start(self._take_point_soon())

    async def _take_point_soon(self) -> None:
        while time.monotonic() - self._moved_at < _PAUSE_SECONDS or self.panel.state not in IDLE:
            await asyncio.sleep(_PAUSE_SECONDS / 4)
        with self.state as state:
            self._take_point(state.point)

    @property
    def _is_moving(self) -> bool:
        return self._moving is not None and not self._moving.done()

    def _take_point(self, point: int) -> None:
        nodes = self.session.nodes
        if nodes is not None and self._differs(point):
            self.state.tool = "none"  # a stroke meanwhile would stop it
            wanted = nodes.points[int(point)]["false_per_patient"]
            self.panel.attempt(lambda: self._choose_candidates(nodes, wanted))

    def _differs(self, point: int) -> bool:
        """Whether there is such a place of the slider, and the result is of another."""
        nodes = self.session.nodes
        if nodes is None or not isinstance(point, (int, float)) or not 0 <= point < len(nodes.points):
            return False
        return int(point) != texts.chosen_point(nodes.points, nodes.facts["run"])

    def _on_row(self, row: int) -> None:
        self._choose(_NONE if row == self.state.row else row)

    def _choose(self, row: int) -> None:
        """Bring the views to a lesion and light it, or light all."""
        nodes, self.state.row = self.session.nodes, row
        if nodes is None or not 0 <= row < len(self.state.rows):
            self.state.row = _NONE
            self.session.views.leave()
        else:
            self.session.views.go_to(nodes.place(row))
        if nodes:
            lit = nodes.facts["rows"][row] if self.state.row != _NONE else None
            mrml_display.highlight_segment(nodes.segmentation, list(nodes.segments), lit)

    def _on_measure(self) -> None:
        nodes = self.session.nodes
        if nodes is not None:
            self.panel.attempt(lambda: self.session.jobs.measure(nodes, self._on_measured))

    def _on_measured(self, _nodes: ResultNodes) -> None:
        self.state.outdated = False
        self.session.tell()


_Words = Sequence[tuple[str, Sequence[str]]]
"""Columns of words: the heading, and a lesion's each."""


def _told(nodes: ResultNodes) -> _Words:
    """Columns for what is known of one lesion at least: the liver's segments that it lies in, and how it came about."""
    columns = (
        (texts.liver_segments_heading()[0], mrml_tables.liver_segments(nodes.table)),
        (texts.origin_heading()[0], [texts.origin(one) for one in nodes.origins]),
    )
    return [(heading, words) for heading, words in columns if any(words)]


def _headings(told: _Words) -> list[str]:
    """Of the measures, and of the columns of words."""
    return [*(name.replace("\n", " ") for name in texts.headings()), *(heading for heading, _ in told)]


def _tool_tips(told: _Words) -> list[str]:
    """What each of the headings means."""
    words = dict((texts.liver_segments_heading(), texts.origin_heading()))
    return [*texts.heading_tool_tips(), *(words[heading] for heading, _ in told)]


def _ordered(rows: Sequence[Mapping[str, float]], told: _Words, column: int, *, rising: bool) -> Sequence[int]:
    """Places of rows in the order of a column; equal ones, and numbers that are not known, in that of the table."""
    if column >= len(texts.SHOWN):
        words = told[column - len(texts.SHOWN)][1]
        return sorted(range(len(rows)), key=lambda n: words[n], reverse=not rising)
    key, sign = texts.SHOWN[column], 1 if rising else -1
    return sorted(range(len(rows)), key=lambda n: (math.isnan(rows[n][key]), sign * rows[n][key]))


def _on_key(key: str, what: str) -> list[str]:
    return [f'@keydown.{key}.prevent="{what}"']


def _lesion(further: int) -> str:
    return f"rows[n + {further}].lesion"


def _focus(sibling: str) -> str:
    return f"$event.currentTarget.{sibling}ElementSibling.focus()"


class DownloadSection(Section):
    """Writes the result as it is now, and has the browser fetch it."""

    def build(self) -> None:
        """A button a kind of file."""
        self.state.update({"writing": False, "outdated": False, "from_dicom": False})
        self._fetch = client.JSEval(exec="window.liverTumorSeg.download($event)")
        kinds: dict[str, tuple[str, Callable[[ResultNodes, Path], Path]]] = {
            "seg-nrrd": (".seg.nrrd", partial(exports.labels, ending=".seg.nrrd")),
            "nii-gz": (".nii.gz", partial(exports.labels, ending=".nii.gz")),
            "csv": ("Table (CSV)", exports.lesion_table),
            "stl": ("Surfaces (STL)", exports.surfaces),
        }
        with html.Div(v_if=("has_result",), id="downloads"):
            heading("Download")
            with html.Div(classes="d-flex flex-wrap ga-2"):
                for name, (words, write) in kinds.items():
                    self._button(name, words, partial(self._write, write))
                self._button("report", "Report (HTML)", self._report)
                self._button("dicom", "DICOM (zip)", self._dicom, v_if=("from_dicom",))

    @staticmethod
    def _button(name: str, words: str, click: Callable[[], None], **more: Any) -> None:
        disabled = ("writing || outdated || !idle",)  # the table and the segments have to agree
        v3.VBtn(words, id=f"download-{name}", click=click, disabled=disabled, size="small", variant="tonal", **more)

    def show(self) -> None:
        """Whether there may be DICOM objects; the rest the result's section shows."""
        self.state.from_dicom = bool(self.session.images)

    def _write(self, write: Callable[[ResultNodes, Path], Path]) -> None:
        self.session.start(self._written(write))

    async def _written(self, write: Callable[[ResultNodes, Path], Path]) -> None:
        with self.state as state:
            state.writing = True
        await asyncio.sleep(0)  # the page says so first
        self.panel.attempt(lambda: self._give(write))
        with self.state as state:
            state.writing = False

    def _give(self, write: Callable[[ResultNodes, Path], Path]) -> None:
        if self.session.nodes is not None:
            self._fetch.exec(write(self.session.nodes, self.session.downloads).name)

    def _dicom(self) -> None:
        self.panel.attempt(lambda: self.session.make_objects(self._give_objects))

    def _give_objects(self, made: MadeObjects) -> None:
        if self.session.nodes is not None:
            self._fetch.exec(exports.dicom_objects(self.session.nodes, made.files, self.session.downloads).name)

    def _report(self) -> None:
        nodes = self.session.nodes
        if nodes is not None:
            self.panel.attempt(lambda: self._start_report(nodes))

    def _start_report(self, nodes: ResultNodes) -> None:
        made = Path(tempfile.mkdtemp(prefix="report-", dir=self.session.folder))

        def done(files: list[str]) -> None:
            self._fetch.exec(exports.report(nodes, files, self.session.downloads).name)
            shutil.rmtree(made, ignore_errors=True)
            self.session.tell()

        identity = self.session.identity
        self.session.jobs.report(nodes, made / "report", done, overwrite=False, identity=identity)

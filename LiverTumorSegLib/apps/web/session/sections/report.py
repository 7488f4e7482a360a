"""The report in the page: a preview that can be printed, and whether reports name the CT."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from trame.widgets import client, html
from trame.widgets import vuetify3 as v3

from ....panel.mrml_results import ResultNodes
from .. import exports
from ..aria import aria
from .base import Section


class ReportSection(Section):
    """Shows the report of the result as it is now, in a dialog."""

    def build(self) -> None:
        """A button, a choice, and the dialog."""
        self.state.update({"preview_open": False, "preview_ready": False, "name_ct": False})
        self._preview = client.JSEval(exec="window.liverTumorSeg.preview($event)")
        with html.Div(v_if=("has_result",), id="report", classes="mt-2"):
            v3.VBtn(
                "Show the report",
                id="preview",
                click=self._on_preview,
                disabled=("outdated || !idle",),
                size="small",
                variant="tonal",
            )
            v3.VCheckbox(
                v_model=("name_ct",),
                label="Reports name the CT and its date",
                id="name-ct",
                density="compact",
                hide_details=True,
            )
        self._build_dialog()
        self.state.change("preview_open")(self._on_open)
        self.state.change("name_ct")(self._on_name_ct)

    @staticmethod
    def _build_dialog() -> None:
        shown = {"max_width": 1180, "height": "94vh", "scrollable": True}
        with (
            v3.VDialog(v_model=("preview_open",), raw_attrs=aria(label="Report"), **shown),
            v3.VCard(id="preview-dialog"),
        ):
            with html.Div(classes="lts-preview-bar"):
                html.H2("Report", classes="lts-heading")
                v3.VSpacer()
                v3.VBtn(
                    "Print",
                    id="preview-print",
                    click="window.liverTumorSeg.printPreview()",
                    disabled=("!preview_ready",),
                    size="small",
                    variant="tonal",
                )
                v3.VBtn("Close", id="preview-close", click="preview_open = false", size="small", variant="text")
            html.Div(
                "Making the report…", v_if=("!preview_ready",), classes="lts-preview-wait", raw_attrs=aria("status")
            )
            html.Iframe(
                v_if=("preview_open",),
                id="preview-page",
                classes="lts-preview",
                raw_attrs=['title="Report"', 'sandbox="allow-same-origin allow-modals"'],
            )

    def show(self) -> None:
        """Close the preview of a report that could not be made: the page says why."""
        if self.state.preview_open and not self.state.preview_ready and self.panel.error:
            self.state.preview_open = False

    def _on_open(self, preview_open: bool, **_: Any) -> None:
        if not preview_open:
            self.state.preview_ready = False

    def _on_name_ct(self, name_ct: bool, **_: Any) -> None:
        self.session.choices.name_ct = bool(name_ct)

    def _on_preview(self) -> None:
        nodes = self.session.nodes
        if nodes is not None:
            self.panel.attempt(lambda: self._make(nodes))

    def _make(self, nodes: ResultNodes) -> None:
        made = Path(tempfile.mkdtemp(prefix="report-", dir=self.session.folder))

        def done(files: list[str]) -> None:
            self._preview.exec(exports.report(nodes, files, self.session.downloads).name)
            shutil.rmtree(made, ignore_errors=True)
            self.session.tell()

        self.session.jobs.report(nodes, made / "report", done, overwrite=False, identity=self.session.identity)
        self.state.update({"preview_open": True, "preview_ready": False})

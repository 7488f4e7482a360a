"""The files to take away."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from trame.widgets import client, html
from trame.widgets import vuetify3 as v3

from ....mrml.jobs import Nodes
from .. import exports
from .section import Section, heading


class DownloadSection(Section):
    """Writes the result as it is now, and has the browser fetch it."""

    def build(self) -> None:
        """A button a kind of file."""
        self.state.update({"writing": False, "outdated": False})
        self._fetch = client.JSEval(exec="window.liverTumorSeg.download($event)")
        kinds: dict[str, tuple[str, Callable[[Nodes, Path], Path]]] = {
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

    @staticmethod
    def _button(name: str, words: str, click: Callable[[], None]) -> None:
        disabled = ("writing || outdated || !idle",)  # the table and the segments have to agree
        v3.VBtn(words, id=f"download-{name}", click=click, disabled=disabled, size="small", variant="tonal")

    def show(self) -> None:
        """Nothing but what the result's section shows."""

    def _write(self, write: Callable[[Nodes, Path], Path]) -> None:
        self.session.start(self._written(write))

    async def _written(self, write: Callable[[Nodes, Path], Path]) -> None:
        with self.state as state:
            state.writing = True
        await asyncio.sleep(0)  # the page says so first
        self.panel.attempt(lambda: self._give(write))
        with self.state as state:
            state.writing = False

    def _give(self, write: Callable[[Nodes, Path], Path]) -> None:
        if self.session.nodes is not None:
            self._fetch.exec(write(self.session.nodes, self.session.downloads).name)

    def _report(self) -> None:
        nodes = self.session.nodes
        if nodes is not None:
            self.panel.attempt(lambda: self._start_report(nodes))

    def _start_report(self, nodes: Nodes) -> None:
        made = Path(tempfile.mkdtemp(prefix="report-", dir=self.session.folder))

        def done(files: list[str]) -> None:
            self._fetch.exec(exports.report(nodes, files, self.session.downloads).name)
            shutil.rmtree(made, ignore_errors=True)
            self.session.tell()

        self.session.jobs.report(nodes, made / "report", done, overwrite=False)

"""The CT: sent by the browser, or from the folder that was given at start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import slicer.util
from trame.widgets import html
from trame.widgets import vuetify3 as v3

from .....core.errors import UserError
from .....core.volume import Volume
from .....io.dicom_series import instance_numbers
from .....reporting.ct_identity import find_ct_date
from ....panel import texts
from ...inputs import (
    Candidate,
    delete_unpacked,
    find_candidates,
    list_folder,
    read_candidate,
    refuse_strays,
    resolve_name,
)
from ...server.session_process import UPLOADS
from ..aria import aria
from ..looking.slice_place import keep_image_numbers
from ..session import CorrectionState, Session
from ..source_images import keep_images
from .base import Section, heading

_PLAIN = {"variant": "tonal", "density": "compact", "classes": "my-1"}


@dataclass(frozen=True)
class OpenedCT:
    """A CT that was read.

    Args:
        volume: the CT, its images kept in the session's folder where it came as DICOM.
        name: as the page shows it.
        day: ISO 8601, on which it was taken; empty where that is not known.
        numbers: DICOM's of its images; none where there are none.
    """

    volume: Volume
    name: str
    day: str = ""
    numbers: Sequence[int] = ()


class SourceSection(Section):
    """Opens a CT and says what it is; of several that are asked for, one after another."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._turn = asyncio.Lock()
        self._choices: list[Candidate] = []
        self._uploaded: Path | None = None
        self._shared: Path | None = None
        self._may_lose: CorrectionState | None = None

    def build(self) -> None:
        """Buttons for opening, and what may be opened; :meth:`build_news` is what has to be seen beside them."""
        self.state.update({"ct_name": "", "ct_size": "", "ct_warnings": [], "ct_error": "", "opening": ""})
        self.state.update({"uploading": False, "upload_percent": 0, "upload_error": "", "ct_choices": []})
        self.state.update({"shared_name": None, "shared_names": [], "shared_remark": ""})
        heading("CT")
        self._build_uploads()
        if self.session.shared:
            self._build_shared()
        html.Div("{{ ct_size }}", v_if=("ct_name",), id="ct-size", classes="lts-note mt-1")

    def build_news(self) -> None:
        """How far opening is, what went wrong, which CT is asked for, and doubts about the open one."""
        with html.Div(v_if=("uploading",), classes="d-flex align-center ga-2"):
            v3.VProgressLinear(model_value=("upload_percent",), height=6, id="upload", raw_attrs=aria(label="Upload"))
            v3.VBtn("Stop", click="window.liverTumorSeg.cancel()", id="stop-upload", size="x-small", variant="text")
        html.Div("{{ opening }}", v_if=("opening",), id="opening", classes="lts-note", raw_attrs=aria("status"))
        with v3.VAlert(v_if=("ct_error || upload_error",), id="ct-error", type="error", **_PLAIN):
            html.Div("{{ ct_error || upload_error }}")
        self._build_choices()
        v3.VAlert(
            "{{ warning }}",
            v_for="warning in ct_warnings",
            key="`${ct_name}: ${warning}`",
            type="warning",
            closable=True,
            close_label="Dismiss",
            **(_PLAIN | {"classes": "my-1 ct-warning"}),
        )

    def _build_uploads(self) -> None:
        with html.Div(classes="d-flex ga-2"):
            for name, words, whole in (("files", "Choose files", "false"), ("folder", "Choose a folder", "true")):
                v3.VBtn(
                    words,
                    id=f"choose-{name}",
                    click=f"window.liverTumorSeg.choose({whole})",
                    disabled=("uploading",),
                    size="small",
                    variant="tonal",
                )
        html.Div("or drop a NIfTI, NRRD, DICOM folder or zip file on the page", classes="lts-note")

    def _build_shared(self) -> None:
        v3.VAutocomplete(
            v_model=("shared_name",),
            items=("shared_names",),
            label="From the folder given at start",
            id="shared",
            density="compact",
            hide_details=True,
            clearable=True,
            no_data_text="Nothing that can be opened",
        )
        html.Div("{{ shared_remark }}", v_if=("shared_remark",), classes="lts-note")
        self.state.change("shared_name")(self._on_shared)

    def _build_choices(self) -> None:
        with html.Div(v_if=("ct_choices.length",), id="ct-choices", raw_attrs=aria("group", label="Choose one")):
            html.Div("There are several: choose one.")
            v3.VBtn(
                "{{ title }}",
                v_for="(title, n) in ct_choices",
                key="n",
                click=(self._on_choice, "[n]"),
                block=True,
                size="small",
                variant="text",
                classes="text-none justify-start",
            )

    def show(self) -> None:
        """Nothing here depends on jobs."""

    async def list_shared(self) -> None:
        """List what may be opened, which can take long in a large folder."""
        if self.session.shared:
            found = await asyncio.to_thread(list_folder, self.session.shared)
            with self.state as state:
                state.shared_names, state.shared_remark = list(found.names), found.remark

    @property
    def _uploads(self) -> Path:
        return self.session.folder / UPLOADS

    async def arrived(self, batch: str, may_lose: CorrectionState | None = None) -> None:
        """Open what the browser has sent; it is deleted once it is read, or something else is opened.

        Args:
            batch: the folder's name.
            may_lose: what the user has agreed to lose.
        """
        async with self._turn:
            self.state.shared_name = None  # so that the same one can be chosen again
            await self._look(self._uploads / batch, uploaded=self._uploads / batch, may_lose=may_lose)

    async def look(self, path: Path) -> None:
        """Find the CT in a file or folder and open it; where there are several, the user chooses."""
        async with self._turn:
            await self._look(path)

    async def _look(
        self,
        path: Path,
        uploaded: Path | None = None,
        shared: Path | None = None,
        may_lose: CorrectionState | None = None,
    ) -> None:
        await self._forget()
        self._uploaded, self._shared, self._may_lose = uploaded, shared, may_lose
        found = await self._slowly(f"Looking into {path.name}…", self._candidates, path) or []
        if len(found) > 1:
            self._offer(found)
            return
        for only in found:
            await self._open(only)
        await self._forget()

    def _candidates(self, path: Path) -> list[Candidate]:
        self._refuse_strays(path)
        return find_candidates(path, self._uploads, self.session.most_bytes)

    def _read(self, candidate: Candidate) -> OpenedCT:
        """Read a CT of what has been looked into, perhaps long ago."""
        self._refuse_strays(candidate.path)
        is_own = candidate.path.is_relative_to(self._uploads)
        read = read_candidate(candidate)
        kept = keep_images(read, self.session.folder, self.session.images, is_own=is_own)
        return OpenedCT(kept, candidate.name, find_ct_date(read), instance_numbers(read.images))

    def _refuse_strays(self, path: Path) -> None:
        if self._shared and not path.is_relative_to(self._uploads):  # where zip files are unpacked
            refuse_strays(self._shared, path)

    def _offer(self, found: list[Candidate]) -> None:
        self._choices = found
        with self.state as state:
            state.ct_choices = [each.title for each in found]

    async def _forget(self) -> None:
        """Take the choices back, and delete what was uploaded and unpacked for them."""
        self._offer([])
        await asyncio.to_thread(delete_unpacked, self._uploads)
        if self._uploaded:
            await asyncio.to_thread(shutil.rmtree, self._uploaded, ignore_errors=True)
        self._uploaded = None

    async def _open(self, candidate: Candidate) -> None:
        read = await self._slowly(f"Reading {candidate.title}…", self._read, candidate)
        if read is None:
            return
        with self.state:
            if self.session.correction_state not in (None, self._may_lose):
                self.session.ask("Open the CT", "Your corrections will be lost.", lambda: self._take(read))
            else:
                self._take(read)

    async def _slowly(self, words: str, work: Any, *arguments: Any) -> Any:
        """Do work beside the event loop; None where it fails, which the page says."""
        with self.state as state:
            state.opening, state.ct_error, state.upload_error = words, "", ""
        try:
            return await asyncio.to_thread(work, *arguments)
        except UserError as error:
            self.state.ct_error = str(error)
        except MemoryError:
            self.state.ct_error = "There is not enough memory for this CT: close other sessions, or crop it."
        finally:
            with self.state as state:
                state.opening = ""
        return None

    def _take(self, opened: OpenedCT) -> None:
        session = self.session
        if self.panel.busy:
            self.panel.cancel()
        else:
            self.panel.reset()
        session.clear()
        volume = opened.volume
        affine = slicer.util.vtkMatrixFromArray(volume.affine)
        session.images, session.ct_date = volume.images, opened.day
        session.volume = slicer.util.addVolumeFromArray(volume.voxels, affine, opened.name)
        keep_image_numbers(session.volume, opened.numbers)
        session.views.show(session.volume)
        self.state.ct_name, self.state.ct_warnings = opened.name, list(volume.warnings)
        self.state.ct_size = texts.volume(volume.voxels.shape, volume.spacing)
        self.state.setup_open = False
        session.tell()
        self.panel.later(partial(self._inspect, session.volume))

    def _inspect(self, node: Any) -> None:
        """Inspect the CT while it is looked at, and not after Segment is pressed."""
        self.session.jobs.volumes.of(node)

    def _on_choice(self, number: int) -> None:
        if 0 <= number < len(self._choices):
            self.session.start(self._choose(self._choices[number]))

    async def _choose(self, candidate: Candidate) -> None:
        async with self._turn:
            if candidate in self._choices:
                await self._open(candidate)

    def _on_shared(self, shared_name: str | None, **_: Any) -> None:
        if shared_name and self.session.shared:
            self.session.start(self._look_in(self.session.shared, shared_name))

    async def _look_in(self, shared: Path, name: str) -> None:
        path = await self._slowly(f"Looking for {name}…", resolve_name, shared, name)
        if path is not None:
            async with self._turn:
                await self._look(path, shared=shared)

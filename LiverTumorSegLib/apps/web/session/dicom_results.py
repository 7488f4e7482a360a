"""DICOM objects of a session's result as it is now, made by the worker, and the reports that were made of it before."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....core.errors import UserError
from ...panel.mrml_dicom import checksum_now, write_revision
from ...panel.mrml_jobs import SceneJobs
from ...panel.mrml_results import ResultNodes
from ..server.session_process import OBJECTS

Reference = dict[str, str]
"""The UIDs of a report, as the worker names them."""


@dataclass(frozen=True)
class MadeObjects:
    """A Segmentation and its report.

    Args:
        folder: that holds both and nothing else.
        files: of them.
        report: UIDs of the report.
        state: of the result that they were made of.
    """

    folder: Path
    files: tuple[Path, ...]
    report: Reference
    state: tuple[int, str]


@dataclass(frozen=True)
class OpenedResult:
    """A result that was opened from an archive.

    Args:
        state: of it when it was opened.
        report: UIDs of its report; None where it has none.
        corrected: whether it had been corrected already.
    """

    state: tuple[int, str]
    report: Reference | None
    corrected: bool


class DicomResults:
    """Makes the objects; those of a result that has not changed since are the same ones.

    Args:
        jobs: measure and write.
        folder: of the session.
    """

    def __init__(self, jobs: SceneJobs, folder: Path) -> None:
        self._jobs, self._folder = jobs, folder
        self._of = ""
        self._made: MadeObjects | None = None
        self._opened: OpenedResult | None = None

    def opened(self, nodes: ResultNodes, report: Reference | None, *, corrected: bool) -> None:
        """Say that a result comes from an archive."""
        self._forget(nodes)
        self._opened = OpenedResult(_state(nodes, checksum_now(nodes)), report, corrected)

    def refuse_unchanged(self, nodes: ResultNodes) -> None:
        """Refuse a result that was opened from an archive and is as it was there.

        Raises:
            UserError: it is.
        """
        found = self._opened if self._of == nodes.segmentation.GetID() else None
        if found is not None and found.state == _state(nodes, checksum_now(nodes)):
            msg = "Nothing was corrected since this result was opened: its archive has it as it is."
            raise UserError(msg)

    def make(self, nodes: ResultNodes, images: Sequence[Path], done: Callable[[MadeObjects], None]) -> None:
        """Measure a result as it is now and write its objects.

        Args:
            nodes: the result.
            images: of its CT.
            done: gets the objects.

        Raises:
            UserError: the CT did not come as DICOM, the result is gone, or an archive has it as it is.
        """
        if not images:
            msg = "This CT did not come as DICOM, so there is no study that DICOM objects could belong to."
            raise UserError(msg)
        self.refuse_unchanged(nodes)
        if self._of != nodes.segmentation.GetID():
            self._forget(nodes)
        if self._made and self._made.state == _state(nodes, checksum_now(nodes)):
            done(self._made)
            return
        earlier = self._made or self._opened
        before = earlier.report if earlier else None
        was_corrected = before is not None or bool(self._opened and self._opened.corrected)
        place = self._folder / OBJECTS
        place.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=place))

        def finish(answer: dict[str, Any]) -> None:
            files = tuple(Path(file) for file in answer["files"])
            self._delete()
            self._made = MadeObjects(folder, files, answer["report"], _state(nodes, answer["checksum"]))
            done(self._made)

        write_revision(self._jobs, nodes, images, folder, finish, corrected=was_corrected, predecessor=before)

    def _forget(self, nodes: ResultNodes) -> None:
        """Begin anew with a result."""
        self._delete()
        self._of, self._made, self._opened = nodes.segmentation.GetID(), None, None

    def _delete(self) -> None:
        if self._made:
            shutil.rmtree(self._made.folder, ignore_errors=True)


def _state(nodes: ResultNodes, checksum: int) -> tuple[int, str]:
    """What objects of a result follow from: its labels, and how the model was run."""
    run = nodes.facts["run"]
    return checksum, json.dumps([run["model"], run["options"]], sort_keys=True)

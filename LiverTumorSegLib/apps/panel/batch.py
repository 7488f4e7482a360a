"""Jobs of a panel that follow each other, whatever becomes of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import UserError
from ...core.sanitize import strip_folders
from .job_runner import IDLE, Answer, JobRunner, PanelState


@dataclass(frozen=True)
class BatchAnswer:
    """What became of one CT.

    Args:
        name: of the CT.
        table: the patient's measures, see :meth:`LiverTumorSegLib.reporting.lesions.LesionTable.to_dict`; None where
            it failed.
        remarks: its warnings, or the sentence on what failed.
    """

    name: str
    table: Answer | None
    remarks: tuple[str, ...] = ()


Take = Callable[[Answer, Sequence[str]], None]
"""Takes the patient's measures and the warnings."""


@dataclass(frozen=True)
class BatchItem:
    """A CT that waits.

    Args:
        name: shown while it is segmented.
        start: starts its job, which hands its answer on; it may raise :class:`UserError`.
        clean: called when the job has ended, however.
        folders: left out of what is said of it, since an answer may be saved and passed on.
    """

    name: str
    start: Callable[[Take], None]
    clean: Callable[[], None] = lambda: None
    folders: tuple[Path, ...] = ()


class BatchRun:
    """Starts a job for each item, one after the other; what fails does not stop the rest, a cancelled job does.

    The user interface calls :meth:`follow` whenever the panel has changed, before it shows anything: no moment is seen
    at which the panel is idle between two items.

    Args:
        panel: runs the jobs.
        items: at least one.
        ended: called once, when nothing is left or a job was cancelled.
    """

    def __init__(self, panel: JobRunner, items: Sequence[BatchItem], ended: Callable[[BatchRun], None]) -> None:
        self.panel, self.items = panel, tuple(items)
        self.answers: list[BatchAnswer] = []
        self.cancelled = self.over = False
        self._ended: Callable[[BatchRun], None] | None = ended
        self._begun: BatchItem | None = None
        self._answer: BatchAnswer | None = None
        self._refused = ""
        self._stepping = False

    @property
    def item(self) -> BatchItem:
        """The one whose turn it is."""
        return self.items[min(len(self.answers), len(self.items) - 1)]

    @property
    def number(self) -> int:
        """Its place, from 1 on."""
        return min(len(self.answers) + 1, len(self.items))

    @property
    def fraction(self) -> float:
        """How much of the whole is done."""
        return 1.0 if self.over else (len(self.answers) + self.panel.fraction) / len(self.items)

    @property
    def failed(self) -> tuple[BatchAnswer, ...]:
        """Answers without measures."""
        return tuple(answer for answer in self.answers if answer.table is None)

    def follow(self) -> None:
        """Take in what became of a job, and start the next."""
        if self._stepping:  # a job that starts changes the panel
            return
        self._stepping = True
        try:
            while not self.over and self.panel.state in IDLE:
                self._end_item()
                if self.cancelled or len(self.answers) == len(self.items):
                    self.over = True
                else:
                    self._begin_item()
        finally:
            self._stepping = False
        if self.over and self._ended:
            ended, self._ended = self._ended, None
            ended(self)

    def _begin_item(self) -> None:
        item = self._begun = self.item
        self._answer, self._refused = None, ""
        try:
            item.start(self._take)
        except UserError as error:
            self._refused = str(error)
        except Exception as error:  # noqa: BLE001 the next one may be whole
            self._refused = f"That failed unexpectedly ({str(error) or type(error).__name__})."

    def _end_item(self) -> None:
        item, self._begun = self._begun, None
        if item is None:
            return
        item.clean()
        if not self._refused and self.panel.state is PanelState.CANCELLED:
            self.cancelled = True
            return
        if self._refused or self.panel.state is PanelState.FAILED or self._answer is None:
            self._answer = BatchAnswer(item.name, None, (self._refused or self.panel.error,))
        said = tuple(strip_folders(sentence, item.folders) for sentence in self._answer.remarks)
        self.answers.append(replace(self._answer, remarks=said))

    def _take(self, table: Answer, warnings: Sequence[str]) -> None:
        self._answer = BatchAnswer(self.item.name, table, tuple(warnings))

"""Lesions by clicks in the slice views: *Add lesion* takes the next click, *Improve* all, inside and outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import slicer

from LiverTumorSegLib.apps.panel import click_texts
from LiverTumorSegLib.apps.panel.clicks import ClickedLesion
from LiverTumorSegLib.apps.panel.job_runner import IDLE, PanelState
from LiverTumorSegLib.apps.panel.mrml_click_points import ClickPoints
from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto, ClickSettings
from LiverTumorSegLib.apps.panel.mrml_kept_clicks import VoxelClick, same_clicks
from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes, earlier_table

from .lesions import shortcut
from .logic import SegmentationLogic
from .parameters import resultOf, showResult
from .section import Section
from .table import chooseLesion, chosenLesion

ADD_KEY, IMPROVE_KEY, OUTSIDE_KEY, END_KEY = "Alt+A", "Alt+I", "Alt+X", "Esc"


class Mode(Enum):
    """What a click in a slice view is."""

    OFF = "as usual"
    ADD = "a new lesion"
    IMPROVE = "inside or outside the chosen lesion"


@dataclass
class _Wanted:
    """Clicks that wait to be looked at; a new lesion is made of its first click when its turn comes.

    Args:
        scene: the CT and the result as they were chosen at the click.
        lesion: that was clicked into; None for a new one.
        clicks: all of its clicks.
    """

    scene: LesionScene
    lesion: ClickedInto | None
    clicks: tuple[VoxelClick, ...]


class ClickSection(Section):
    """Takes clicks, has them answered one after the other, and then the table measured.

    Args:
        ui: the panel's widgets.
        logic: whose jobs answer clicks.
        afterConsent: does work with a model where the user knows its licence.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic, afterConsent: Callable[..., None]) -> None:
        super().__init__(ui)
        self.logic, self.panel, self.jobs = logic, logic.panel, logic.jobs.clicks
        self.mode = Mode.OFF
        self.points = ClickPoints(self._onPoints, self.panel.later)
        self._afterConsent = afterConsent
        self._lesion: ClickedInto | None = None
        self._running: _Wanted | None = None
        self._queue: list[_Wanted] = []
        self._unmeasured: list[tuple[ResultNodes, ClickedInto]] = []
        self._said = ""
        self._working = self._going = False
        for button in (ui.addLesionButton, ui.clickFirstButton):
            button.connect("clicked(bool)", self._onAdd)
        ui.improveButton.connect("clicked(bool)", self._onImprove)
        ui.outsideButton.connect("clicked(bool)", self._onOutside)
        ui.lesionTable.connect("itemSelectionChanged()", self._onChosen)
        self._shortcuts = [
            shortcut(ui.segmentButton, ADD_KEY, self._onAddKey),
            shortcut(ui.resultsSection, IMPROVE_KEY, lambda: ui.improveButton.enabled and ui.improveButton.click()),
            shortcut(ui.resultsSection, OUTSIDE_KEY, lambda: ui.outsideButton.enabled and ui.outsideButton.click()),
        ]
        self._escape = shortcut(ui.segmentButton, END_KEY, self.end)
        self._escape.enabled = False

    def show(self) -> None:
        """Bring buttons, marks and hint up to date, and go on with what waits."""
        if self.panel.state in IDLE:
            self._takeFailure()
            self._working = False
        nodes = resultOf(self.parameters) if self.parameters else None
        if self.mode is Mode.IMPROVE and self._lesion:
            self._followLesion(nodes, self._lesion)
        self._showButtons(nodes)
        if (self._queue or self._unmeasured) and self.panel.state in IDLE and not self._going:
            self._going = True
            self.panel.later(self._go)

    def _showButtons(self, nodes: ResultNodes | None) -> None:
        ui, free = self.ui, self.panel.state in IDLE or self._working
        hasInput = bool(self.parameters and self.parameters.inputVolume)
        for button in (ui.addLesionButton, ui.clickFirstButton):
            button.enabled = free and hasInput
            button.checked = self.mode is Mode.ADD
        ui.clickFirstButton.visible = nodes is None
        row = chosenLesion(ui.lesionTable) if nodes else None
        ui.improveButton.checked = ui.outsideButton.enabled = self.mode is Mode.IMPROVE
        ui.improveButton.enabled = self.mode is Mode.IMPROVE or (free and row is not None)
        if self.mode is not Mode.IMPROVE:
            ui.outsideButton.checked = False
        hint = click_texts.click_hint(
            self.mode.name, outside=bool(ui.outsideButton.checked), placing=self.points.is_placing
        )
        ui.clickLabel.text = " ".join(each for each in (self._said, hint) if each)
        ui.clickLabel.visible = bool(ui.clickLabel.text)

    def end(self) -> None:
        """Let clicks do what they usually do; those that were made already are looked at."""
        self._setMode(Mode.OFF, None)
        self.points.hide()
        if self.parameters:
            self.show()

    def forget(self) -> None:
        """The scene goes away, and all clicks with it."""
        self._queue.clear()
        self._unmeasured.clear()
        self._running = None
        self._said = ""
        self.end()
        self.jobs.forget()

    def _setMode(self, mode: Mode, lesion: ClickedInto | None) -> None:
        self.mode, self._lesion = mode, lesion
        self._escape.enabled = mode is not Mode.OFF

    def _onAddKey(self) -> None:
        button = self.ui.addLesionButton
        if button.enabled:
            self._onAdd()

    def _onAdd(self) -> None:
        was = self.mode
        self.end()
        if was is not Mode.ADD and self.parameters.inputVolume:
            self.panel.attempt(lambda: self._afterConsent(self._startAdding, self.logic.clickModel))
        self.show()

    def _startAdding(self) -> None:
        if not self.parameters.inputVolume:  # the scene was closed while the user was asked
            return
        self._begin(Mode.ADD, None, self.parameters.inputVolume)
        self.points.start(inside=True, lasting=False)
        self.show()

    def _onImprove(self) -> None:
        was, nodes, row = self.mode, resultOf(self.parameters), chosenLesion(self.ui.lesionTable)
        self.end()
        if was is not Mode.IMPROVE and nodes and row is not None:
            self.panel.attempt(
                lambda: self._afterConsent(lambda: self._startImproving(nodes, row), self.logic.clickModel)
            )
        self.show()

    def _startImproving(self, nodes: ResultNodes, row: int) -> None:
        if not slicer.mrmlScene.IsNodePresent(nodes.table):
            return
        lesion = self.jobs.lesion_of(nodes, row)
        self._begin(Mode.IMPROVE, lesion, nodes.volume)
        self.points.show(nodes.volume, lesion.clicks)
        self.points.start(inside=True, lasting=True)
        self.show()

    def _begin(self, mode: Mode, lesion: ClickedInto | None, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
        self._said = ""
        self._setMode(mode, lesion)
        if self.panel.state in IDLE and not self._queue and not self._unmeasured:
            self._working = True
            self.panel.attempt(lambda: self.jobs.prepare(volume, self._settings))

    @property
    def _settings(self) -> ClickSettings:
        return ClickSettings(self.logic.clickModel, self.parameters.device)

    def _onOutside(self) -> None:
        if self.mode is Mode.IMPROVE:
            self.points.start(inside=not self.ui.outsideButton.checked, lasting=True)
        self.show()

    def _onPoints(self) -> None:
        """The user has placed, moved or removed a point, or left place mode."""
        if self.mode is Mode.ADD:
            volume = self.parameters.inputVolume
            clicks = self.points.clicks(volume) if volume else ()
            if clicks:
                self._queue.append(_Wanted(self._chosenScene(), None, clicks[:1]))
            if clicks or not self.points.is_placing:
                self.end()
        elif self.mode is Mode.IMPROVE and self._lesion:
            clicks = self.points.clicks(self._lesion.scene.volume)
            asked = next((each for each in reversed(self._asked) if each.lesion is self._lesion), None)
            if not same_clicks(clicks, asked.clicks if asked else self._lesion.clicks):
                self._queue = [each for each in self._queue if each.lesion is not self._lesion]
                self._queue.append(_Wanted(self._lesion.scene, self._lesion, clicks))
            self.show()

    @property
    def _asked(self) -> list[_Wanted]:
        return [*([self._running] if self._running else []), *self._queue]

    def _go(self) -> None:
        """Look at what was clicked next, or measure where all was looked at."""
        self._going = False
        if self.panel.state not in IDLE or not self.parameters:
            return
        if self._queue:
            self._running = wanted = self._queue.pop(0)
            self._said, self._working = "", True
            self.panel.attempt(lambda: self._click(wanted))
        elif self._unmeasured:
            (nodes, lesion), self._working = self._unmeasured.pop(0), True
            self.panel.attempt(lambda: self.logic.jobs.measure(nodes, lambda _: self._choose(lesion)))
        self.show()

    def _click(self, wanted: _Wanted) -> None:
        lesion = wanted.lesion or self._newLesion(wanted)

        def done(nodes: ResultNodes, answer: ClickedLesion | None) -> None:
            self._running = None
            if self.parameters:
                showResult(self.parameters, nodes)
            self._said = click_texts.click_answer(answer) if answer else ""
            self._unmeasured = [each for each in self._unmeasured if each[0].table is not nodes.table]
            self._unmeasured.append((nodes, lesion))

        self.jobs.click(lesion, wanted.clicks, done, self._settings)

    def _chosenScene(self) -> LesionScene:
        """The chosen CT with its result, with the one that the chosen segmentation holds, or with none yet.

        Clicks that wait for the same first result share it, so that one of them makes it for all.
        """
        parameters, nodes = self.parameters, resultOf(self.parameters)
        volume, segmentation = parameters.inputVolume, parameters.outputSegmentation
        if nodes and nodes.volume is volume:
            return LesionScene.of(nodes)
        table = earlier_table(segmentation, volume) if segmentation else None
        if table:
            return LesionScene.of(ResultNodes(volume, segmentation, table))
        waiting = (each.scene for each in self._asked if each.scene.volume is volume)
        alike = (each for each in waiting if each.table is None and each.segmentation is segmentation)
        return next(alike, LesionScene(volume, segmentation, None, parameters.oneEach))

    def _newLesion(self, wanted: _Wanted) -> ClickedInto:
        """A lesion of the CT that was clicked into, in the result that it has by now."""
        nodes, scene = resultOf(self.parameters), wanted.scene
        i, j, k = (round(at) for at in wanted.clicks[0][0])
        if nodes and nodes.volume is scene.volume:
            scene = LesionScene.of(nodes)
        return ClickedInto(scene, (i, j, k))

    def _takeFailure(self) -> None:
        """Clicks that came to nothing are taken back, and so are those that wait behind them."""
        failed, self._running = self._running, None
        if failed:
            self._queue.clear()
            if self.mode is Mode.IMPROVE and self._lesion and self._lesion is failed.lesion:
                self.points.show(self._lesion.scene.volume, self._lesion.clicks)
        elif self._working and self.panel.state is PanelState.FAILED and self.mode is not Mode.OFF:
            self._setMode(Mode.OFF, None)  # the model is not there, or the CT is none
            self.points.hide()

    def _followLesion(self, nodes: ResultNodes | None, lesion: ClickedInto) -> None:
        """Show the clicks that there are after an undo, and keep the row chosen when the table is filled anew."""
        if nodes is None or nodes.table is not lesion.scene.table:
            self._setMode(Mode.OFF, None)
            self.points.hide()
            return
        is_settled = not self._asked and not self.points.is_changing
        if is_settled and not same_clicks(self.points.clicks(nodes.volume), lesion.clicks):
            self.points.show(nodes.volume, lesion.clicks)
        if chosenLesion(self.ui.lesionTable) is None:
            self._chooseRowOf(nodes, lesion)

    def _choose(self, lesion: ClickedInto) -> None:
        """Choose a lesion's row, once the table is filled, and leave the views where they are."""

        def choose() -> None:
            nodes = resultOf(self.parameters) if self.parameters else None
            if nodes and nodes.table is lesion.scene.table:
                self._chooseRowOf(nodes, lesion)
                self.panel.refresh()

        self.panel.later(choose)

    def _chooseRowOf(self, nodes: ResultNodes, lesion: ClickedInto) -> None:
        for row in range(len(nodes.facts.get("inside", []))):
            if _is_in(lesion, nodes, row):
                chooseLesion(self.ui.lesionTable, row)
                return

    def _onChosen(self) -> None:
        """Another row was chosen: what was said of a click is not about it, and its lesion is not being improved."""
        nodes, row = resultOf(self.parameters) if self.parameters else None, chosenLesion(self.ui.lesionTable)
        if nodes and row is not None:
            self._said = ""
            if self.mode is Mode.IMPROVE and self._lesion and not _is_in(self._lesion, nodes, row):
                self.end()
        if self.parameters:
            self.show()


def _is_in(lesion: ClickedInto, nodes: ResultNodes, row: int) -> bool:
    i, j, k = nodes.inside(row)
    return lesion.edited.state.holds((i, j, k)) if lesion.edited else lesion.voxel == (i, j, k)

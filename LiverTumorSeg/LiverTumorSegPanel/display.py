"""How the result is seen: overlay, opacity, 3D, and the diameters and numbers of lesions in the views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorSegLib.apps.panel import mrml_display, mrml_markups
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes
from LiverTumorSegLib.core.labels import LESION, LIVER

from .lesions import shortcut
from .parameters import resultOf
from .section import Section
from .table import chosenLesion

_OVERLAY_KEY = "Alt+O"


class DisplaySection(Section):
    """Shows how the result is displayed, and changes it; the choices are kept by its display node.

    Args:
        ui: the panel's widgets.
    """

    def __init__(self, ui: Any) -> None:
        super().__init__(ui)
        self._drawn: tuple[Any, ...] | None = None
        ui.overlayCheck.connect("clicked(bool)", self._onOverlay)
        ui.surfaceShownCheck.connect("clicked(bool)", self._onSurface)
        ui.liverOpacitySlider.connect("valueChanged(int)", self._onLiverOpacity)
        ui.lesionOpacitySlider.connect("valueChanged(int)", self._onLesionOpacity)
        ui.lesionTable.connect("itemSelectionChanged()", self.show)
        self._overlayShortcut = shortcut(ui.resultsSection, _OVERLAY_KEY, ui.overlayCheck.click)

    def show(self) -> None:
        """Bring boxes, sliders and what is drawn up to date."""
        nodes = resultOf(self.parameters) if self.parameters else None
        if nodes is None:
            self._drawn = None
            return
        ui = self.ui
        ui.overlayCheck.checked = mrml_display.is_shown_2d(nodes.segmentation)
        ui.surfaceShownCheck.checked = mrml_display.is_shown_3d(nodes.segmentation)
        for slider, kind in ((ui.liverOpacitySlider, LIVER.label), (ui.lesionOpacitySlider, LESION.label)):
            blocked = slider.blockSignals(True)
            slider.value = round(100 * mrml_display.fill_opacity(nodes.segmentation, _segments(nodes, kind)))
            slider.blockSignals(blocked)
        self._draw(nodes)

    def _draw(self, nodes: ResultNodes) -> None:
        """Diameters of the chosen lesion and all numbers, or nothing; only when something changed."""
        row = chosenLesion(self.ui.lesionTable)
        place = nodes.volume.GetID(), nodes.volume.GetMTime(), nodes.volume.GetTransformNodeID()
        now = (nodes.table.GetID(), nodes.table.GetMTime(), self.parameters.diameters, row, *place)
        if now == self._drawn:
            return
        self._drawn = now
        mrml_markups.remove_others(nodes.table)
        if self.parameters.diameters:
            mrml_markups.show_numbers(nodes.table, nodes.volume, nodes.places, nodes.row_numbers)
            mrml_markups.show_diameters(nodes.table, nodes.volume, [] if row is None else nodes.lines(row))
        else:
            mrml_markups.remove_markups(nodes.table)

    def _onOverlay(self, shown: bool) -> None:
        self._change(lambda nodes: mrml_display.show_2d(nodes.segmentation, shown))

    def _onSurface(self, shown: bool) -> None:
        self._change(lambda nodes: mrml_display.show_3d(nodes.segmentation, shown))

    def _onLiverOpacity(self, percent: int) -> None:
        self._setOpacity(LIVER.label, percent)

    def _onLesionOpacity(self, percent: int) -> None:
        self._setOpacity(LESION.label, percent)

    def _setOpacity(self, kind: int, percent: int) -> None:
        self._change(
            lambda nodes: mrml_display.set_fill_opacity(nodes.segmentation, _segments(nodes, kind), percent / 100)
        )

    def _change(self, change: Callable[[ResultNodes], None]) -> None:
        nodes = resultOf(self.parameters)
        if nodes:
            change(nodes)


def _segments(nodes: ResultNodes, kind: int) -> list[str]:
    return [name for name, label in nodes.segments.items() if label == kind]

"""Numbers of lesions beside what the slices cut of them, and the diameters of the one that was chosen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from trame_slicer.views import SliceView

from ....panel import mrml_tables
from ....panel.mrml_results import ResultNodes
from ....panel.mrml_volumes import to_world, world_affine
from ..looking.lesion_places import LesionPlaces, LesionVoxels, find_places, lesion_voxels, number_words
from ..looking.pictures import Shown
from ..looking.view_plane import ViewPlane
from ..session import Session
from .base import Section

_LOOKS = ("lts-long", "lts-short")


@dataclass(frozen=True)
class _Marks:
    """What is drawn of a result: its table's rows, ends of both diameters in voxels, and where the lesions are."""

    nodes: ResultNodes
    rows: list[dict[str, float]]
    diameters: list[list[list[list[float]]]]
    places: LesionPlaces


class LesionMarksSection(Section):
    """Draws over the views what the table says; it has no widget of its own."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._measured = 0
        self._marks: _Marks | None = None

    def build(self) -> None:
        """Draw with the views, and anew where another lesion is chosen, or all is hidden."""
        self.session.views.layers.append(self._layer)
        self.state.change("row", "overlay")(lambda **_: self.session.views.draw())

    def show(self) -> None:
        """Find the lesions anew once they were measured; the page does not wait for it, and shows the old ones."""
        nodes = self.session.nodes
        measured = nodes.table.GetMTime() if nodes else 0
        if measured == self._measured:
            return
        self._measured = measured
        rows = mrml_tables.rows(nodes.table) if nodes else []
        if nodes and rows:
            self.session.start(self._find(nodes, rows, lesion_voxels(nodes), measured))
        else:
            self._marks = None
            self.session.views.draw()

    async def _find(
        self, nodes: ResultNodes, rows: list[dict[str, float]], voxels: LesionVoxels, measured: int
    ) -> None:
        facts, affine = nodes.facts, world_affine(nodes.volume)
        places = await asyncio.to_thread(find_places, voxels, facts.get("inside", []), affine)
        if measured == self._measured:
            self._marks = _Marks(nodes, rows, facts.get("lines", []), places)
            self.session.views.draw()

    def _layer(self, _view: SliceView, plane: ViewPlane) -> Shown:
        marks = self._marks
        if marks is None or not self.state.overlay or marks.nodes is not self.session.nodes:
            return {}
        lines = self._lines(marks, plane)
        return {"lines": lines, "numbers": self._numbers(marks, plane, with_diameters=bool(lines))}

    def _lines(self, marks: _Marks, plane: ViewPlane) -> list[dict[str, Any]]:
        """The diameters of the chosen lesion that lie in the slice."""
        row = self.state.row
        if not 0 <= row < len(marks.diameters):
            return []
        found = []
        for voxels, look in zip(marks.diameters[row], _LOOKS, strict=False):
            ends = to_world(marks.nodes.volume, np.array(voxels))
            if plane.cuts(ends).all():
                (x1, y1), (x2, y2) = plane.shares(ends).round(3).tolist()
                found.append({"x1": x1, "y1": y1, "x2": x2, "y2": y2, "look": look})
        return found

    def _numbers(self, marks: _Marks, plane: ViewPlane, *, with_diameters: bool) -> list[dict[str, Any]]:
        found = []
        for row, corner in marks.places.corners(plane).items():
            x, y = plane.shares(corner[None])[0].round(3).tolist()
            chosen, measures = row == self.state.row, marks.rows[row]
            words = number_words(int(measures["number"]), measures if chosen and with_diameters else None)
            found.append({"number": int(measures["number"]), "words": words, "x": x, "y": y, "chosen": chosen})
        return found

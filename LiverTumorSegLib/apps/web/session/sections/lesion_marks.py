"""Numbers of lesions beside what the slices cut of them, and the diameters of the one that was chosen."""

from __future__ import annotations

import asyncio
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


class LesionMarksSection(Section):
    """Draws over the views what the table says; it has no widget of its own."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._measured = 0
        self._places: LesionPlaces | None = None
        self._rows: list[dict[str, float]] = []
        self._diameters: list[list[list[list[float]]]] = []

    def build(self) -> None:
        """Draw with the views, and anew where another lesion is chosen, or all is hidden."""
        self.session.views.layers.append(self._layer)
        self.state.change("row", "overlay")(lambda **_: self.session.views.draw())

    def show(self) -> None:
        """Find the lesions anew once they were measured; the page does not wait for it."""
        nodes = self.session.nodes
        measured = nodes.table.GetMTime() if nodes else 0
        if measured == self._measured:
            return
        self._measured, self._places = measured, None
        self._rows = mrml_tables.rows(nodes.table) if nodes else []
        if nodes and self._rows:
            facts = nodes.facts
            self._diameters = facts.get("lines", [])
            self.session.start(self._find(nodes, lesion_voxels(nodes), facts.get("inside", []), measured))
        self.session.views.draw()

    async def _find(self, nodes: ResultNodes, voxels: LesionVoxels, inside: list[list[int]], measured: int) -> None:
        places = await asyncio.to_thread(find_places, voxels, inside, world_affine(nodes.volume))
        if measured == self._measured:
            self._places = places
            self.session.views.draw()

    def _layer(self, _view: SliceView, plane: ViewPlane) -> Shown:
        nodes = self.session.nodes
        if nodes is None or not self.state.overlay or nodes.table.GetMTime() != self._measured:
            return {}
        lines = self._lines(nodes, plane)
        return {"lines": lines, "numbers": self._numbers(plane, with_diameters=bool(lines))}

    def _lines(self, nodes: ResultNodes, plane: ViewPlane) -> list[dict[str, Any]]:
        """The diameters of the chosen lesion that lie in the slice."""
        row = self.state.row
        if not 0 <= row < min(len(self._rows), len(self._diameters)):
            return []
        ends = [to_world(nodes.volume, np.array(line)) for line in self._diameters[row]]
        shares = (
            (plane.shares(line), look) for line, look in zip(ends, _LOOKS, strict=False) if plane.cuts(line).all()
        )
        return [
            dict(zip(("x1", "y1", "x2", "y2"), each.ravel().round(3).tolist(), strict=True)) | {"look": look}
            for each, look in shares
        ]

    def _numbers(self, plane: ViewPlane, *, with_diameters: bool) -> list[dict[str, Any]]:
        if self._places is None:
            return []
        found = []
        for row, corner in self._places.corners(plane).items():
            x, y = plane.shares(corner[None])[0].round(3).tolist()
            chosen, number = row == self.state.row, int(self._rows[row]["number"])
            words = number_words(number, self._rows[row] if chosen and with_diameters else None)
            found.append({"number": number, "words": words, "x": x, "y": y, "chosen": chosen})
        return found

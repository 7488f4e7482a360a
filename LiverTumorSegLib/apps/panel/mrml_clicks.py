"""Clicks into lesions of the scene: what the worker is asked for, and what of its answer becomes segments and table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import slicer

from ...core.about import CLICK_MODEL
from ...core.errors import UserError
from ...core.labels import LIVER
from ...reporting.lesion_notes import Voxel
from . import mrml_display, mrml_segmentations
from .clicks import ClickedLesion, run_of_clicks
from .mrml_edited_lesion import EditedLesion, LesionState
from .mrml_kept_clicks import VoxelClick
from .mrml_lesion_scene import LesionScene
from .mrml_results import FACTS, ResultNodes, new_table, require
from .mrml_volumes import LastVolume
from .panel import Panel


@dataclass(frozen=True)
class ClickSettings:
    """How clicks are answered.

    Args:
        model: for clicks.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
    """

    model: str = CLICK_MODEL
    device: str = "auto"


@dataclass(eq=False)
class ClickedInto:
    """A lesion that the user clicks into, before and after the first of its clicks was looked at.

    Args:
        scene: where it is, or goes.
        voxel: ``(i, j, k)`` of the lesion that is meant, or where a new one is.
        clicks: those that were answered.
        edited: the lesion in the scene; None until the first answer.
    """

    scene: LesionScene
    voxel: Voxel
    clicks: tuple[VoxelClick, ...] = ()
    edited: EditedLesion | None = field(default=None)


@dataclass(frozen=True)
class ClickStep:
    """A step of the undo list: clicks changed a lesion.

    Args:
        table: of the result.
        lesion: that was clicked into.
        edited: the same in the scene.
        before, after: what it was and what it became.
    """

    table: slicer.vtkMRMLTableNode
    lesion: ClickedInto
    edited: EditedLesion
    before: LesionState
    after: LesionState

    @property
    def bytes(self) -> int:
        """What keeping it takes."""
        return sum(state.lesion.values.nbytes for state in (self.before, self.after) if state.lesion)

    def restore(self, nodes: ResultNodes) -> ClickStep:
        """Let the lesion be as it was before, but for what was painted since; returns what takes that back."""
        edited = self.edited
        known = edited.take_note()
        if mrml_display.has_surface(nodes.segmentation):
            nodes.segmentation.RemoveClosedSurfaceRepresentation()
        edited.become(self.before)
        if not known:
            edited.stamp = ()
        self.lesion.edited, self.lesion.clicks = edited, self.before.clicks
        return replace(self, before=self.after, after=self.before)


class ClickJobs:
    """Runs a panel's jobs for clicks.

    Args:
        panel: whose methods are called, and whose errors are shown.
        keep: gets each step that can be taken back.
        volumes: gives the CT of a node.
    """

    def __init__(self, panel: Panel, keep: Callable[[ClickStep], None], volumes: LastVolume) -> None:
        self.panel, self._keep, self._volumes = panel, keep, volumes
        self._clicked: list[ClickedInto] = []

    def prepare(self, node: slicer.vtkMRMLScalarVolumeNode, settings: ClickSettings = ClickSettings()) -> None:
        """Hand over a CT before the first click, so that this is answered as fast as the others.

        Raises:
            UserError: the volume holds no CT.
        """
        self.panel.prepare_clicks(self._volumes.of(node), device=settings.device, model=settings.model)

    def lesion_of(self, nodes: ResultNodes, row: int) -> ClickedInto:
        """The lesion in a row, with its clicks where it is as they left it, also in a scene that was loaded.

        Raises:
            UserError: the scene is of an earlier version, or the volume holds no CT.
        """
        i, j, k = nodes.inside(row)
        for known in reversed(self._clicked):
            edited = known.edited if known.clicks and known.scene.table is nodes.table else None
            if edited and edited.state.holds((i, j, k)) and edited.take_note():
                return known
        lesion = ClickedInto(LesionScene.of(nodes), (i, j, k))
        kept = lesion.scene.kept_clicks(lesion.voxel)
        edited = EditedLesion.again(lesion.scene, kept, self._volumes.of(nodes.volume)) if kept else None
        if edited:
            lesion.edited, lesion.clicks = edited, edited.state.clicks
            self._clicked.append(lesion)
        return lesion

    def click(
        self,
        lesion: ClickedInto,
        clicks: tuple[VoxelClick, ...],
        done: Callable[[ResultNodes, ClickedLesion | None], None],
        settings: ClickSettings = ClickSettings(),
    ) -> None:
        """Let a lesion be what all of its clicks say; ``done`` gets the nodes when it is in the segments.

        The table is not measured for it: see :meth:`.mrml_jobs.SceneJobs.measure`.

        Args:
            lesion: that was clicked into.
            clicks: all of them, in their order; without any, it is again what it was before the first.
            done: gets the result, and the answer where there was a click.
            settings: how.

        Raises:
            UserError: CT, segments or table are gone.
        """
        scene = lesion.scene
        require(scene.volume, scene.segmentation, scene.table)
        edited = self._edited(lesion)
        if not clicks:
            done(self._become(lesion, edited, edited.after((), None)), None)
            return

        def finish(answer: ClickedLesion) -> None:
            require(scene.volume, scene.segmentation, scene.table)
            if not edited.take_note():
                msg = "The lesion was changed meanwhile, so nothing else was done: click again."
                raise UserError(msg)
            done(self._become(lesion, edited, edited.after(clicks, answer)), answer)

        self.panel.click(
            edited.volume,
            edited.around,
            edited.clicks_in_patient(clicks),
            finish,
            base=edited.base,
            device=settings.device,
            model=settings.model,
        )

    def forget(self) -> None:
        """Forget all clicks, as when the scene is closed."""
        self._clicked.clear()
        self._volumes.forget()

    def _edited(self, lesion: ClickedInto) -> EditedLesion:
        """The lesion as the scene holds it; what was painted since its last click is its base now."""
        edited, volume = lesion.edited, self._volumes.of(lesion.scene.volume)
        if edited is None or edited.around.shape != volume.voxels.shape or not edited.take_note():
            lesion.clicks = ()
            return EditedLesion.at(lesion.scene, lesion.voxel, volume)
        edited.volume = volume  # another object where other CTs were read since
        return edited

    def _become(self, lesion: ClickedInto, edited: EditedLesion, state: LesionState) -> ResultNodes:
        """Put a state into the segments, as a step that can be taken back."""
        nodes = lesion.scene.nodes or _new_result(lesion.scene)
        shown = mrml_display.has_surface(nodes.segmentation)
        before = edited.state
        if shown:
            nodes.segmentation.RemoveClosedSurfaceRepresentation()  # of other labels
        edited.become(state)
        lesion.edited, lesion.clicks = edited, state.clicks
        if lesion not in self._clicked:
            self._clicked.append(lesion)
        self._keep(ClickStep(nodes.table, lesion, edited, before, state))
        if shown:
            self.panel.later(lambda: mrml_display.show_surface(nodes.segmentation))
        return nodes


def _new_result(scene: LesionScene) -> ResultNodes:
    """Nodes for lesions of a CT that was not segmented; the user's own segments in the chosen node count."""
    node = scene.segmentation or mrml_segmentations.create(scene.volume)
    if not node.GetSegmentation().GetNumberOfSegments():
        mrml_segmentations.take_geometry(node, scene.volume)
    table = new_table(node, scene.volume)
    names = scene.names
    run = run_of_clicks(liver=LIVER.label in names.values())
    facts = {
        "run": run,
        "warnings": [],
        "segments": names,
        "one_each": scene.one_each,
        "rows": [],
        "inside": [],
        "marks": [],
    }
    table.SetAttribute(FACTS, json.dumps(facts))
    scene.segmentation, scene.table = node, table
    return ResultNodes(scene.volume, node, table)

"""A lesion of the scene that clicks make or improve: what it was before them, and how it changes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ...core.boxed import Boxed, inside_box
from ...core.labels import LESION, LIVER, bounding_box, enclosing_box
from ...core.volume import Volume
from ...reporting.lesion_notes import Voxel
from ...reporting.lesion_origins import LesionMark, value_at, with_clicks
from .clicks import ClickedLesion, LesionClick
from .mrml_kept_clicks import KeptClicks, VoxelClick
from .mrml_lesion_scene import LesionScene, Stamp
from .mrml_segmentations import made_here


@dataclass(frozen=True)
class LesionState:
    """A lesion after some clicks.

    Args:
        clicks: that led to it, in their order.
        lesion: its voxels, bool; None where it has none.
    """

    clicks: tuple[VoxelClick, ...]
    lesion: Boxed | None

    def holds(self, voxel: Voxel) -> bool:
        """Whether a voxel ``(i, j, k)`` is of the lesion."""
        return self.lesion is not None and self.lesion.holds(voxel)


@dataclass(eq=False)
class EditedLesion:
    """A lesion that is being clicked, from what the scene held when its first click was looked at.

    Args:
        scene: where it lies.
        volume: the CT; the same object for all of its clicks, so that a worker reads it once.
        around: ``[k, j, i]``, labels 0, 1 and 2 of everything else.
        base: ``[k, j, i]``, the lesion as it was; None for a new one.
        segment: that holds it; None while it has none.
        state: as it is now.
        stamp: of the segments when it was.
        marks: of the base.
        earlier: clicks that led to the base, and are those of the lesion again once all later ones are taken back.
    """

    scene: LesionScene
    volume: Volume
    around: NDArray[np.uint8]
    base: NDArray[np.bool_] | None
    segment: str | None
    state: LesionState
    stamp: Stamp
    marks: tuple[LesionMark, ...] = ()
    earlier: KeptClicks | None = None

    @classmethod
    def at(cls, scene: LesionScene, voxel: Voxel, volume: Volume) -> EditedLesion:
        """The lesion at a voxel ``(i, j, k)`` of the volume, or a new one where there is none.

        Raises:
            UserError: it is in a segment that was painted on another grid than the volume's.
        """
        i, j, k = voxel
        names = scene.names
        labels, owners = scene.labels(names)
        segment, base = None, None
        within = all(0 <= at < size for at, size in zip((k, j, i), labels.shape, strict=True))
        if within and labels[k, j, i] == LESION.label:
            segment = list(names)[owners[k, j, i] - 1]
            scene.boxes.require_grid(segment)
            base = component(owners == owners[k, j, i], (k, j, i))
        elif not scene.one_each:
            own = made_here(scene.segmentation) if scene.segmentation else []
            segment = next((name for name, kind in names.items() if kind == LESION.label and name in own), None)
        around = labels if base is None else _without(labels, base)
        marks = () if base is None else tuple(mark for mark in scene.marks if value_at(base, mark.voxel))
        earlier = None if base is None else scene.kept_clicks(voxel)
        state = LesionState((), None if base is None else Boxed.around(base))
        return cls(scene, volume, around, base, segment, state, scene.stamp, marks, earlier)

    @classmethod
    def again(cls, scene: LesionScene, kept: KeptClicks, volume: Volume) -> EditedLesion | None:
        """The lesion that clicks have left in a scene that was saved; None where it is another by now."""
        names = scene.names
        labels, owners = scene.labels(names)
        if not _is_whole(kept.lesion, kept.segment, names, owners):
            return None
        lesion, base = kept.lesion.whole(labels.shape), kept.base and kept.base.whole(labels.shape)
        labels[lesion if base is None else lesion | base] = 0
        if kept.liver:
            labels[kept.liver.box][kept.liver.values] = LIVER.label
        state = LesionState(kept.clicks, kept.lesion)
        return cls(scene, volume, labels, base, kept.segment, state, scene.stamp, kept.marks)

    @property
    def kept(self) -> KeptClicks | None:
        """As :meth:`again` takes it; None without clicks or voxels."""
        clicks, lesion = self.state.clicks, self.state.lesion
        if not clicks:
            return self.earlier
        if self.segment is None or lesion is None:
            return None
        base = self._boxed_base
        box = enclosing_box(part.box for part in (lesion, base) if part)
        touched = inside_box(lesion, box) | inside_box(base, box)
        liver = Boxed(box, touched & (self.around[box] == LIVER.label)).trimmed
        return KeptClicks(clicks, self.segment, lesion, base, liver, self.marks)

    @cached_property
    def _boxed_base(self) -> Boxed | None:
        """The base, which stays as it is, in the box that holds it."""
        return None if self.base is None else Boxed.around(self.base)

    def clicks_in_patient(self, clicks: tuple[VoxelClick, ...]) -> list[LesionClick]:
        """Clicks in the RAS millimetres that the volume's affine leads to."""
        points = [(self.volume.affine @ [*voxel, 1])[:3].tolist() for voxel, _inside in clicks]
        return [LesionClick((r, a, s), inside) for (r, a, s), (_, inside) in zip(points, clicks, strict=True)]

    def after(self, clicks: tuple[VoxelClick, ...], answer: ClickedLesion | None) -> LesionState:
        """The state that an answer to clicks describes; None is what was there before the first."""
        if answer is None:
            return LesionState(clicks, self._boxed_base)
        return LesionState(clicks, Boxed(answer.box, answer.mask).trimmed)

    def take_note(self) -> bool:
        """Take in what else was done to the segments since; False where this lesion itself is another by now."""
        now = self.scene.stamp
        if now == self.stamp:
            return True
        names, lesion = self.scene.names, self.state.lesion
        labels, owners = self.scene.labels(names)
        if lesion is not None:
            if not _is_whole(lesion, self.segment, names, owners):
                return False
            labels[lesion.box] = np.where(lesion.values, self.around[lesion.box], labels[lesion.box])
        self.around, self.stamp = labels, now
        return True

    def become(self, state: LesionState) -> None:
        """Put another state into the segments, of which there is a node by now; what was painted since stays."""
        scene, before, self.state = self.scene, self.state, state
        wasmodified = scene.segmentation.StartModify()
        if state.lesion and not scene.has(self.segment):
            self.segment = scene.add_segment()
        if self.segment is not None and scene.has(self.segment):
            self._change(self.segment, before.lesion, state.lesion)
        scene.segmentation.EndModify(wasmodified)
        scene.mark(self._marked(scene.marks, before))
        scene.keep_clicks(before.lesion, self.kept)
        self.stamp = scene.stamp

    def _marked(self, marks: tuple[LesionMark, ...], before: LesionState) -> tuple[LesionMark, ...]:
        """All marks of the result with what this lesion has now in place of what it had."""
        others = [mark for mark in marks if not (before.holds(mark.voxel) or self._is_base(mark.voxel))]
        clicks, lesion = len(self.state.clicks), self.state.lesion
        if not clicks or lesion is None:
            return (*others, *self.marks)
        mark = LesionMark(lesion.voxel, clicks, int(np.count_nonzero(lesion.values)))
        return with_clicks((*others, *self.marks), mark, self.base)

    def _is_base(self, voxel: Voxel) -> bool:
        return self.base is not None and bool(value_at(self.base, voxel))

    def _change(self, segment: str, before: Boxed | None, after: Boxed | None) -> None:
        """Give and take voxels, where nothing else was painted since."""
        parts = [part for part in (before, after) if part]
        if not parts:
            return
        box = enclosing_box(part.box for part in parts)
        old, new = (inside_box(part, box) for part in (before, after))
        freed, added = old & ~new, new & ~old
        scene, boxes, names = self.scene, self.scene.boxes, self.scene.names
        own = made_here(boxes.segmentation)
        livers = [name for name, kind in names.items() if kind == LIVER.label and name in own]
        is_liver = np.zeros(added.shape, np.bool_)
        for name, kind in names.items():
            if kind == LESION.label:
                added = added & ~boxes.held(name, box)
            else:
                is_liver |= boxes.held(name, box)
        under = self.around[box] == LIVER.label
        added = added & (is_liver == under)
        freed = freed & boxes.held(segment, box)
        boxes.add(segment, box, added, over=livers)
        for name in livers:
            boxes.take(name, box, added)
        boxes.take(segment, box, freed)
        for name in livers[:1]:
            boxes.add(name, box, freed & under)
        if scene.one_each and self.base is None and boxes.is_empty(segment):
            scene.remove_segment(segment)
            self.segment = None


def _is_whole(lesion: Boxed, segment: str | None, names: Mapping[str, int], owners: NDArray[np.uint16]) -> bool:
    """Whether a lesion is all that hangs together there in its segment, one of these names."""
    if segment is None or segment not in names:
        return False
    i, j, k = lesion.voxel
    own: NDArray[np.bool_] = owners == 1 + list(names).index(segment)
    return bool(own[k, j, i]) and np.array_equal(component(own, (k, j, i)), lesion.whole(own.shape))


def component(mask: NDArray[np.bool_], seed: tuple[int, int, int]) -> NDArray[np.bool_]:
    """What of a mask ``[k, j, i]`` hangs together with a voxel ``(k, j, i)`` of it, by faces."""
    box = bounding_box(mask)
    k, j, i = (at - side.start for at, side in zip(seed, box, strict=True))
    part = np.ascontiguousarray(mask[box]).astype(np.uint8)
    image = vtk.vtkImageData()
    image.SetDimensions(*part.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(part.ravel(), deep=True))
    seeds = vtk.vtkPoints()
    seeds.InsertNextPoint(i, j, k)
    flood = vtk.vtkImageThresholdConnectivity()
    flood.SetInputData(image)
    flood.SetSeedPoints(seeds)
    flood.ThresholdByUpper(1)
    flood.SetInValue(1)
    flood.SetOutValue(0)
    flood.ReplaceInOn()
    flood.ReplaceOutOn()
    flood.Update()
    found = np.zeros(mask.shape, np.bool_)
    found[box] = vtk_to_numpy(flood.GetOutput().GetPointData().GetScalars()).reshape(part.shape) > 0
    return found


def _without(labels: NDArray[np.uint8], lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Labels with a lesion as what most voxels around it are, liver or background."""
    k, j, i = (slice(max(0, side.start - 1), side.stop + 1) for side in bounding_box(lesion))
    part, near = lesion[k, j, i], np.pad(lesion[k, j, i], 1)
    grown = np.zeros_like(part)
    for axis in range(3):
        for step in (-1, 1):
            grown |= np.roll(near, step, axis)[1:-1, 1:-1, 1:-1]
    around, left = labels[k, j, i][grown & ~part], labels.copy()
    is_liver = 2 * np.count_nonzero(around == LIVER.label) >= max(1, len(around))
    left[lesion] = LIVER.label if is_liver else 0
    return left

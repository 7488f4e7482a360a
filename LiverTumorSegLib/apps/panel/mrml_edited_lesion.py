"""A lesion of the scene that clicks make or improve: what it was before them, and how it changes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ...core.boxed import Boxed
from ...core.labels import LESION, LIVER
from ...core.volume import Box, Volume
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
        box: of the volume that holds it.
        mask: bool, of the box's shape.
    """

    clicks: tuple[VoxelClick, ...]
    box: Box
    mask: NDArray[np.bool_]

    def holds(self, voxel: Voxel) -> bool:
        """Whether a voxel ``(i, j, k)`` is of the lesion."""
        at = [place - side.start for place, side in zip(reversed(voxel), self.box, strict=True)]
        within = all(0 <= place < size for place, size in zip(at, self.mask.shape, strict=True))
        return within and bool(self.mask[tuple(at)])

    @property
    def first(self) -> Voxel:
        """A voxel ``(i, j, k)`` of the lesion; there is one."""
        return self._at(np.argwhere(self.mask)[0])

    @property
    def mark(self) -> LesionMark:
        """What the clicks have marked; there is a voxel."""
        places = np.argwhere(self.mask)
        return LesionMark(self._at(places[len(places) // 2]), len(self.clicks), len(places))

    def _at(self, place: NDArray[np.intp]) -> Voxel:
        k, j, i = (int(at) + side.start for at, side in zip(place, self.box, strict=True))
        return i, j, k


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
    """

    scene: LesionScene
    volume: Volume
    around: NDArray[np.uint8]
    base: NDArray[np.bool_] | None
    segment: str | None
    state: LesionState
    stamp: Stamp
    marks: tuple[LesionMark, ...] = ()

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
        return cls(scene, volume, around, base, segment, _state((), base), scene.stamp, marks)

    @classmethod
    def again(cls, scene: LesionScene, kept: KeptClicks, volume: Volume) -> EditedLesion | None:
        """The lesion that clicks have left in a scene that was saved; None where it is another by now."""
        names = scene.names
        if kept.segment not in names:
            return None
        state = LesionState(kept.clicks, *kept.lesion)
        i, j, k = state.first
        labels, owners = scene.labels(names)
        lesion, own = _whole(kept.lesion, labels.shape), owners == 1 + list(names).index(kept.segment)
        if not own[k, j, i] or not np.array_equal(component(own, (k, j, i)), lesion):
            return None
        base = None if kept.base is None else _whole(kept.base, labels.shape)
        labels[lesion if base is None else lesion | base] = 0
        if kept.liver is not None:
            labels[kept.liver.box][kept.liver.values] = LIVER.label
        return cls(scene, volume, labels, base, kept.segment, state, scene.stamp, kept.marks)

    @property
    def kept(self) -> KeptClicks | None:
        """As :meth:`again` takes it; None without clicks or voxels."""
        state = self.state
        if self.segment is None or not state.clicks or not state.mask.any():
            return None
        base = None if self.base is None else Boxed.around(self.base)
        box = state.box if base is None else _around((state.box, base.box))
        touched = _inside(state, box) if base is None else _inside(state, box) | base.inside(box)
        liver = touched & (self.around[box] == LIVER.label)
        under = Boxed(box, liver) if liver.any() else None
        return KeptClicks(state.clicks, self.segment, Boxed(state.box, state.mask), base, under, self.marks)

    def clicks_in_patient(self, clicks: tuple[VoxelClick, ...]) -> list[LesionClick]:
        """Clicks in the RAS millimetres that the volume's affine leads to."""
        points = [(self.volume.affine @ [*voxel, 1])[:3].tolist() for voxel, _inside in clicks]
        return [LesionClick((r, a, s), inside) for (r, a, s), (_, inside) in zip(points, clicks, strict=True)]

    def after(self, clicks: tuple[VoxelClick, ...], answer: ClickedLesion | None) -> LesionState:
        """The state that an answer to clicks describes; None is what was there before the first."""
        return _state(clicks, self.base) if answer is None else LesionState(clicks, answer.box, answer.mask)

    def take_note(self) -> bool:
        """Take in what else was done to the segments since; False where this lesion itself is another by now."""
        now = self.scene.stamp
        if now == self.stamp:
            return True
        names = self.scene.names
        labels, owners = self.scene.labels(names)
        mask = np.zeros(labels.shape, np.bool_)
        mask[self.state.box] = self.state.mask
        if mask.any():
            k, j, i = (int(at) for at in np.argwhere(mask)[0])
            owner = int(owners[k, j, i])
            if owner == 0 or list(names)[owner - 1] != self.segment:
                return False
            if not np.array_equal(component(owners == owner, (k, j, i)), mask):
                return False
        self.around, self.stamp = np.where(mask, self.around, labels), now
        return True

    def become(self, state: LesionState) -> None:
        """Put another state into the segments, of which there is a node by now; what was painted since stays."""
        scene, before, self.state = self.scene, self.state, state
        box = _around((before.box, state.box))
        old, new = _inside(before, box), _inside(state, box)
        wasmodified = scene.segmentation.StartModify()
        if new.any() and not scene.has(self.segment):
            self.segment = scene.add_segment()
        if self.segment is not None and scene.has(self.segment):
            self._change(self.segment, box, old & ~new, new & ~old)
        scene.segmentation.EndModify(wasmodified)
        scene.mark(self._marked(scene.marks, before))
        scene.keep_clicks(before.first if before.mask.any() else None, self.kept)
        self.stamp = scene.stamp

    def _marked(self, marks: tuple[LesionMark, ...], before: LesionState) -> tuple[LesionMark, ...]:
        """All marks of the result with what this lesion has now in place of what it had."""
        others = [mark for mark in marks if not (before.holds(mark.voxel) or self._is_base(mark.voxel))]
        if not self.state.clicks or not self.state.mask.any():
            return (*others, *self.marks)
        return with_clicks((*others, *self.marks), self.state.mark, self.base)

    def _is_base(self, voxel: Voxel) -> bool:
        return self.base is not None and bool(value_at(self.base, voxel))

    def _change(self, segment: str, box: Box, freed: NDArray[np.bool_], added: NDArray[np.bool_]) -> None:
        """Give and take voxels, where nothing else was painted since."""
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


def component(mask: NDArray[np.bool_], seed: tuple[int, int, int]) -> NDArray[np.bool_]:
    """What of a mask ``[k, j, i]`` hangs together with a voxel ``(k, j, i)`` of it, by faces."""
    box = _bounds(mask)
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
    k, j, i = (slice(max(0, side.start - 1), side.stop + 1) for side in _bounds(lesion))
    part, near = lesion[k, j, i], np.pad(lesion[k, j, i], 1)
    grown = np.zeros_like(part)
    for axis in range(3):
        for step in (-1, 1):
            grown |= np.roll(near, step, axis)[1:-1, 1:-1, 1:-1]
    around, left = labels[k, j, i][grown & ~part], labels.copy()
    is_liver = 2 * np.count_nonzero(around == LIVER.label) >= max(1, len(around))
    left[lesion] = LIVER.label if is_liver else 0
    return left


def _state(clicks: tuple[VoxelClick, ...], whole: NDArray[np.bool_] | None) -> LesionState:
    """The state in which a lesion is a mask of the whole volume; None is nothing."""
    if whole is None:
        return LesionState(clicks, (slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), np.bool_))
    box = _bounds(whole)
    return LesionState(clicks, box, whole[box].copy())


def _whole(part: Boxed, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    whole = np.zeros(shape, np.bool_)
    whole[part.box] = part.values
    return whole


def _bounds(mask: NDArray[np.bool_]) -> Box:
    shown = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    k, j, i = (slice(int(at[0]), int(at[-1]) + 1) for at in shown)
    return k, j, i


def _around(boxes: tuple[Box, ...]) -> Box:
    """The smallest box that holds these, of which empty ones don't count."""
    full = [box for box in boxes if all(side.stop > side.start for side in box)] or list(boxes)
    sides = zip(*full, strict=True)
    k, j, i = (slice(min(side.start for side in axis), max(side.stop for side in axis)) for axis in sides)
    return k, j, i


def _inside(state: LesionState, box: Box) -> NDArray[np.bool_]:
    """A state's mask in a box that holds it."""
    found = np.zeros([side.stop - side.start for side in box], np.bool_)
    if state.mask.size:
        at = tuple(slice(own.start - out.start, own.stop - out.start) for own, out in zip(state.box, box, strict=True))
        found[at] = state.mask
    return found

"""One lesion from clicks into it and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.device import choose_device
from ...core.errors import UserError
from ...core.labels import FULL_CONFIDENCE, FULL_PROBABILITY, liver_median
from ...core.progress import CancelToken, Job, job
from ...core.volume import Box, Volume
from ...models.description import ClickPatches
from ...models.model_folder import Model
from ...preprocessing import Chain, Slices
from ..label_assembly import refuse_infinite
from ..predictor import Predictor, widen
from .answer import Answer, judge, on_grid
from .channels import Surroundings, guess_liver, stack_channels
from .frame import ClickFrame, Point
from .patches import Millimetres, Patch, cut

NO_LESION_SEEN = (
    "The model sees no lesion at the click: what is marked is the likeliest part around it, and there may be none."
)
MIRRORED: tuple[tuple[int, ...], ...] = ((3,), (4,), (3, 4))
"""Axes of a batch along which the last look is turned around; on held-out lesions it gains 0.004 to 0.008 of Dice."""

_NOT_LIVER = 0.1
"""Contrast to the liver in the image channel; 20 HU where the window has 400."""

_ALIKE = 0.1
"""Share of a lesion's contrast to the liver by which what is around a part of it differs from the part, at most."""


@dataclass(frozen=True)
class FoundLesion:
    """One lesion on a CT's grid.

    Args:
        box: slices, rows and columns of the axial view that it fills.
        part: bool, of the box's shape.
        volume: the CT.
        probability: that its voxels are lesion, on average, as the network says; not calibrated.
        warnings: what is doubtful about it, a sentence each.
        zoom: how much larger than the finest the voxels were that it was seen with.
        device: where, and in which precision.
    """

    box: Box
    part: NDArray[np.bool_]
    volume: Volume
    probability: float
    warnings: tuple[str, ...]
    zoom: float
    device: str

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Bool ``[k, j, i]`` on the volume's grid."""
        whole = np.zeros(self.volume.voxels.shape, np.bool_)
        self.volume.axial.of(whole)[self.box] = self.part
        return whole

    @property
    def ml(self) -> float:
        """Its volume in millilitres."""
        return float(self.part.sum()) * self.volume.voxel_ml


@dataclass(frozen=True)
class Known:
    """What is known of a CT beside the clicks.

    Args:
        previous: bool ``[k, j, i]``, or a part of the axial view: the lesion as it was before these clicks; None where
            there was none.
        labels: ``[k, j, i]``, of whose liver the median is taken; None where it is not known.
        automatic: uint16 ``[k, j, i]``, or a part of the axial view: how likely lesion is by another model, in parts of
            :data:`LiverTumorSegLib.core.labels.FULL_PROBABILITY`, or uint8 in parts of
            :data:`LiverTumorSegLib.core.labels.FULL_CONFIDENCE`; None where none was asked.
        liver_hu: the liver's median, where it was taken already.
    """

    previous: NDArray[np.bool_] | Boxed | None = None
    labels: NDArray[np.unsignedinteger] | None = None
    automatic: NDArray[np.uint16] | NDArray[np.uint8] | Boxed | None = None
    liver_hu: float | None = None


@torch.inference_mode()
def find_lesion(
    volume: Volume,
    model: Model,
    inside: Sequence[Point],
    outside: Sequence[Point] = (),
    known: Known = Known(),
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> FoundLesion:
    """Segment the lesion that was clicked into.

    The network looks at a patch around the clicks, and from further away as long as the lesion goes on beyond it, or
    what it marks looks like what is around that: in the middle of a large lesion it may mark a speck.

    Args:
        volume: CT in HU, in any orientation.
        model: for clicks.
        inside: points in the lesion, in RAS millimetres; at least one.
        outside: points beside it.
        known: what else is known of the CT.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        cancel: checked before every look.

    Raises:
        UserError: there is no click, one is outside the CT or in air, a point is both inside and outside, the model is
            not for clicks or answers with NaN, or the device is not there.
        Cancelled: ``cancel`` was used.
    """
    patches = model.description.clicks
    if patches is None:
        msg = f"The model “{model.description.name}” segments whole CTs, and not a lesion that is clicked into."
        raise UserError(msg)
    if not inside:
        msg = "There is no click into a lesion: click once inside it, before or beside those outside."
        raise UserError(msg)
    frame, task = ClickFrame(volume), job(None, cancel)
    look = _Look(frame, model, patches, frame.of(inside), frame.of(outside), known, device)
    finest, *wider = look.zooms()
    seen = look.at(finest, task)
    for zoom in wider:
        if not (seen.answer.touches_border(look.inside) or look.sees_a_part(seen)):
            break
        seen = look.at(zoom, task)
    return look.found(look.mirrored(seen), seen.zoom)


class _Seen(NamedTuple):
    """What the network was shown and what it answered; logits are ``[slice, row, column]``."""

    zoom: float
    channels: torch.Tensor
    logits: torch.Tensor
    answer: Answer


class _Look:
    """The network's looks at one place."""

    def __init__(
        self,
        frame: ClickFrame,
        model: Model,
        patches: ClickPatches,
        inside: list[Millimetres],
        outside: list[Millimetres],
        known: Known,
        device: str,
    ) -> None:
        _refuse_both(inside, outside, frame.spacing)
        self.frame, self.patches, self.inside, self.outside, self.known = frame, patches, inside, outside, known
        self._previous = _lesion_before(frame, known)
        self._chain = model.description.preprocessing
        self._network = model.network
        self._engine = Predictor(self._network, choose_device(device, "auto"), 1)
        self._low, self._high = self._extent()

    def _extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners of what is known to be lesion: the clicks, and what was there before."""
        points = np.array(self.inside)
        if self._previous is not None:
            corners = np.array([(side.start, side.stop - 1) for side in self._previous.box]).T * self.frame.spacing
            points = np.concatenate([points, corners])
        return points.min(axis=0), points.max(axis=0)

    def zooms(self) -> tuple[float, ...]:
        """The zooms to try, from the finest that shows all that is known to be lesion."""
        return self.patches.zooms[self.patches.finest_zoom((self._high - self._low).tolist()) :]

    def at(self, zoom: float, task: Job) -> _Seen:
        task.at(0, "Looking at the clicks")
        deep, row, column = ((self._low + self._high) / 2).tolist()
        patch = Patch((deep, row, column), self.patches.size, self.patches.step_mm(zoom))
        channels = self._channels(patch, zoom)
        logits = self._logits(channels)
        return _Seen(zoom, channels, logits, judge(patch, logits, self.inside))

    def sees_a_part(self, seen: _Seen) -> bool:
        """Whether what is marked is not liver, and neither is what is around it; clicks outside say where it ends."""
        if self.outside:
            return False
        own, around = seen.answer.medians(seen.channels[0, 0].numpy(), self.inside)
        return abs(own) > _NOT_LIVER and abs(around / own - 1) < _ALIKE

    def mirrored(self, seen: _Seen) -> Answer:
        """The mean answer to a patch and its mirror images within slices."""
        mirrored = (self._logits(seen.channels.flip(axes)).flip([axis - 2 for axis in axes]) for axes in MIRRORED)
        return judge(seen.answer.patch, torch.stack([seen.logits, *mirrored]).mean(dim=0), self.inside)

    def _logits(self, channels: torch.Tensor) -> torch.Tensor:
        def answer(_: Sequence[int]) -> torch.Tensor:
            placement = self._engine.placement  # the CPU, where a GPU has failed meanwhile
            return self._engine(channels.to(placement.device, placement.dtype))[0, 0].float().cpu()

        (logits,) = self._engine.in_batches([0], answer)
        if self._engine.placement.may_overflow and not logits.isfinite().all():
            self._engine = Predictor(self._network, widen(self._engine.placement)[0], 1)
            (logits,) = self._engine.in_batches([0], answer)
        refuse_infinite(logits)
        return logits

    def _channels(self, patch: Patch, zoom: float) -> torch.Tensor:
        frame, known = self.frame, self.known
        image = cut(frame.slab(patch, self._chain), patch)
        automatic = None
        if known.automatic is not None:
            likely = frame.boxed(known.automatic)
            full = FULL_CONFIDENCE if likely.values.dtype == np.uint8 else FULL_PROBABILITY
            automatic = cut(frame.slab_of(patch, likely, full), patch)
        previous = None if self._previous is None else cut(frame.slab_of(patch, self._previous), patch)
        channels = stack_channels(
            Surroundings(image, self._liver, zoom, automatic),
            [patch.place(each) for each in self.inside],
            [patch.place(each) for each in self.outside],
            previous,
            patch.step_mm,
        )
        return channels[None]

    @cached_property
    def _liver(self) -> float:
        """Median of the liver, in the unit of the preprocessing."""
        median, labels = self.known.liver_hu, self.known.labels
        if median is None and labels is not None:
            median = liver_median(self.frame.volume, labels)
        if median is not None:
            return _in_unit(self._chain, median)
        centre = self.inside[0]
        wide = Patch(centre, (1, 1, 1), (80.0, 80.0, 80.0))
        return guess_liver(self.frame.slab(wide, self._chain), centre)

    def found(self, answer: Answer, zoom: float) -> FoundLesion:
        (box, part), probability = on_grid(self.frame, answer, self.inside, self.outside)
        warnings = [NO_LESION_SEEN] if answer.is_doubtful else []
        if answer.touches_border(self.inside):
            most = max(n * mm for n, mm in zip(self.patches.size, self.patches.step_mm(zoom), strict=True))
            warnings.append(f"The lesion may reach beyond the {most:.0f} mm that were looked at: click there, too.")
        device = str(self._engine.placement)
        notes = (*self._engine.notes, *warnings)
        return FoundLesion(box, part, self.frame.volume, probability, notes, zoom, device)


def _lesion_before(frame: ClickFrame, known: Known) -> Boxed | None:
    """The part of the axial view that the lesion filled before these clicks."""
    if known.previous is None:
        return None
    return frame.boxed(known.previous).trimmed


def _in_unit(chain: Chain, hounsfield: float) -> float:
    """What a preprocessing makes of a value that is the same all over a slice."""
    return float(chain(Slices(torch.full((1, 1, 8, 8), hounsfield), (1.0, 1.0))).pixels.mean())


def _refuse_both(inside: Sequence[Millimetres], outside: Sequence[Millimetres], spacing: Millimetres) -> None:
    sides = [
        {tuple(np.rint(np.array(point) / spacing).astype(int).tolist()) for point in side} for side in (inside, outside)
    ]
    if set.intersection(*sides):
        msg = "One place was clicked as inside and as outside the lesion: take one of the two clicks back."
        raise UserError(msg)

"""Labels and probabilities on the CT's own grid, made of logits at the plans' spacing, a few slices at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import FULL_CONFIDENCE, FULL_PROBABILITY, LESION_LABEL, LIVER_LABEL
from ...core.progress import Job
from ...models.nnunet.settings import NnUNet
from ...postprocessing.candidates import LEAST_PROBABILITY
from .prediction import Arithmetic
from .preprocessing import Layout
from .resampling import Way, find_way

_NUMBERS = torch.float32
"""That logits are resampled in; nnU-Net's float64 becomes the same float16, but for one in ten thousand, by a digit."""

_BYTES = {"cpu": 1 << 26, "cuda": 1 << 29}
"""Of the logits that are resampled at a time."""


@dataclass(frozen=True)
class NnUNetOutput:
    """Arrays of a volume that are written into.

    Args:
        labels: uint8 ``[k, j, i]``, all 0: gets :attr:`NnUNet.values`.
        probabilities: uint16 of the same shape, all 0, of ``liver``, with its lesions, and ``lesion``, in parts of
            :data:`LiverTumorSegLib.core.labels.FULL_PROBABILITY`; none where nobody asks.
        confidence: uint8 of the same shape, all 0: gets how likely lesion is wherever it is labelled or is
            :data:`LEAST_PROBABILITY` or more, in parts of :data:`LiverTumorSegLib.core.labels.FULL_CONFIDENCE`; None
            where nobody asks.
    """

    labels: NDArray[np.uint8]
    probabilities: Mapping[str, NDArray[np.uint16]] = field(default_factory=dict)
    confidence: NDArray[np.uint8] | None = None

    def each(self, change: Callable[[NDArray], NDArray]) -> NnUNetOutput:
        """What comes of all arrays."""
        likely = {name: change(levels) for name, levels in self.probabilities.items()}
        return NnUNetOutput(change(self.labels), likely, None if self.confidence is None else change(self.confidence))

    @property
    def arrays(self) -> list[NDArray]:
        """All of them, in one order."""
        return [self.labels, *self.probabilities.values(), *([] if self.confidence is None else [self.confidence])]

    def clear(self) -> None:
        """Begin again."""
        for array in self.arrays:
            array[:] = 0


def export(
    out: NnUNetOutput,
    logits: torch.Tensor,
    layout: Layout,
    settings: NnUNet,
    arithmetic: Arithmetic,
    device: torch.device,
    task: Job,
) -> None:
    """Write what logits say.

    Args:
        out: arrays, or views, of the cropped array that the network's image was made of.
        logits: float16 ``[class, a, b, c]`` on the image's grid.
        layout: how the image lies in the CT.
        settings: of the network.
        arithmetic: whether resampled logits are rounded to float16.
        device: where.
        task: told about every few slices.

    Raises:
        UserError: the plans resample the CT, and not the logits.
        RuntimeError: memory ran out, or the device failed.
    """
    try:
        way = find_way(settings.logits, logits.shape[1:], layout.cropped, layout.plan_mm, layout.spacing_mm)
    except ValueError as error:
        msg = (
            "The model's plans bring a CT to another spacing, but not its result back: correct "
            "resampling_fn_probabilities in its plans.json, and import the model again."
        )
        raise UserError(msg) from error
    bounds = _bounds(way, logits)
    narrow = not way.clipped and len(out.arrays) == 1
    rounded = arithmetic.exact and settings.logits.method == "spline"
    for slices in _slabs(way, logits, device):
        task.at(slices.start / way.shape[0], "Writing labels")
        part, used = way.narrowed(0, slices.start, slices.stop)
        values = logits[:, used].to(device, _NUMBERS)
        rows, columns = slice(0, way.shape[1]), slice(0, way.shape[2])
        if narrow:
            rows, columns = _shown(values, way, settings)
            if rows.stop == 0:
                continue
            part, used_rows = part.narrowed(1, rows.start, rows.stop)
            part, used_columns = part.narrowed(2, columns.start, columns.stop)
            values = values[:, :, used_rows, used_columns]
        values = part(values.contiguous(), bounds)
        _write(out, (slices, rows, columns), values.half() if rounded else values, settings)


def _slabs(way: Way, logits: torch.Tensor, device: torch.device) -> list[slice]:
    """Slices to write at a time."""
    plane = max(prod(way.shape[1:]), prod(logits.shape[2:]))
    fitting = _BYTES.get(device.type, _BYTES["cpu"]) // (len(logits) * plane * _NUMBERS.itemsize)
    depth = max(1, int(fitting))
    return [slice(start, min(start + depth, way.shape[0])) for start in range(0, way.shape[0], depth)]


def _bounds(way: Way, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """What logits are clipped to, where a few slices do not show it."""
    found = None if way.apart == 0 else way.bounds(logits)
    return found and (found[0].to(_NUMBERS), found[1].to(_NUMBERS))


def _shown(values: torch.Tensor, way: Way, settings: NnUNet) -> tuple[slice, slice]:
    """Rows and columns outside of which nothing but background is: what lies between voxels of it is background, too.

    Linear interpolation weighs all channels alike, and rounding keeps their order.
    """
    positive = values > 0 if settings.regions else values[1:] > values[:1]
    planes = positive.flatten(0, 1).any(dim=0)
    found = []
    for axis, other in ((1, 1), (2, 0)):
        lines = torch.nonzero(planes.any(dim=other)).flatten()
        start, stop = way.axes[axis].reached(int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0)
        found.append(slice(start, stop))
    return found[0], found[1]


def _write(out: NnUNetOutput, part: tuple[slice, ...], values: torch.Tensor, settings: NnUNet) -> None:
    """Write what resampled logits ``[class, a, b, c]`` say of a part of the arrays."""
    labels = choose_labels(values, settings)
    out.labels[part] = labels.cpu().numpy()
    if not out.probabilities and out.confidence is None:
        return
    shares = values.float().sigmoid() if settings.regions else values.float().softmax(dim=0)
    for name, levels in out.probabilities.items():
        likely = _likely(shares, settings, {LESION_LABEL} if name == "lesion" else {LIVER_LABEL, LESION_LABEL})
        levels[part] = (likely * FULL_PROBABILITY).round().int().cpu().numpy()
    if out.confidence is not None:
        likely = _likely(shares, settings, {LESION_LABEL})
        kept = (labels == LESION_LABEL) | (likely >= LEAST_PROBABILITY)
        levels8 = (likely * FULL_CONFIDENCE).round().byte()
        out.confidence[part][kept.cpu().numpy()] = levels8[kept].cpu().numpy()


def choose_labels(values: torch.Tensor, settings: NnUNet) -> torch.Tensor:
    """Label of each voxel, uint8: of the largest logit, the first of equal ones; of regions the last that is likely.

    Args:
        values: logits ``[class, a, b, c]``.
        settings: say what each class is written as.
    """
    labels = torch.zeros(values.shape[1:], dtype=torch.uint8, device=values.device)
    if settings.regions:
        for channel in settings.order:
            labels.masked_fill_(values[channel].float().sigmoid() > 0.5, settings.values[channel])
        return labels
    best = values[0]
    for channel, value in enumerate(settings.values[1:], start=1):
        labels.masked_fill_(values[channel] > best, value)
        best = torch.maximum(best, values[channel])
    return labels


def _likely(shares: torch.Tensor, settings: NnUNet, wanted: set[int]) -> torch.Tensor:
    """How likely any of some labels is; regions lie within each other, so that the likeliest counts."""
    channels = [channel for channel, value in enumerate(settings.values) if value in wanted]
    chosen = shares[channels]
    if not channels:
        return shares.new_zeros(shares.shape[1:])
    return chosen.amax(dim=0) if settings.regions else chosen.sum(dim=0)

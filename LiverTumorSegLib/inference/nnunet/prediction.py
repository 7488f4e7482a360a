"""Logits of an image: what the networks of all folds say of its tiles, on average, in one of two arithmetics."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import nn
from torch.nn import functional as F

from ...core.device import DevicePlacement
from ...core.progress import Job
from ...models.nnunet.settings import NnUNet
from ...networks import SliceNetwork
from ..label_assembly import describe_infinite
from ..predictor import Predictor
from .tiles import Tiles, Triple, gaussian, mirrors

_PLANES = 8
"""That are finished at a time; more would take more memory."""

_CERTAIN = 20.0
"""How much larger the background's logit is than the others where nothing was looked at."""


@dataclass(frozen=True)
class Arithmetic:
    """How numbers are made and added up.

    Args:
        numbers: that images are resampled in.
        sums: of the tiles' logits, and of their weights.
        exact: whether all is done as nnU-Net does it: networks in float32 on a CPU and in its mixed float16 on a GPU,
            every tile, one at a time; else in the device's own precision, several at a time, and without tiles that
            show nothing but air.
    """

    numbers: torch.dtype
    sums: torch.dtype
    exact: bool

    def load(self, fold: SliceNetwork, placement: DevicePlacement, batch: int | None) -> Predictor:
        """A fold's network on a device, for so many tiles at a time.

        Exact, it has nnU-Net's own layout in memory, and so the same order of sums.
        """
        if self.exact:
            return Predictor(fold, placement, 1, fits=True, layout=torch.contiguous_format)
        return Predictor(
            _with_norms_in_place(fold) if placement.device.type == "cpu" else fold, placement, batch, fits=True
        )

    def placed(self, placement: DevicePlacement) -> DevicePlacement:
        """Where, and in which precision, a network's weights are."""
        return replace(placement, dtype=torch.float32, precision="float32") if self.exact else placement

    def resampling_device(self, placement: DevicePlacement) -> torch.device:
        """Where images and logits are resampled."""
        return torch.device("cpu") if self.exact else placement.device


ARITHMETICS = {
    "exact": Arithmetic(torch.float64, torch.float16, exact=True),
    "fast": Arithmetic(torch.float32, torch.float32, exact=False),
}


class _NormInPlace(nn.Module):
    """Instance normalisation of channels that come last in memory.

    PyTorch's own on a CPU copies them back and forth, for a third of a network's time. Its batch normalisation of one
    image is the same function and does not.
    """

    def __init__(self, norm: nn.InstanceNorm2d | nn.InstanceNorm3d) -> None:
        super().__init__()
        self.weight, self.bias, self._eps = norm.weight, norm.bias, norm.eps

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        each = [
            F.batch_norm(one, None, None, self.weight, self.bias, training=True, momentum=0.0, eps=self._eps)
            for one in features.split(1)
        ]
        return each[0] if len(each) == 1 else torch.cat(each)


def _with_norms_in_place(network: SliceNetwork) -> SliceNetwork:
    """A network with the same parameters and such normalisations."""
    alike = copy.deepcopy(network, {id(held): held for held in (*network.parameters(), *network.buffers())})
    for part in list(alike.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, (nn.InstanceNorm2d, nn.InstanceNorm3d)):
                setattr(part, name, _NormInPlace(child))
    return alike


class MeanLogits:
    """The mean of the folds' logits of a padded image, in float16 on the host.

    Args:
        classes: channels.
        shape: of the padded image.

    Attributes:
        values: ``[class, a, b, c]``.
    """

    def __init__(self, classes: int, shape: Triple) -> None:
        self.values = torch.zeros((classes, *shape), dtype=torch.float16)
        self._folds, self._written = 0, 0

    def write(self, first: int, planes: torch.Tensor) -> None:
        """Add planes ``[class, plane, b, c]`` of a fold; those that it has given before are left as they are.

        Raises:
            NotFinite: a logit is not.
        """
        new = planes[:, max(0, self._written - first) :].half()
        if not new.isfinite().all():
            raise describe_infinite()
        kept = self.values[:, max(first, self._written) : first + planes.shape[1]]
        if self._folds:
            kept += new.cpu()
        else:
            kept.copy_(new)
        self._written = max(self._written, first + planes.shape[1])

    def end_fold(self) -> None:
        """Begin with the first plane again."""
        self._folds, self._written = self._folds + 1, 0

    def end(self) -> None:
        """Make the mean of the sum."""
        if self._folds > 1:
            self.values /= self._folds


class Blend:
    """Weighted sums of overlapping tiles' logits, for as many planes as a tile has.

    When a tile begins further on, the planes before it are finished and handed on, and later ones take their place.

    Args:
        out: gets the mean of the tiles, plane by plane.
        tiles: places.
        sums: precision.
        device: where the sums are.
        nothing: logits where there is no tile, a number a class.
    """

    def __init__(
        self, out: MeanLogits, tiles: Tiles, sums: torch.dtype, device: torch.device, nothing: Sequence[float]
    ) -> None:
        depth, *plane = tiles.size[0], *tiles.shape[1:]
        self._out, self._tiles, self._depth = out, tiles, depth
        self._sums = torch.zeros((len(nothing), depth, *plane), dtype=sums, device=device)
        self._counts = torch.zeros((depth, *plane), dtype=sums, device=device)
        self._nothing = torch.tensor(nothing, dtype=sums, device=device)[:, None, None, None]
        self._weights = gaussian(tiles.size, sums).to(device)
        self._done = 0

    @staticmethod
    def bytes(tiles: Tiles, sums: torch.dtype, classes: int) -> int:
        """Memory that the sums take."""
        return (classes + 1) * tiles.size[0] * prod(tiles.shape[1:]) * sums.itemsize

    def add(self, number: int, logits: torch.Tensor) -> None:
        """Add a tile's logits ``[class, *size]``, which may be changed; tiles come in their order."""
        first, row, column = self._tiles.starts[number]
        self._finish(first)
        logits = logits.to(self._sums.device)
        logits *= self._weights
        rows, columns = slice(row, row + self._tiles.size[1]), slice(column, column + self._tiles.size[2])
        for planes, places in self._turns(first, first + self._depth):
            of_tile = slice(planes.start - first, planes.stop - first)
            self._sums[:, places, rows, columns] += logits[:, of_tile]
            self._counts[places, rows, columns] += self._weights[of_tile]

    def end(self) -> None:
        """Hand on all that is left."""
        self._finish(self._tiles.shape[0])

    def _finish(self, stop: int) -> None:
        """Hand on the planes before this one."""
        while self._done < stop:
            for planes, places in self._turns(self._done, min(stop, self._done + _PLANES)):
                sums, counts = self._sums[:, places], self._counts[places]
                empty = counts == 0
                mean = torch.div(sums, counts)
                self._out.write(planes.start, torch.where(empty, self._nothing, mean) if empty.any() else mean)
                sums.zero_()
                counts.zero_()
                self._done = planes.stop

    def _turns(self, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Planes from ``start`` to before ``stop``, in one part or two, and their places in the sums."""
        while start < stop:
            place = start % self._depth
            end = min(stop, start + self._depth - place)
            yield slice(start, end), slice(place, place + end - start)
            start = end


def predict(
    out: MeanLogits,
    image: torch.Tensor,
    tiles: Tiles,
    engine: Predictor,
    settings: NnUNet,
    arithmetic: Arithmetic,
    task: Job,
    *,
    on_host: bool = False,
) -> None:
    """Have one fold look at every tile.

    Args:
        out: gets its logits.
        image: float32, padded, on the host.
        tiles: that are looked at.
        engine: the fold's network.
        settings: of the network.
        arithmetic: how logits are made and added up.
        task: told about every batch of tiles.
        on_host: whether the sums are kept by the host.

    Raises:
        NotFinite: a logit is not.
        RuntimeError: memory ran out for a single tile, or the device failed.
    """
    place, total = torch.device("cpu") if on_host else engine.placement.device, len(tiles.starts)
    if not arithmetic.exact:
        taken = Blend.bytes(tiles, arithmetic.sums, engine.classes)
        engine.fit_batch(settings.patch, 0 if on_host else taken)
    blend = Blend(out, tiles, arithmetic.sums, place, _nothing(settings))
    turned = mirrors(settings)

    def look(numbers: Sequence[int]) -> torch.Tensor:
        task.at(numbers[0] / total, f"Segmenting part {numbers[0] + 1} of {total}")
        chosen = torch.stack([tiles.patch(image, number) for number in numbers])
        channels = chosen if len(settings.patch) < image.ndim else chosen[:, None]
        logits = _mirrored(engine, channels.to(engine.placement.device, engine.placement.dtype), turned, arithmetic)
        return logits if logits.ndim > image.ndim + 1 else logits.unsqueeze(2)

    seen = 0
    for logits in engine.in_batches(range(total), look, engine.halve):
        for each in logits:
            blend.add(seen, each)
            seen += 1
    blend.end()


def _mirrored(
    engine: Predictor, channels: torch.Tensor, turned: Sequence[tuple[int, ...]], arithmetic: Arithmetic
) -> torch.Tensor:
    """The mean of a network's logits and those of the mirrored passes, turned back."""
    device = channels.device.type
    mixed = torch.autocast(device, torch.float16) if arithmetic.exact and device == "cuda" else nullcontext()
    with mixed:
        total = engine(channels) if arithmetic.exact else engine(channels).float()
        for axes in turned:
            total += engine(channels.flip(axes)).flip(axes)
    if turned:
        total /= len(turned) + 1
    return total


def _nothing(settings: NnUNet) -> list[float]:
    if settings.regions:
        return [-_CERTAIN] * len(settings.outputs)
    return [_CERTAIN] + [0.0] * (len(settings.outputs) - 1)

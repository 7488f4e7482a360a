"""nnU-Net's networks, with the names that its checkpoints give their weights: plain and residual, in 2D and in 3D.

Isensee et al. 2021, nnU-Net, Methods, "Blueprint parameters", and Isensee et al. 2024, nnU-Net Revisited, section 2.2
(residual encoders). Built anew: the package ``dynamic-network-architectures``, which nnU-Net takes them from, needs
timm and torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from .base import SliceNetwork
from .blocks import check_features
from .convolution import CONVOLUTIONS, TRANSPOSED, normalisation

Sizes = Sequence[Sequence[int]]
"""A number an axis, a stage."""

_CAPS = {2: 512, 3: 320}
_FIRST = 32


class _Style(NamedTuple):
    """What all convolutions of a network share."""

    axes: int
    bias: bool
    norm: str
    eps: float
    slope: float
    activation_first: bool


class _Convolution(nn.Module):
    """Convolution, normalisation and leaky rectification; the last two change places where a checkpoint has it so."""

    def __init__(
        self,
        pair: tuple[int, int],
        kernel: Sequence[int],
        stride: Sequence[int],
        style: _Style,
        *,
        activated: bool = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        padding = tuple((size - 1) // 2 for size in kernel)
        own = style.bias if bias is None else bias
        self.conv = CONVOLUTIONS[style.axes](*pair, tuple(kernel), tuple(stride), padding, bias=own)
        self.norm = normalisation(style.norm, style.axes, pair[1], eps=style.eps)
        self._slope, self._first, self._activated = style.slope, style.activation_first, activated

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        convolved = self.conv(features)
        if not self._activated:
            return self.norm(convolved)  # type: ignore[no-any-return]
        if self._first:
            return self.norm(_rectified(convolved, self._slope))  # type: ignore[no-any-return]
        return _rectified(self.norm(convolved), self._slope)


def _rectified(features: torch.Tensor, slope: float) -> torch.Tensor:
    return nn.functional.leaky_relu(features, slope, inplace=True)


class _Convolutions(nn.Module):
    """Convolutions one after another, the first of which has the stride."""

    def __init__(
        self, pair: tuple[int, int], count: int, kernel: Sequence[int], stride: Sequence[int], style: _Style
    ) -> None:
        super().__init__()
        one = [1] * style.axes
        self.convs = nn.Sequential(
            *(_Convolution((pair[min(at, 1)], pair[1]), kernel, one if at else stride, style) for at in range(count))
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.convs(features)  # type: ignore[no-any-return]


class _MeanPool(nn.Module):
    """Mean of blocks of voxels; in bfloat16 too, for which a CPU has none in 3D."""

    def __init__(self, stride: Sequence[int]) -> None:
        super().__init__()
        self._stride, self._pool = tuple(stride), _POOLS[len(stride)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        lacking = features.dtype is torch.bfloat16 and features.device.type == "cpu"
        return self._pool(features.float() if lacking else features, self._stride).to(features.dtype)


_POOLS = {2: nn.functional.avg_pool2d, 3: nn.functional.avg_pool3d}


class _Residual(nn.Module):
    """Two convolutions whose sum with their input is rectified (He et al. 2016, section 3.3, option B with a pool)."""

    def __init__(self, pair: tuple[int, int], kernel: Sequence[int], stride: Sequence[int], style: _Style) -> None:
        super().__init__()
        one = [1] * style.axes
        self.conv1 = _Convolution(pair, kernel, stride, style)
        self.conv2 = _Convolution((pair[1], pair[1]), kernel, one, style, activated=False)
        way: list[nn.Module] = []
        if any(step > 1 for step in stride):
            way.append(_MeanPool(stride))
        if pair[0] != pair[1]:
            way.append(_Convolution(pair, one, one, style, activated=False, bias=False))
        self.skip = nn.Sequential(*way)
        self._slope = style.slope

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return _rectified(self.conv2(self.conv1(features)) + self.skip(features), self._slope)


class _Residuals(nn.Module):
    def __init__(
        self, pair: tuple[int, int], count: int, kernel: Sequence[int], stride: Sequence[int], style: _Style
    ) -> None:
        super().__init__()
        one = [1] * style.axes
        self.blocks = nn.Sequential(
            *(_Residual((pair[min(at, 1)], pair[1]), kernel, one if at else stride, style) for at in range(count))
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.blocks(features)  # type: ignore[no-any-return]


class _Encoder(nn.Module):
    """Features of every stage, the finest first."""

    def __init__(self, stem: nn.Module | None, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        if stem is not None:
            self.stem = stem
        self.stages = nn.Sequential(*stages)

    def forward(self, slices: torch.Tensor) -> list[torch.Tensor]:
        features, found = self.stem(slices) if hasattr(self, "stem") else slices, []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found


class _Decoder(nn.Module):
    """From the coarsest features to logits; the layers of deep supervision are kept, since checkpoints hold them."""

    def __init__(
        self,
        features: Sequence[int],
        classes: int,
        counts: Sequence[int],
        kernels: Sizes,
        strides: Sizes,
        style: _Style,
    ) -> None:
        super().__init__()
        up, stages, heads = [], [], []
        coarse = list(range(len(features) - 1, 0, -1))
        for count, stage in zip(counts, coarse, strict=True):
            below, own, step = features[stage], features[stage - 1], tuple(strides[stage])
            up.append(TRANSPOSED[style.axes](below, own, step, step, bias=style.bias))
            stages.append(_Convolutions((2 * own, own), count, kernels[stage - 1], [1] * style.axes, style))
            heads.append(CONVOLUTIONS[style.axes](own, classes, 1))
        self.transpconvs, self.stages, self.seg_layers = nn.ModuleList(up), nn.ModuleList(stages), nn.ModuleList(heads)

    def forward(self, skips: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Logits of every level, the finest first; while nothing is trained of the finest alone."""
        features, found = skips[-1], []
        for up, stage, head, skip in zip(
            self.transpconvs, self.stages, self.seg_layers, reversed(skips[:-1]), strict=True
        ):
            features = stage(torch.cat([up(features), skip], dim=1))
            if self.training or head is self.seg_layers[-1]:
                found.append(head(features))
        return found[::-1]


class _NnUNet(SliceNetwork):
    """What plain and residual networks share; while they are trained, each level of the decoder has logits.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the stages; empty for 32, doubled from stage to stage up to 512 in 2D and 320 in 3D.
        strides: of each stage along each axis; those of the first are 1. Empty for 2 in all others.
        kernels: of each stage along each axis, odd; empty for 3.
        encoder: convolutions, or residual blocks, of each stage.
        decoder: convolutions of each stage of the decoder, the coarsest first; empty for the usual number.
        bias: whether convolutions have one.
        norm: ``instance`` or ``batch``.
        eps: of the normalisation.
        slope: of the leaky rectification.
        activation_first: rectified before it is normalised.
    """

    source = "Isensee et al. 2021, nnU-Net, Methods"
    residual = False
    usual: Sequence[int] = (2, 2, 2, 2, 2)
    usual_decoder = 2

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (),
        strides: Sizes = (),
        kernels: Sizes = (),
        encoder: Sequence[int] = (),
        decoder: Sequence[int] = (),
        bias: bool = True,
        norm: Literal["instance", "batch"] = "instance",
        eps: float = 1e-5,
        slope: float = 0.01,
        activation_first: bool = False,
    ) -> None:
        super().__init__(in_channels, classes)
        axes, counts = self.axes, tuple(encoder or self.usual)
        if strides:  # chosen with a patch, which may be thin along one axis, and what is no multiple is padded here
            self.smallest = self.stride = 1  # type: ignore[misc]
        stages = len(counts)
        features = tuple(features or (min(_FIRST * 2**at, _CAPS[axes]) for at in range(stages)))
        strides = strides or [[min(at, 1) + 1] * axes for at in range(stages)]
        kernels = kernels or [[3] * axes] * stages
        decoder = decoder or [self.usual_decoder] * (stages - 1)
        check_features(features, stages)
        _check_sizes(axes, stages, strides, kernels)
        if len(decoder) != stages - 1 or min(*counts, *decoder) < 1:
            msg = f"{stages} stages have {stages - 1} in the decoder, with a convolution each at least"
            raise ValueError(msg)
        style = _Style(axes, bias, norm, eps, slope, activation_first)
        kind = _Residuals if self.residual else _Convolutions
        first = features[0] if self.residual else in_channels
        stem = _Convolutions((in_channels, first), 1, kernels[0], [1] * axes, style) if self.residual else None
        built = [
            kind(pair, count, kernel, stride, style)
            for pair, count, kernel, stride in zip(pairwise([first, *features]), counts, kernels, strides, strict=True)
        ]
        self.encoder = _Encoder(stem, built if self.residual else [nn.Sequential(stage) for stage in built])
        self.decoder = _Decoder(features, classes, decoder, kernels, strides, style)
        self._multiples = [prod(stride[axis] for stride in strides) for axis in range(axes)]

    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        size = slices.shape[2:]
        missing = [-n % multiple for n, multiple in zip(size, self._multiples, strict=True)]
        pads = [pad for count in reversed(missing) for pad in (0, count)]
        found = self.decoder(self.encoder(nn.functional.pad(slices, pads, "replicate") if any(missing) else slices))
        finest = found[0][(..., *(slice(n) for n in size))]
        return [finest, *found[1:]] if self.training else finest


def _check_sizes(axes: int, stages: int, strides: Sizes, kernels: Sizes) -> None:
    for name, sizes in (("strides", strides), ("kernels", kernels)):
        if len(sizes) != stages or any(len(one) != axes or min(one) < 1 for one in sizes):
            msg = f"{name} are {axes} numbers from 1 on for each of {stages} stages, not {list(map(list, sizes))}"
            raise ValueError(msg)
    if any(step != 1 for step in strides[0]):
        msg = f"the first stage keeps the input's size, and has no strides {list(strides[0])}"
        raise ValueError(msg)
    if any(size % 2 == 0 for one in kernels for size in one):
        msg = f"kernels are odd, not {list(map(list, kernels))}"
        raise ValueError(msg)


class PlainConvUNet2D(_NnUNet):
    """nnU-Net's U-Net for slices: strided convolutions, instance normalisation, leaky rectification."""

    axes = 2
    stride = 16
    smallest = 32


class PlainConvUNet3D(_NnUNet):
    """nnU-Net's U-Net for volumes: strided convolutions, instance normalisation, leaky rectification."""

    axes = 3
    stride = 16
    smallest = 32


class ResidualEncoderUNet2D(_NnUNet):
    """nnU-Net's U-Net for slices with residual blocks in the encoder and one convolution a stage in the decoder."""

    axes = 2
    stride = 16
    smallest = 32
    residual, usual, usual_decoder = True, (1, 3, 4, 6, 6), 1
    source = "Isensee et al. 2024, nnU-Net Revisited, section 2.2"


class ResidualEncoderUNet3D(ResidualEncoderUNet2D):
    """nnU-Net's U-Net for volumes with residual blocks in the encoder and one convolution a stage in the decoder."""

    axes = 3


def plain_names(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a checkpoint under one name each.

    Checkpoints hold each of the encoder's tensors up to four times: as ``conv`` and ``norm``, in ``all_modules``, and
    both again within the decoder. Wrappers' prefixes (``module.``, ``_orig_mod.``) go, too.
    """
    found = {}
    for name, tensor in checkpoint.items():
        own = name.removeprefix("module.").removeprefix("_orig_mod.")
        if "all_modules" not in own and not own.startswith("decoder.encoder."):
            found[own] = tensor
    return found

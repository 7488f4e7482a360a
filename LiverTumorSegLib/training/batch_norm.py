"""Batch normalisation over the samples of all processes, where PyTorch has none: on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SharedBatchNorm(LayerSync):
    """Has a network's batch normalisations see the whole batch while it is trained.

    PyTorch's ``SyncBatchNorm`` refuses the CPU. This is the same on any device: mean and variance (Ioffe and Szegedy
    2015, Batch Normalization, algorithm 1) are those of the samples of all processes, with the gradients that follow.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Let the layers exchange what they need; names, weights and running averages stay as they are."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.forward = _OfAll(layer)  # type: ignore[method-assign, assignment]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave the layers to themselves again."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                vars(layer).pop("forward", None)
        return model


class _OfAll:
    """What a layer does in place of its own forward."""

    def __init__(self, layer: _BatchNorm) -> None:
        self._layer = layer

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        if not layer.training:
            return type(layer).forward(layer, features)
        axes, wide = [0, *range(2, features.ndim)], features.float()
        own = torch.full((1,), features.numel() / features.shape[1], device=features.device)
        *sums, count = _Sum.apply(torch.cat([wide.sum(axes), own])).split([features.shape[1], 1])
        centred = wide - _across(sums[0] / count, features)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        self._remember((sums[0] / count).detach(), (variance * count / (count - 1)).detach())
        scale = torch.rsqrt(variance + layer.eps)
        if not layer.affine:
            return (centred * _across(scale, features)).to(features.dtype)
        scaled = centred * _across(scale * layer.weight, features) + _across(layer.bias, features)
        return scaled.to(features.dtype)

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        layer = self._layer
        if layer.running_mean is None or layer.running_var is None or layer.num_batches_tracked is None:
            return
        layer.num_batches_tracked.add_(1)
        share = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        layer.running_mean.lerp_(mean, share)
        layer.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is the gradient, since each of them goes on with the sum."""

    @staticmethod
    def forward(_context: Any, own: torch.Tensor) -> torch.Tensor:
        total = own.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return _Sum.forward(None, gradient)


def _across(values: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """A value a channel, ready to be combined with features ``[sample, channel, *size]``."""
    return values.reshape(1, -1, *[1] * (features.ndim - 2))

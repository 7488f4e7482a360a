"""MONAI's U-Net, without a pad where there is nothing to pad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.nets import BasicUNet
from monai.networks.nets.basic_unet import UpCat
from torch.nn import functional as F

_LEAST = (1, 1, 2, 2, 2, 1)
"""Channels of each level: the decoder halves those of the three coarsest."""


class UNetBody(BasicUNet):
    """MONAI's ``BasicUNet`` with the same weights and, to the last bit, the same logits, trained faster.

    MONAI pads the features of each decoder level by nothing where they already fit those of the encoder. That copies
    them, and its backward pass takes a quarter of a training step on a CPU.

    Args:
        axes: spatial axes, 2 or 3.
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        options: others of ``BasicUNet``.

    Raises:
        ValueError: ``features`` are not six counts of channels, or one is too small.
    """

    def __init__(
        self, axes: int, in_channels: int, classes: int, features: Sequence[int], *options: Any, **more: Any
    ) -> None:
        if len(features) != len(_LEAST) or any(count < least for count, least in zip(features, _LEAST, strict=True)):
            msg = f"features are the channels of {len(_LEAST)} levels, at least {_LEAST}, not {list(features)}"
            raise ValueError(msg)
        super().__init__(axes, in_channels, classes, features, *options, **more)
        for level in (self.upcat_1, self.upcat_2, self.upcat_3, self.upcat_4):
            level.__class__ = _Joining  # as it was built, for the names of its weights


class _Joining(UpCat):
    def forward(self, x: torch.Tensor, x_e: torch.Tensor) -> torch.Tensor:
        raised = self.upsample(x)
        missing = [wanted - there for wanted, there in zip(x_e.shape[2:], raised.shape[2:], strict=True)]
        if any(missing):
            pads = [pad for gap in reversed(missing) for pad in (0, gap)]
            raised = F.pad(raised, pads, "replicate")
        return self.convs(torch.cat([x_e, raised], dim=1))

"""Networks by name: channels in, logits out, same height and width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UserError
from .alexnet_fcn import AlexNetFCN
from .attention_unet import AttentionUNet
from .attention_unet_ds import AttentionUNetDS
from .dalu_net import DALUNet
from .encoder_weights import EncoderReport, load_encoder_weights
from .resnet import ResNet18, ResNet34, ResNet50, ResNet101
from .segnet import SegNet
from .sizes import in_tiles, padded, same_size
from .slice_network import SliceNetwork
from .unet import UNet
from .unet3d import UNet3D
from .unet_valid import UNetValid

__all__ = [
    "EncoderReport",
    "SliceNetwork",
    "create",
    "in_tiles",
    "load_encoder_weights",
    "names",
    "padded",
    "same_size",
]

_REGISTRY: dict[str, Callable[..., SliceNetwork]] = {
    "alexnet_fcn": AlexNetFCN,
    "attention_unet": AttentionUNet,
    "attention_unet_ds": AttentionUNetDS,
    "dalu_net": DALUNet,
    "resnet18": ResNet18,
    "resnet34": ResNet34,
    "resnet50": ResNet50,
    "resnet101": ResNet101,
    "segnet": SegNet,
    "unet": UNet,
    "unet3d": UNet3D,
    "unet_valid": UNetValid,
}


def names() -> list[str]:
    """Names that :func:`create` knows, in alphabetical order."""
    return sorted(_REGISTRY)


def create(name: str, in_channels: int, classes: int, /, **options: Any) -> SliceNetwork:
    """Build a network with fresh weights.

    Args:
        name: one of :func:`names`.
        in_channels: channels of a slice after preprocessing, times the slices of a stack.
        classes: channels of the logits.
        options: what the architecture's own constructor takes.

    Returns:
        A module that maps ``[batch, in_channels, row, column]`` to logits ``[batch, classes, row, column]``.

    Raises:
        UserError: unknown name, a channel or class count below one, or options the architecture does not take.
    """
    if name not in _REGISTRY:
        msg = f"There is no network called “{name}”: choose one of {', '.join(names())}."
        raise UserError(msg)
    if not all(isinstance(count, int) and count >= 1 for count in (in_channels, classes)):
        msg = f"A network needs at least one input channel and one class, not {in_channels!r} and {classes!r}."
        raise UserError(msg)
    try:
        return _REGISTRY[name](in_channels, classes, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        msg = f"The network “{name}” cannot be built with the options {options}: {reason}."
        raise UserError(msg) from error

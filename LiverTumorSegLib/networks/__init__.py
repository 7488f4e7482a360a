"""Networks by name: channels in, logits out, same height and width."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter

from ..core.errors import UserError
from .alexnet_fcn import AlexNetFCN
from .attention_unet import AttentionUNet, AttentionUNetDS
from .base import SliceNetwork, in_tiles, padded, same_size
from .click_unet import ClickUNet
from .dalu_net import DALUNet
from .description import describe_network
from .folds import MeanOfFolds
from .imagenet import ImageNetNetwork
from .imagenet_weights import EncoderReport, load_encoder_weights
from .nnunet import PlainConvUNet2D, PlainConvUNet3D, ResidualEncoderUNet2D, ResidualEncoderUNet3D
from .resnet import ResNet18, ResNet34, ResNet50, ResNet101
from .segnet import SegNet
from .unet import UNet, UNet3D, UNetValid

__all__ = [
    "EncoderReport",
    "MeanOfFolds",
    "SliceNetwork",
    "create",
    "create_with_options",
    "describe",
    "has_imagenet_encoder",
    "in_tiles",
    "load_encoder_weights",
    "names",
    "padded",
    "same_size",
]

_MOST_CHANNELS = 1024
"""Most channels of an input: more than a stack of slices has, and few enough for a slice of them to fit into memory."""

_SHOWN = 200
_TYPES = ConfigDict(strict=True, allow_inf_nan=False)
_IMPOSSIBLE = (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError, AssertionError, ImportError)

_REGISTRY: dict[str, type[SliceNetwork]] = {
    "alexnet_fcn": AlexNetFCN,
    "attention_unet": AttentionUNet,
    "attention_unet_ds": AttentionUNetDS,
    "click_unet": ClickUNet,
    "dalu_net": DALUNet,
    "plain_conv_unet_2d": PlainConvUNet2D,
    "plain_conv_unet_3d": PlainConvUNet3D,
    "residual_encoder_unet_2d": ResidualEncoderUNet2D,
    "residual_encoder_unet_3d": ResidualEncoderUNet3D,
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


def describe(name: str) -> str:
    """What a network is, what was chosen in it where papers leave things open, and its options, in paragraphs.

    Raises:
        UserError: there is none of this name.
    """
    _refuse_unknown(name)
    return describe_network(_REGISTRY[name])


def _refuse_unknown(name: str) -> None:
    if name not in _REGISTRY:
        msg = f"There is no network called “{name}”: choose one of {', '.join(names())}."
        raise UserError(msg)


def has_imagenet_encoder(name: str) -> bool:
    """Whether a network of this name has an encoder that ImageNet's weights fit."""
    return issubclass(_REGISTRY.get(name, SliceNetwork), ImageNetNetwork)


def create(name: str, in_channels: int, classes: int, **options: Any) -> SliceNetwork:
    """Build a network with fresh weights.

    Args:
        name: one of :func:`names`.
        in_channels: channels of a slice after preprocessing, times the slices of a stack.
        classes: channels of the logits.
        options: what the architecture's own constructor takes.

    Returns:
        A module that maps ``[batch, in_channels, row, column]`` to logits ``[batch, classes, row, column]``.

    Raises:
        UserError: unknown name, a channel or class count below one, more channels than memory has room for, or
            options that the architecture does not take or that are of another type than it takes.

    Example:
        >>> import torch
        >>> network = create("resnet50", in_channels=3, classes=1, width=8)
        >>> network(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1, 64, 64])
    """
    return create_with_options(name, in_channels, classes, options)


def create_with_options(name: str, in_channels: int, classes: int, options: Mapping[str, Any]) -> SliceNetwork:
    """Build a network as :func:`create` does, from options of any names, such as those of somebody's ``model.json``.

    Raises:
        UserError: as :func:`create`.
    """
    _refuse_unknown(name)
    if not all(isinstance(count, int) and count >= 1 for count in (in_channels, classes)):
        msg = f"A network needs at least one input channel and one class, not {in_channels!r} and {classes!r}."
        raise UserError(msg)
    if in_channels > _MOST_CHANNELS:
        msg = f"A network takes at most {_MOST_CHANNELS} input channels, not {in_channels}: stack fewer."
        raise UserError(msg)
    try:
        network = _REGISTRY[name](in_channels, classes, **options)
        _check_types(network, options)
    except _IMPOSSIBLE as error:
        reason = shorten(str(error).partition("\n")[0] or type(error).__name__, _SHOWN).rstrip(".")
        shown = shorten(str(dict(options)), _SHOWN)
        msg = f"The network “{name}” cannot be built with the options {shown}: {reason}."
        raise UserError(msg) from error
    return network


def _check_types(network: SliceNetwork, options: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` where an option is of another type than the constructor says: Python itself would take it."""
    wanted = get_type_hints(type(network).__init__)
    for name, value in options.items():
        if not _is(value, wanted[name]):
            msg = f"{name} should be {getattr(wanted[name], '__name__', wanted[name])}, not {value!r}"
            raise TypeError(msg)


def _is(value: object, wanted: Any) -> bool:
    try:
        TypeAdapter(wanted, config=_TYPES).validate_python(value)
    except ValueError:
        return False
    return True

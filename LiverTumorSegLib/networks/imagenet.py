"""Networks whose encoder is one of torchvision's, so that what it learnt on ImageNet fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from .base import SliceNetwork

TORCHVISION_ADDRESS = "https://download.pytorch.org/models/"
CLASSIFIERS = ("fc.", "classifier.")
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Architecture:
    """One of torchvision's classifiers.

    Attributes:
        parameters: of its convolutions and normalisations, for three channels, without fully connected layers.
        network: the one here whose encoder it is, if there is one.
        file: its ImageNet weights, below :data:`TORCHVISION_ADDRESS`.
        sha256: of that file. torchvision publishes the first eight digits, in its name; the others are those that
            several projects, which had the file from there, state alike.
    """

    parameters: int
    network: str = ""
    file: str = ""
    sha256: str = ""


ARCHITECTURES: Mapping[str, Architecture] = {
    "alexnet": Architecture(
        2_469_696,
        "alexnet_fcn",
        "alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    "resnet18": Architecture(
        11_176_512,
        "resnet18",
        "resnet18-f37072fd.pth",
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    "resnet34": Architecture(
        21_284_672,
        "resnet34",
        "resnet34-b627a593.pth",
        "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
    ),
    "resnet50": Architecture(
        23_508_032,
        "resnet50",
        "resnet50-0676ba61.pth",
        "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
    ),
    "resnet101": Architecture(
        42_500_160,
        "resnet101",
        "resnet101-63fe2227.pth",
        "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
    ),
    "resnet152": Architecture(58_143_808),
    "vgg16": Architecture(14_714_688),
    "vgg16_bn": Architecture(
        14_723_136,
        "segnet",
        "vgg16_bn-6c64b313.pth",
        "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
    ),
}


def architecture_of(weights: Mapping[str, torch.Tensor]) -> str | None:
    """Name of the architecture that has as many encoder parameters as these weights, None where there is none."""
    count = sum(
        value.numel()
        for key, value in weights.items()
        if not key.startswith(CLASSIFIERS) and not key.endswith(_BUFFERS)
    )
    return next((name for name, known in ARCHITECTURES.items() if known.parameters == count), None)


MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in ImageNet's images, from 0 to 1, which torchvision's weights were trained to see taken out
(torchvision, Models and pre-trained weights: the transforms of each file of weights)."""
COLOURS = len(MEAN)
IMAGENET_INPUT = "imagenet_input"
"""Name of the option by which a network normalises its input so."""


class ImageNetInput(nn.Module):
    """Normalise values from 0 to 1 by the mean and the deviation that ImageNet's colours have.

    The one channel of a grey image is shown to all three colours, as it is where grey images are made colour ones; of
    several channels each is taken for one colour in turn, as the first convolution takes them.

    Args:
        channels: of the input.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        colours = torch.arange(encoder_channels(channels, imagenet_input=True)) % COLOURS
        self.register_buffer("mean", torch.tensor(MEAN)[colours].view(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION)[colours].view(1, -1, 1, 1))

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        """Map ``[batch, channels, row, column]`` to the same size, with three channels where there was one."""
        return (slices - self.mean) / self.deviation


def encoder_channels(in_channels: int, *, imagenet_input: bool) -> int:
    """Channels that an encoder is given, where a network is given so many."""
    return COLOURS if imagenet_input and in_channels == 1 else in_channels


class ImageNetNetwork(SliceNetwork, ABC):
    """A network with an encoder of :data:`ARCHITECTURES`.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        imagenet_input: whether :class:`ImageNetInput` is the network's first step, for encoders that start from
            ImageNet's weights and chains that give values from 0 to 1.

    Attributes:
        encoder_channels: channels of the encoder's input.
        imagenet: torchvision's name of the encoder.
        imagenet_prefixes: how the encoder's keys begin here, and how they do in torchvision.
        imagenet_first: torchvision's key of the first convolution's weights.
    """

    imagenet: ClassVar[str]
    imagenet_prefixes: ClassVar[tuple[tuple[str, str], ...]]
    imagenet_first: ClassVar[str] = "features.0.weight"

    def __init__(self, in_channels: int, classes: int, *, imagenet_input: bool = False) -> None:
        super().__init__(in_channels, classes)
        self.encoder_channels = encoder_channels(in_channels, imagenet_input=imagenet_input)
        self.input = ImageNetInput(in_channels) if imagenet_input else nn.Identity()

    @property
    def has_imagenet_input(self) -> bool:
        """Whether the network normalises what it sees."""
        return isinstance(self.input, ImageNetInput)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return self.logits_of_seen(self.input(slices))

    @abstractmethod
    def logits_of_seen(self, seen: torch.Tensor) -> torch.Tensor:
        """Logits of what the encoder sees, ``[batch, encoder_channels, row, column]``."""

    @classmethod
    def imagenet_key(cls, key: str) -> str | None:
        """Name of a weight in torchvision's network; None for those that ImageNet has nothing for."""
        for own, theirs in cls.imagenet_prefixes:
            if key.startswith(own):
                return theirs + key.removeprefix(own)
        return None

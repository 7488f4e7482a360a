"""Networks whose encoder is one of torchvision's, so that what it learnt on ImageNet fits."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

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


class ImageNetNetwork(SliceNetwork, ABC):
    """A network with an encoder of :data:`ARCHITECTURES`.

    Attributes:
        imagenet: torchvision's name of the encoder.
        imagenet_prefixes: how the encoder's keys begin here, and how they do in torchvision.
        imagenet_first: torchvision's key of the first convolution's weights.
    """

    imagenet: ClassVar[str]
    imagenet_prefixes: ClassVar[tuple[tuple[str, str], ...]]
    imagenet_first: ClassVar[str] = "features.0.weight"

    @classmethod
    def imagenet_key(cls, key: str) -> str | None:
        """Name of a weight in torchvision's network; None for those that ImageNet has nothing for."""
        for own, theirs in cls.imagenet_prefixes:
            if key.startswith(own):
                return theirs + key.removeprefix(own)
        return None

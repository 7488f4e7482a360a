"""``livertumorseg networks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .console import bar, out, say

if TYPE_CHECKING:
    from ..networks import SliceNetwork

_SLICES = 5
_PATCH = (64, 128, 128)
_MEGA = 10**6
_MEANING = (
    "One slice, or patch, in float32. GFLOP: 10^9 operations of a forward pass, a multiplication with its addition "
    "counted as two. Training: megabytes that forward and backward pass hold at most at batch one, beyond weights and "
    "gradients; every further slice of a batch takes as much again."
)


def networks(
    channels: Annotated[int, typer.Option(min=1, help="Channels of a slice.")] = 1,
    classes: Annotated[int, typer.Option(min=1, help="Channels of the logits.")] = 3,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Rows and columns of a slice.")] = 512,
) -> None:
    """List the networks: what they cost and where they come from."""
    from ..networks import names as known

    costs = Table("name", "input", "million\nparameters", "GFLOP", "training\nMB", "ImageNet\nencoder")
    sources = Table("name", "source")
    names = known()
    with bar() as progress:
        for number, name in enumerate(names):
            progress(number / len(names), f"Counting {name}")
            network = _create(name, channels, classes)
            costs.add_row(name, *_row(network, (size, size) if network.axes == 2 else _PATCH))
            sources.add_row(name, network.source)
    out.print(costs, sources)
    say(_MEANING)


def _create(name: str, channels: int, classes: int) -> SliceNetwork:
    import torch

    from ..networks import create

    with torch.device("meta"):  # where weights take neither time nor memory
        if name == "dalu_net":
            return create(name, channels * _SLICES, classes, slices=_SLICES)
        return create(name, channels, classes)


def _row(network: SliceNetwork, size: tuple[int, ...]) -> tuple[str, ...]:
    from ..networks.cost import cost

    shape, encoder = "x".join(map(str, (network.in_channels, *size))), getattr(network, "imagenet", "")
    found = cost(network, size)
    figures = f"{found.parameters / _MEGA:.2f}", f"{found.gflop:.1f}", f"{found.training_bytes / _MEGA:.0f}"
    return shape, *figures, encoder

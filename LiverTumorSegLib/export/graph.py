"""A network as a graph that runs without this library, and the sizes that the graph takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional as F

from ..models.model_folder import Model
from ..networks import SliceNetwork, padded


@dataclass(frozen=True)
class InputSizes:
    """Which inputs an exported network takes.

    Args:
        stride: sizes of slices are a multiple of it, and ``remainder`` more.
        remainder: 0 for networks that pad their convolutions.
        least: smallest height and width: one stride more than the network's own smallest, since ``torch.export`` has
            graphs whose features may be one pixel high only where they always are.
        margin: pixels a side that the logits lack.
        patch: the one size of a network for volumes: slices, rows, columns.
    """

    stride: int
    remainder: int
    least: int
    margin: int
    patch: tuple[int, int, int] | None

    @classmethod
    def of(cls, model: Model) -> InputSizes:
        """Input sizes of a model's network."""
        network, patches = model.network, model.description.patches
        stride, rest = network.stride, network.remainder
        least = (ceil((network.smallest - rest) / stride) + 1) * stride + rest
        return cls(stride, rest, least, network.margin, patches.size if patches else None)

    @property
    def example(self) -> tuple[int, ...]:
        """A size to trace with, height and width different."""
        return self.patch or (self.least + self.stride, self.least + 2 * self.stride)

    def padded(self, network: SliceNetwork, slices: torch.Tensor) -> torch.Tensor:
        """Slices ``[batch, channel, row, column]`` as our own inference pads them, and up to :attr:`least`."""
        wide = padded(network, slices)
        rows, columns = (max(0, self.least - count) for count in wide.shape[2:])
        return F.pad(wide, (0, columns, 0, rows), mode="replicate")


class _Logits(nn.Module):
    """The network without the checks of its input, which a graph cannot do in our words."""

    def __init__(self, network: SliceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, channels: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        return self.network.logits(channels)


def export_graph(model: Model) -> ExportedProgram:
    """The network in evaluation mode: any batch, and any of :class:`InputSizes`.

    What comes before the network is not part of the graph: it depends on the volume's spacing and, for some steps, on
    all of its slices.
    """
    sizes = InputSizes.of(model)
    channels = torch.zeros(2, model.network.in_channels, *sizes.example)
    dynamic: dict[int, object] = {0: Dim("batch", min=1)}
    if sizes.patch is None:
        dynamic |= {2: _dimension("height", sizes), 3: _dimension("width", sizes)}
    with torch.no_grad():
        made = torch.export.export(_Logits(model.network).eval(), (channels,), dynamic_shapes=(dynamic,))
    for node in made.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine
    return made


def _dimension(name: str, sizes: InputSizes) -> object:
    strides = Dim(f"{name}_strides", min=sizes.least // sizes.stride)
    multiple = sizes.stride * strides
    return multiple + sizes.remainder if sizes.remainder else multiple

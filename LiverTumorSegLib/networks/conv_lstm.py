"""Convolutional LSTM along a sequence of feature maps."""

from __future__ import annotations

import torch
from torch import nn


class ConvLSTM(nn.Module):
    """LSTM whose products are 3x3 convolutions (Shi et al. 2015, section 3.1, equation 3).

    Without the peephole connections from the cell to the gates: their weights have a value a pixel, which would bind
    the network to one size of slices. The first states are zero, as in the paper.

    Args:
        in_channels: channels of the input.
        hidden: channels of the state, which is the output.
    """

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.of_input = nn.Conv2d(in_channels, 4 * hidden, 3, padding=1)
        self.of_state = nn.Conv2d(hidden, 4 * hidden, 3, padding=1, bias=False)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """States of all steps.

        Args:
            sequence: ``[batch, step, in_channels, row, column]``.

        Returns:
            ``[batch, step, hidden, row, column]``.
        """
        first, *others = self.of_input(sequence.flatten(0, 1)).unflatten(0, sequence.shape[:2]).unbind(1)
        state, cell = _step(first)
        states = [state]
        for gates in others:
            state, cell = _step(gates + self.of_state(state), cell)
            states.append(state)
        return torch.stack(states, dim=1)


def _step(gates: torch.Tensor, cell: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The next state and cell; gates are those of input, forgetting, output, and the candidate, before activation."""
    let_in, keep, show, candidate = gates.chunk(4, dim=1)
    new = torch.sigmoid(let_in) * torch.tanh(candidate)
    cell = new if cell is None else torch.sigmoid(keep) * cell + new
    return torch.sigmoid(show) * torch.tanh(cell), cell


class BidirectionalConvLSTM(nn.Module):
    """Two :class:`ConvLSTM`: one goes from the first step to the last, the other from the last to the first.

    Args:
        in_channels: channels of the input.
        hidden: channels of a state in each direction.
    """

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.ascending, self.descending = ConvLSTM(in_channels, hidden), ConvLSTM(in_channels, hidden)

    def forward(self, sequence: torch.Tensor, *, only_centre: bool = False) -> torch.Tensor:
        """States of both directions.

        Args:
            sequence: ``[batch, step, in_channels, row, column]``.
            only_centre: return the middle one of an odd number of steps alone, for little more than half of the work.

        Returns:
            ``[batch, step, 2 * hidden, row, column]``, the ascending direction's channels first.
        """
        middle = sequence.shape[1] // 2
        if only_centre:
            ascending = self.ascending(sequence[:, : middle + 1])[:, -1:]
            descending = self.descending(sequence[:, middle:].flip(1))[:, -1:]
        else:
            ascending, descending = self.ascending(sequence), self.descending(sequence.flip(1)).flip(1)
        return torch.cat([ascending, descending], dim=2)

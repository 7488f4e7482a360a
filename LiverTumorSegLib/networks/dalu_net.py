"""Deep attention LSTM U-Net on stacks of neighbouring slices, and its convolutional LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .base import SliceNetwork
from .blocks import AttentionGate, DecoderLevel, Encoder, check_features, check_positive


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
        state, cell = _lstm_step(first)
        states = [state]
        for gates in others:
            state, cell = _lstm_step(gates + self.of_state(state), cell)
            states.append(state)
        return torch.stack(states, dim=1)


def _lstm_step(gates: torch.Tensor, cell: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
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


class DALUNet(SliceNetwork):
    """DALU-Net in slices: attention gates, ConvLSTM from slice to slice, deep supervision (after Jeong et al. 2022).

    The published network has 3D convolutions. This is its form for stacks of slices: every slice passes the same 2D
    encoder, and bidirectional ConvLSTMs join the slices at the coarsest level and in the skip connections behind their
    attention gates, that is in all but the finest one. Gates are those of ``attention_unet``; a slice's gating signal
    is its own. In training each decoder level has logits, of its own resolution, as in ``attention_unet_ds``.

    Nothing mixes slices after the last ConvLSTM. The decoder's two finest levels, which are most of its work, are
    therefore computed for the centre slice alone where only that is wanted: the logits are the same.

    Args:
        in_channels: channels of the stack, one slice's after another's.
        classes: channels of a slice's logits.
        slices: slices of the stack, an odd number; as many as channels unless given.
        features: channels of the five levels, finest first.
        hidden: channels of a ConvLSTM's state in each direction; half of its level's unless given.
        all_slices: return logits of all slices, ``[batch, classes, slices, row, column]``, and not the centre's.
        dropout: share of values dropped in training.

    Raises:
        ValueError: the slices are an even number or do not divide the channels, or a width is below one.
    """

    stride = 16
    smallest = 32  # as AttentionUNet
    source = "Jeong et al. 2022, Deep 3D attention CLSTM U-Net; in 2D, ConvLSTM along a stack of slices"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        slices: int | None = None,
        features: Sequence[int] = (32, 32, 64, 128, 256),
        hidden: int | None = None,
        all_slices: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes)
        self.slices, self.all_slices = _slices_in_stack(in_channels, slices), all_slices
        features = check_features(features)
        joined = [2 * width for width in _widths(features[1:], hidden)]
        skips, coarser = [features[0], *joined[:-1]], [*features[1:-1], joined[-1]]
        self.encoder = Encoder(in_channels // self.slices, features, dropout)
        self.gates = nn.ModuleList(AttentionGate(*pair) for pair in zip(features[1:-1], coarser[1:], strict=True))
        self.joins = nn.ModuleList(
            BidirectionalConvLSTM(count, both // 2) for count, both in zip(features[1:], joined, strict=True)
        )
        self.decoder = nn.ModuleList(
            DecoderLevel(coarse, skip, count, dropout)
            for coarse, skip, count in zip(coarser, skips, features[:-1], strict=True)
        )
        self.heads = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in features[:-1])

    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        levels = self._decoded(slices.unflatten(1, (self.slices, -1)).flatten(0, 1))
        if not self.training:
            return self._stacked(self.heads[0](levels[0]))
        return [self._stacked(head(level)) for head, level in zip(self.heads, levels, strict=True)]

    def _decoded(self, slices: torch.Tensor) -> list[torch.Tensor]:
        """Features of the decoder's four levels, finest first, of the slices whose logits are wanted."""
        finest, *skips, bottom = self.encoder(slices)
        coarse = self._joined(bottom, 3)
        levels: list[torch.Tensor] = []
        for number in (2, 1):
            gated, _ = self.gates[number](skips[number], coarse)
            coarse = self.decoder[number + 1](coarse, self._joined(gated, number))
            levels.insert(0, self._wanted(coarse))
        gated, _ = self.gates[0](skips[0], coarse)
        fine = self.decoder[1](levels[0], self._joined(gated, 0, only_wanted=True))
        return [self.decoder[0](fine, self._wanted(finest)), fine, *levels]

    def _joined(self, features: torch.Tensor, number: int, *, only_wanted: bool = False) -> torch.Tensor:
        stack = features.unflatten(0, (-1, self.slices))
        return self.joins[number](stack, only_centre=only_wanted and not self.all_slices).flatten(0, 1)

    def _wanted(self, features: torch.Tensor) -> torch.Tensor:
        return features if self.all_slices else features[self.slices // 2 :: self.slices]

    def _stacked(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.unflatten(0, (-1, self.slices)).movedim(1, 2) if self.all_slices else logits


def _slices_in_stack(in_channels: int, slices: int | None) -> int:
    count = in_channels if slices is None else slices
    if count < 1 or count % 2 == 0 or in_channels % count:
        msg = f"{in_channels} channels are not a stack of {count} slices, which must be an odd number that divides them"
        raise ValueError(msg)
    return count


def _widths(features: Sequence[int], hidden: int | None) -> list[int]:
    return [max(1, count // 2) if hidden is None else check_positive("hidden", hidden) for count in features]

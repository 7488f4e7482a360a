"""Samples of a preprocessed slice as training would see it, to be looked at."""

from __future__ import annotations

import numpy as np
import torch

from ...core.errors import UserError
from ...preprocessing import Slices
from .intensity import change_intensities, draw_intensities
from .options import SETS, Augmentation
from .spatial import cut_squares, draw_placement

_SEED = 0
_ROUNDING = 1e-3
_NAMES = {"tilt": "tilt (not shown)"}


def set_for_chain(chain: str, asked: str | None) -> str | None:
    """Name of the set of ranges to show: the one asked for, else the one of the chain's own system.

    Args:
        chain: name of a preprocessing chain, or its file.
        asked: name of a set; ``none`` and None for the chain's where it has none show nothing.

    Raises:
        UserError: there is no such set.
    """
    if asked is not None and asked not in SETS:
        msg = f"There is no set of augmentations called “{asked}”: choose one of {', '.join(SETS)}."
        raise UserError(msg)
    name = chain if asked is None else asked
    return name if name in SETS and name != "none" else None


def augment_preview(slices: Slices, ranges: Augmentation, count: int) -> list[Slices]:
    """Random samples of one slice, the same ones each time.

    A sample is a square as long as the slice's longer side, about its middle. Of ranges for volumes, tilt is left out,
    which one slice cannot show.

    Args:
        slices: one slice after a chain, ``[1, channel, row, column]``.
        ranges: how far it is changed.
        count: how many samples.
    """
    pixels = slices.pixels.float().expand(count, -1, -1, -1)
    labels = torch.zeros(count, *slices.size, dtype=torch.uint8, device=pixels.device)
    side, random = max(slices.size), np.random.default_rng(_SEED)
    middle = np.tile((np.array(slices.size) - 1) / 2, (count, 1))
    cut, marked = cut_squares(pixels, labels, draw_placement(ranges, middle, side, random))
    in_window = bool(pixels.min() >= -_ROUNDING and pixels.max() <= 1 + _ROUNDING)
    changes = draw_intensities(ranges, tuple(cut.shape), random)
    changed = change_intensities(cut, marked, changes, in_window=in_window)
    return [slices.with_pixels(sample[None]) for sample in changed]


def describe_ranges(ranges: Augmentation) -> str:
    """The ranges that differ from no change, in words."""
    still = SETS["none"].model_dump()
    kept = {key: value for key, value in ranges.model_dump().items() if value != still[key] and value is not None}
    return ", ".join(f"{_NAMES.get(key, key.replace('_', ' '))} {_words(value)}" for key, value in kept.items())


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{end:g}" for end in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return "no" if value is False else "yes"

"""The one choice between training on slices, patches of volumes and clicks: by what the recipe's network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from ..datasets.slices import Patient
from ..models.description import ClickPatches
from ..networks import SliceNetwork
from .clicks.rounds import click_through
from .clicks.sampling import ClickBatch, ClickSampler, augment_clicks
from .clicks.scoring import ClickScorer
from .patch_sampling import PatchSampler, augment_patches
from .recipe import Recipe
from .scoring import Scorer, SliceScorer, VolumeScorer
from .slice_sampling import Batch, SliceSampler, augment_slices


class InputMode(NamedTuple):
    """All that depends on whether a network sees slices, volumes or clicks.

    Args:
        sampler: endless batches for a recipe, of these patients, from the batch of this number on.
        augmented: cuts and changes a batch on its device.
        scorer: measures the network on whole patients.
        layout: of the network's weights and of what it sees, in memory.
        channels: what the network sees of a batch, which takes a seed for what is drawn with its help; None where it
            sees the batch's pixels.
    """

    sampler: Callable[[Recipe, list[Patient], int], SliceSampler | PatchSampler | ClickSampler]
    augmented: Callable[[Any], Batch]
    scorer: type[Scorer]
    layout: torch.memory_format
    channels: Callable[[Recipe, SliceNetwork, Any, Sequence[int]], torch.Tensor] | None = None


def input_mode_of(recipe: Recipe) -> InputMode:
    """The input mode of a recipe's network."""
    if recipe.clicks:
        return _CLICKS
    return _VOLUMES if recipe.patches else _SLICES


def _slices(recipe: Recipe, patients: list[Patient], first: int) -> SliceSampler:
    return SliceSampler(patients, first=first, **_options(recipe, "stack", "crop"))


def _patches(recipe: Recipe, patients: list[Patient], first: int) -> PatchSampler:
    return PatchSampler(patients, first=first, **_options(recipe, "patches"))


def _clicks(recipe: Recipe, patients: list[Patient], first: int) -> ClickSampler:
    return ClickSampler(
        patients,
        pixel_mm=recipe.preprocessing.spacing_mm,
        sampling=recipe.click_sampling,
        patches=cast("ClickPatches", recipe.clicks),
        augmentation=recipe.augmentation,
        batch=recipe.schedule.batch,
        seed=recipe.seed,
        first=first,
    )


def _clicked(recipe: Recipe, network: SliceNetwork, batch: ClickBatch, seed: Sequence[int]) -> torch.Tensor:
    return click_through(network, batch, recipe.click_sampling, np.random.default_rng(seed))


def _options(recipe: Recipe, *own: str) -> dict[str, Any]:
    """A recipe's entries that both samplers take, and those that one of them does."""
    shared = {name: getattr(recipe, name) for name in ("sampling", "augmentation", "seed", *own)}
    return {"batch": recipe.schedule.batch, **shared}


_SLICES = InputMode(_slices, augment_slices, SliceScorer, torch.channels_last)
_VOLUMES = InputMode(_patches, augment_patches, VolumeScorer, torch.channels_last_3d)
_CLICKS = InputMode(_clicks, augment_clicks, ClickScorer, torch.contiguous_format, _clicked)

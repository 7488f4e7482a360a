"""The one choice between training on slices and on patches of volumes: by what the recipe says its network sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..datasets.slices import Patient
from .patch_sampling import PatchSampler, augment_patches
from .recipe import Recipe
from .scoring import Scorer, SliceScorer, VolumeScorer
from .slice_sampling import Batch, SliceSampler, augment_slices


class InputMode(NamedTuple):
    """All that depends on whether a network sees slices or volumes.

    Args:
        sampler: endless batches for a recipe, of these patients, from the batch of this number on.
        augmented: cuts and changes a batch on its device.
        scorer: measures the network on whole patients.
        layout: of the network's weights and of what it sees, in memory.
    """

    sampler: Callable[[Recipe, list[Patient], int], SliceSampler | PatchSampler]
    augmented: Callable[[Any], Batch]
    scorer: type[Scorer]
    layout: torch.memory_format


def input_mode_of(recipe: Recipe) -> InputMode:
    """The input mode of a recipe's network."""
    return _VOLUMES if recipe.patches else _SLICES


def _slices(recipe: Recipe, patients: list[Patient], first: int) -> SliceSampler:
    return SliceSampler(patients, first=first, **_options(recipe, "stack", "crop"))


def _patches(recipe: Recipe, patients: list[Patient], first: int) -> PatchSampler:
    return PatchSampler(patients, first=first, **_options(recipe, "patches"))


def _options(recipe: Recipe, *own: str) -> dict[str, Any]:
    """A recipe's entries that both samplers take, and those that one of them does."""
    shared = {name: getattr(recipe, name) for name in ("sampling", "augmentation", "seed", *own)}
    return {"batch": recipe.schedule.batch, **shared}


_SLICES = InputMode(_slices, augment_slices, SliceScorer, torch.channels_last)
_VOLUMES = InputMode(_patches, augment_patches, VolumeScorer, torch.channels_last_3d)

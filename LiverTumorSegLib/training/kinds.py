"""The one choice between training on slices and on patches of volumes: by what the recipe says its network sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch

from ..datasets.slices import Patient
from .patch_sampling import PatchSampler, augmented_patches
from .recipe import Recipe
from .sampling import Batch, SliceSampler, augmented
from .scoring import Scorer, SliceScorer
from .volume_scoring import VolumeScorer


class Kind(NamedTuple):
    """What depends on whether a network sees slices or volumes.

    Args:
        sampler: endless batches for a recipe, of these patients, from the batch of this number on.
        augmented: cuts and changes a batch on its device.
        scorer: measures the network on whole patients.
        layout: of the network's weights and of what it sees, in memory.
    """

    sampler: Callable[[Recipe, list[Patient], int], Iterable[Any]]
    augmented: Callable[[Any], Batch]
    scorer: type[Scorer]
    layout: torch.memory_format


def kind_of(recipe: Recipe) -> Kind:
    """That of a recipe's network."""
    return _VOLUMES if recipe.patches else _SLICES


def _slices(recipe: Recipe, patients: list[Patient], first: int) -> SliceSampler:
    return SliceSampler(patients, first=first, **_options(recipe, "stack", "crop"))


def _patches(recipe: Recipe, patients: list[Patient], first: int) -> PatchSampler:
    return PatchSampler(patients, first=first, **_options(recipe, "patches"))


def _options(recipe: Recipe, *own: str) -> dict[str, Any]:
    """A recipe's entries that both samplers take, and those that one of them does."""
    shared = {name: getattr(recipe, name) for name in ("sampling", "augmentation", "seed", *own)}
    return {"batch": recipe.schedule.batch, **shared}


_SLICES = Kind(_slices, augmented, SliceScorer, torch.channels_last)
_VOLUMES = Kind(_patches, augmented_patches, VolumeScorer, torch.channels_last_3d)

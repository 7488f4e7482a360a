"""What a recipe's network sees at a time: squares of slices, or patches of volumes, and what goes with these alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..datasets.slices import SliceSource
from ..datasets.volumes import VolumeSource

if TYPE_CHECKING:
    from .recipe import Recipe


def check_sight(recipe: Recipe) -> None:
    """Raise ``ValueError`` where a recipe does not say what its network sees, or says what does not go with it."""
    if recipe.crop and recipe.patches:
        msg = "crop and patches both say what the network sees: keep crop for slices, or patches for volumes"
        raise ValueError(msg)
    if recipe.patches:
        for msg in _no_use_for_patches(recipe):
            raise ValueError(msg)
        recipe.augmentation.check_folding(min(recipe.patches.size), axes=3)
    elif recipe.crop:
        recipe.augmentation.check_folding(recipe.crop)
        _check_painting(recipe)
    else:
        msg = "crop is missing: give the rows and columns that a network for slices sees, or patches for volumes"
        raise ValueError(msg)


def _check_painting(recipe: Recipe) -> None:
    channels = recipe.preprocessing.channels
    if recipe.augmentation.synthetic_lesions and channels > 1:
        msg = (
            f"synthetic lesions are painted in one window, and the preprocessing makes {channels} channels of a slice: "
            "leave augmentation.synthetic_lesions out, or take a chain with one"
        )
        raise ValueError(msg)


def _no_use_for_patches(recipe: Recipe) -> Iterator[str]:
    pictures = [source.folder for source in recipe.data if isinstance(source, SliceSource)]
    if pictures:
        yield f"patches are cut from CTs, and {', '.join(pictures)} holds slice pictures: name CTs as volumes"
    if any(source.every > 1 for source in recipe.data if isinstance(source, VolumeSource)):
        yield "patches are cut from whole CTs: leave every out of the data, and set patches.spacing_mm"
    if recipe.stack.slices > 1:
        yield "a network for volumes sees neighbouring slices anyway: leave stack out, or take crop for slices"
    if not recipe.sampling.centred:
        yield "a patch is centred on what it was drawn for: leave sampling.centred out"
    if recipe.sampling.shuffled:
        yield "sampling.shuffled takes slices in turn, and a volume has no such patches: give shares in its place"
    if recipe.augmentation.synthetic_lesions:
        yield "synthetic lesions are painted into slices: leave augmentation.synthetic_lesions out"

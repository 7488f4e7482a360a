"""What a recipe keeps back from training: patients, a share of the slices, or what the file of a split says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..core.schema import StrictModel

if TYPE_CHECKING:
    from .recipe import Recipe


class SplitFile(StrictModel):
    """A split that ``livertumorseg data split`` drew.

    Args:
        file: its path from the data root.
        fold: which of its folds is validated on, counted from 0; None where it has none.
    """

    file: str
    fold: int | None = Field(None, ge=0)


class SliceSplit(StrictModel):
    """A split that mixes the slices of all patients, as some published systems have it.

    Neighbours of one lesion then are on both sides, so that figures come out better than on patients never seen.

    Args:
        slices: share of the slices that is held out.
        validation: share of all slices that validations during training measure, of those that are not held out, and
            that is not trained on; 0 where validations measure what is held out.
        seed: that they are drawn with.
    """

    slices: float = Field(gt=0, lt=1)
    validation: float = Field(0, ge=0, lt=1)
    seed: int = Field(0, ge=0)

    @property
    def held_out_alone(self) -> SliceSplit:
        """The same slices held out, with those for validation among the others."""
        return self.model_copy(update={"validation": 0})


def check_held_out(recipe: Recipe) -> None:
    """Raise ``ValueError`` where a recipe does not say who is held out, or says it twice."""
    if recipe.validation and recipe.split:
        msg = "validation and split both say who is validated on: leave one of them out"
        raise ValueError(msg)
    if recipe.test and recipe.split:
        msg = "test and split both say who is measured afterwards: leave one of them out"
        raise ValueError(msg)
    both = sorted(set(recipe.test) & set(recipe.validation))
    if both:
        msg = f"test and validation both name {both[0]}: whoever is measured afterwards has no say in training"
        raise ValueError(msg)
    if isinstance(recipe.split, SliceSplit) and recipe.split.slices + recipe.split.validation >= 1:
        shares = f"{recipe.split.slices:g} held out and {recipe.split.validation:g} for validation"
        msg = f"shares of {shares} leave nothing to train on: take smaller ones in the split"
        raise ValueError(msg)
    if recipe.patches and isinstance(recipe.split, SliceSplit):
        msg = "patches are cut from whole CTs, of which no slices can be held out: name patients in validation"
        raise ValueError(msg)
    if recipe.patients and isinstance(recipe.split, SplitFile):
        msg = "patients and the file of a split both say who is used: leave one of them out"
        raise ValueError(msg)
    if recipe.split is None and "validation" not in recipe.model_fields_set:
        msg = "validation is missing: list the patients to validate on ([] for none), or name the file of a split"
        raise ValueError(msg)

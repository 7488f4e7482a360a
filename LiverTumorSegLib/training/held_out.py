"""What a recipe can keep back from training in place of patients: what a split's file says, or a share of slices."""

from __future__ import annotations

from pydantic import Field

from ..core.schema import StrictModel


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

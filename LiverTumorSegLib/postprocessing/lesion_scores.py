"""How likely a candidate is a lesion, and from which probability on it is taken for one.

The probability is a logistic regression of the candidate's measures, fitted on candidates in patients that the network
which found them was not trained on; a model that has one carries its numbers, see
:mod:`LiverTumorSegLib.experiments.calibration`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..core.schema import StrictModel
from .candidates import MEASURES

Share = Annotated[float, Field(ge=0, le=1)]


class OperatingPoint(StrictModel):
    """What came of taking candidates from a probability on, in a cross-validation.

    Args:
        least_probability: of a candidate that is taken.
        false_per_patient: candidates taken that were no lesion, on average.
        found: share of the reference's lesions that a candidate taken found.
    """

    least_probability: Share
    false_per_patient: float = Field(ge=0)
    found: Share


class Measure(StrictModel):
    """A measure's part in the regression.

    Args:
        name: one of :data:`.candidates.MEASURES`.
        mean, scale: that it is standardised by.
        weight: of the standardised measure.
    """

    name: str
    mean: float
    scale: float = Field(gt=0)
    weight: float


class LesionScores(StrictModel):
    """The regression of a model, and its operating points.

    Args:
        intercept: of the regression.
        measures: all of :data:`.candidates.MEASURES`, in their order.
        points: from the fewest false lesions to the most.
    """

    intercept: float
    measures: tuple[Measure, ...]
    points: Annotated[tuple[OperatingPoint, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _parts_fit(self) -> LesionScores:
        if tuple(each.name for each in self.measures) != MEASURES:
            msg = f"the measures are {', '.join(MEASURES)}, in this order"
            raise ValueError(msg)
        false = [point.false_per_patient for point in self.points]
        least = [point.least_probability for point in self.points]
        if false != sorted(false) or least != sorted(least, reverse=True):
            msg = "the points run from the fewest false lesions and the highest probability to the most and the lowest"
            raise ValueError(msg)
        return self

    def probabilities(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each candidate to be a lesion, of its measures ``[candidate, measure]``."""
        means, scales, weights = (
            np.array([getattr(each, part) for each in self.measures]) for part in ("mean", "scale", "weight")
        )
        return 1 / (1 + np.exp(-(self.intercept + (measures - means) / scales @ weights)))


def point_for(points: tuple[OperatingPoint, ...], sensitivity: float) -> OperatingPoint:
    """The point that finds most of those with at most so many false lesions a patient; else the strictest."""
    allowed = [point for point in points if point.false_per_patient <= sensitivity]
    return allowed[-1] if allowed else points[0]

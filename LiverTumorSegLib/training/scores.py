"""What a validation found, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from .callback_options import Monitor


@dataclass(frozen=True)
class Scores:
    """What a validation found.

    Args:
        loss: mean over the patients of the mean over their slices.
        dice: mean over the patients that have the structure, by its name; None where no patient has it.
    """

    loss: float
    dice: Mapping[str, float | None]

    @property
    def score(self) -> float | None:
        """Mean of the Dices that are defined."""
        return mean_of_defined(self.dice.values())

    def monitored(self, monitor: Monitor) -> float:
        """The value asked for, which has to be defined, turned so that more is better."""
        return -self.loss if monitor == "loss" else self.row()[monitor]

    def row(self) -> dict[str, float]:
        """What is defined, by its name in the log."""
        dice = {f"{name}_dice": value for name, value in self.dice.items()}
        named = {"validation_loss": self.loss, **dice, "score": self.score}
        return {name: value for name, value in named.items() if value is not None}


def mean_of_defined(values: Iterable[float | None]) -> float | None:
    """Mean of what is not None; None where nothing is."""
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None

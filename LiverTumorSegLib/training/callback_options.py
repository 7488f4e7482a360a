"""The recipe's section ``callbacks``: what happens beside the steps of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .entry import Entry

Monitor = Literal["score", "liver_dice", "lesion_dice", "loss"]
"""What a validation can be judged by: ``score`` is the mean of both Dices, of the loss less is better."""


class Monitored(Entry):
    """Something that depends on how validations go.

    Args:
        monitor: what they are judged by.
    """

    monitor: Monitor = "score"


class Best(Monitored):
    """Which averaged weights are the best: those of the first validation that no later one surpasses."""


class EarlyStopping(Monitored):
    """When to stop before the last step.

    Args:
        monitor: what has to get better.
        patience: validations in a row that are not better than the best before them, at the last of which training
            ends.
    """

    patience: int = Field(gt=0)


class Callbacks(Entry):
    """What happens beside the steps.

    Args:
        best: which weights are the best.
        save: whether the saved model has the averaged weights of the last step, or the best.
        early_stopping: when to stop early, None for never.
        pictures_every: validations from one picture of example predictions to the next, 0 for none.
        checkpoint_every: steps from one checkpoint to the next, from which ``--resume`` goes on; 0 for none.
    """

    best: Best = Best()
    save: Literal["last", "best"] = "last"
    early_stopping: EarlyStopping | None = None
    pictures_every: int = Field(0, ge=0)
    checkpoint_every: int = Field(200, ge=0)

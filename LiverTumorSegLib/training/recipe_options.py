"""Options of a recipe with names of their own: callbacks, learning-rate policies and optimisers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Union

import torch
from pydantic import Field
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from ..core.schema import NAME_OR_OPTIONS, StrictModel

Monitor = Literal["score", "liver_dice", "lesion_dice", "loss"]
"""Measures that a validation can be judged by: ``score`` is the mean of both Dices, of the loss less is better."""


class MonitorOptions(StrictModel):
    """Something that depends on how validations go.

    Args:
        monitor: what they are judged by.
    """

    monitor: Monitor = "score"


class BestOptions(MonitorOptions):
    """Options of the best averaged weights: those of the first validation that no later one surpasses."""


class EarlyStopping(MonitorOptions):
    """Options of stopping before the last step.

    Args:
        monitor: what has to get better.
        patience: validations in a row that are not better than the best before them, at the last of which training
            ends.
    """

    patience: int = Field(gt=0)


class Callbacks(StrictModel):
    """Options of everything that happens beside the steps.

    Args:
        best: which weights are the best.
        save: whether the saved model has the averaged weights of the last step, or the best.
        early_stopping: when to stop early, None for never.
        pictures_every: validations from one picture of example predictions to the next, 0 for none.
        checkpoint_every: steps from one checkpoint to the next, from which ``--resume`` goes on; 0 for none.
    """

    best: BestOptions = BestOptions()
    save: Literal["last", "best"] = "last"
    early_stopping: EarlyStopping | None = None
    pictures_every: int = Field(0, ge=0)
    checkpoint_every: int = Field(200, ge=0)


class OneCycle(StrictModel):
    """A short rise and a long fall, see :func:`LiverTumorSegLib.training.recipe_options.one_cycle`."""

    name: Literal["one_cycle"] = "one_cycle"


class ConstantRate(StrictModel):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class Plateau(MonitorOptions):
    """A learning rate that is lowered where validations no longer get better; PyTorch's ``ReduceLROnPlateau``.

    Args:
        monitor: what has to get better.
        factor: by which the learning rate is multiplied.
        patience: validations in a row that are not better than the best before them, at the last of which it is
            lowered; early stopping counts alike, while PyTorch's own count is one less.
    """

    name: Literal["plateau"] = "plateau"
    factor: float = Field(0.5, gt=0, lt=1)
    patience: int = Field(5, gt=0)

    def scheduler(self, optimiser: Optimizer) -> ReduceLROnPlateau:
        """To be stepped with a value of which more is better; any gain counts."""
        return ReduceLROnPlateau(optimiser, "max", factor=self.factor, patience=self.patience - 1, threshold=0.0)


AnyPolicy = Annotated[Union[OneCycle, ConstantRate, Plateau], Field(discriminator="name")]
NamedPolicy = Annotated[AnyPolicy, NAME_OR_OPTIONS]


class _Optimiser(StrictModel):
    """An optimiser is called with parameters, learning rate and weight decay (None: the usual one of its kind)."""

    usual_decay: ClassVar[float] = 0.0
    kind: ClassVar[type[Optimizer]]

    def __call__(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float | None = None
    ) -> Optimizer:
        decay = self.usual_decay if weight_decay is None else weight_decay
        options = self.model_dump(exclude={"name"})
        return self.kind(parameters, lr=learning_rate, weight_decay=decay, **options)  # type: ignore[call-arg]


class SGD(_Optimiser):
    """Stochastic gradient descent with momentum."""

    kind = torch.optim.SGD
    name: Literal["sgd"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)


class Adagrad(_Optimiser):
    """Duchi et al. 2011, Adaptive subgradient methods for online learning and stochastic optimization."""

    kind = torch.optim.Adagrad
    name: Literal["adagrad"] = "adagrad"


class Adam(_Optimiser):
    """Kingma and Ba 2015, Adam: a method for stochastic optimization."""

    kind = torch.optim.Adam
    name: Literal["adam"] = "adam"


class AdamW(_Optimiser):
    """Loshchilov and Hutter 2019, Decoupled weight decay regularization."""

    usual_decay = 0.01
    kind = torch.optim.AdamW
    name: Literal["adamw"] = "adamw"


AnyOptimiser = Annotated[Union[SGD, Adagrad, Adam, AdamW], Field(discriminator="name")]
NamedOptimiser = Annotated[AnyOptimiser, NAME_OR_OPTIONS]


def one_cycle(optimiser: Optimizer, steps: int) -> OneCycleLR:
    """Learning rate that rises to the optimiser's own over a twentieth of the steps and falls to almost nothing.

    Smith and Topin 2019, Super-convergence; with Adam and AdamW the momentum goes the other way. SGD keeps its own,
    which a recipe can choose. The rise takes at least two steps, however few there are.
    """
    steps = max(steps, 3)
    adaptive = "betas" in optimiser.defaults
    share, rate = max(0.05, 2 / steps), optimiser.defaults["lr"]
    return OneCycleLR(optimiser, rate, total_steps=steps, pct_start=share, cycle_momentum=adaptive)


class Sampling(StrictModel):
    """Shares of training samples that are drawn for a lesion, for liver, for anything, or come from joined masks.

    Args:
        lesion: share of slices with a lesion; of patches around a voxel of one.
        liver: share of slices with liver; of patches around a voxel of it.
        other: share of slices without; of patches from anywhere.
        joined: share of slices whose masks join lesions to the liver; of patches around a voxel that these mark.
        centred: whether a cut is centred on what it was drawn for, else on the slice; a patch always is.
        shuffled: in place of shares, each slice once an epoch, in a new order each time: ``all``, or those that show
            ``liver`` or a ``lesion``; None for shares.
    """

    lesion: float = Field(0.4, ge=0)
    liver: float = Field(0.3, ge=0)
    other: float = Field(0.2, ge=0)
    joined: float = Field(0.1, ge=0)
    centred: bool = True
    shuffled: Literal["all", "liver", "lesion"] | None = None


class Schedule(StrictModel):
    """Options of finding the weights.

    Args:
        steps: batches that are seen.
        batch: samples a batch.
        micro_batch: samples of it that are computed together, the gradients of all then being added up; None for all.
        optimizer: name of an optimiser, or its name and options.
        learning_rate: the largest.
        policy: how the learning rate changes, a name, or a name and options.
        weight_decay: None for the optimiser's usual one.
        average: decay of the exponential moving average of the weights, which is what is validated and saved.
        precision: of Lightning, with the weights in 32 bits.
        validate_every: steps from one validation to the next, 0 for none; the last step is validated too.
    """

    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    micro_batch: int | None = Field(None, gt=0)
    optimizer: NamedOptimiser = AdamW()
    learning_rate: float = Field(gt=0)
    policy: NamedPolicy = OneCycle()
    weight_decay: float | None = Field(None, ge=0)
    average: float = Field(0.998, ge=0, lt=1)
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "bf16-mixed"
    validate_every: int = Field(400, ge=0)

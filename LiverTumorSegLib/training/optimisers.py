"""The optimisers that a recipe can name, with their options, and how the learning rate changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Union

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from .named import NAME_OR_OPTIONS


class _Optimiser(BaseModel):
    """An optimiser is called with parameters, learning rate and weight decay (None: the usual one of its kind)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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

"""How the learning rate changes, by the names that a recipe can give."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .callback_options import Monitored
from .entry import Entry
from .named import NAME_OR_OPTIONS


class OneCycle(Entry):
    """A short rise and a long fall, see :func:`LiverTumorSegLib.training.optimisers.one_cycle`."""

    name: Literal["one_cycle"] = "one_cycle"


class Constant(Entry):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class Plateau(Monitored):
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


AnyPolicy = Annotated[Union[OneCycle, Constant, Plateau], Field(discriminator="name")]
NamedPolicy = Annotated[AnyPolicy, NAME_OR_OPTIONS]

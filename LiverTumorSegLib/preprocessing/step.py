"""The base class of preprocessing steps, and a volume's slices as a stream for steps that need all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer

from ..core.errors import UserError
from ..core.schema import StrictModel
from .slices import Slices

_BATCH = 8


class Step(StrictModel, ABC):
    """One named step with its numbers; it leaves the slices that it is given as they are."""

    step: str
    spreads_greys: ClassVar[bool] = False
    """Whether what is frequent gets most of the values from 0 to 1."""

    def __call__(self, slices: Slices) -> Slices:
        """Slices after this step.

        Raises:
            ValueError: the step needs the whole volume and has not been fitted to one.
            UserError: the slices do not suit the step.
        """
        if self.needs_volume:
            msg = f"“{self.step}” needs numbers of the whole volume: call the chain's `fitted` with it first"
            raise ValueError(msg)
        return self._apply(slices)

    @property
    def needs_volume(self) -> bool:
        """Whether :meth:`fitted` has to be called before slices."""
        return False

    @property
    def needs_liver(self) -> bool:
        """Whether the median of the patient's liver has to be known."""
        return False

    @property
    def channels(self) -> int:
        """Channels out for every channel in."""
        return 1

    def hu_span(self, before: float) -> float:
        """HU that the values from 0 to 1 stand for after this step; 0 where grey values are spread.

        Args:
            before: the same before this step; infinite where no window came yet.
        """
        return 0.0 if self.spreads_greys else before

    def fitted(self, volume: SliceStream) -> Step:
        """The step with its numbers for a volume; a step that needs none is its own.

        Args:
            volume: all slices of the volume, after the steps before this one.
        """
        return self._fitted(volume) if self.needs_volume else self

    @abstractmethod
    def _apply(self, slices: Slices) -> Slices:
        """Slices after this step."""

    def _fitted(self, volume: SliceStream) -> Step:
        """:meth:`fitted` of a step that needs the volume."""
        raise NotImplementedError

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


def check_count(numbers: int, channels: int, what: str) -> None:
    """Refuse numbers by channel that are neither one for all nor one for each.

    Raises:
        UserError: they are as many as neither.
    """
    if numbers not in (1, channels):
        msg = (
            f"The preprocessing has {what} for {numbers} channels, and the slices have {channels}: "
            "give them for each channel, or once for all."
        )
        raise UserError(msg)


@dataclass(frozen=True)
class SliceStream:
    """All slices of a volume, prepared anew, a few at a time, whenever they are iterated over.

    Args:
        count: how many slices there are.
        batches: starts over.
    """

    count: int
    batches: Callable[[], Iterator[Slices]]

    def __iter__(self) -> Iterator[Slices]:
        return self.batches()

    def through(self, step: Step) -> SliceStream:
        """The slices after one more step."""
        return SliceStream(self.count, lambda: map(step, self))

    @classmethod
    def of(cls, view: NDArray[np.int16], spacing: tuple[float, float, float], device: torch.device) -> SliceStream:
        """Slices of a CT.

        Args:
            view: int16 ``[slice, row, column]``, axial.
            spacing: millimetres between slices, rows and columns.
            device: where the slices are prepared.
        """

        def batches() -> Iterator[Slices]:
            for start in range(0, len(view), _BATCH):
                hounsfield = torch.from_numpy(np.ascontiguousarray(view[start : start + _BATCH, None]))
                yield Slices(hounsfield.to(device).float(), spacing[1:])

        return cls(len(view), batches)

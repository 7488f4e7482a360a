"""Steps in a row, and chains side by side as channels."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Annotated, Literal, Union

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, RootModel, ValidationError

from ..errors import UserError
from .clahe import Clahe
from .filters import Gaussian, Median
from .geometry import Crop, CropToBody, Resample, Resize
from .histograms import FrequencyHistogram, HistogramEqualisation
from .intensities import HuRange, MinMax, Window, ZScore
from .slices import Slices
from .step import SliceStream, Step

_CPU = torch.device("cpu")


class Channels(Step):
    """Stack what several chains make of the same slices as channels (Kulkarni et al., section 3.5)."""

    step: Literal["channels"] = "channels"
    chains: tuple[Chain, ...] = Field(min_length=1)

    @property
    def needs_volume(self) -> bool:
        return any(chain.needs_volume for chain in self.chains)

    @property
    def channels(self) -> int:
        return sum(chain.channels for chain in self.chains)

    def _fitted(self, volume: SliceStream) -> Step:
        return Channels(chains=tuple(chain.fitted_to(volume) for chain in self.chains))

    def _apply(self, slices: Slices) -> Slices:
        results = [chain(slices) for chain in self.chains]
        for number, result in enumerate(results[1:], start=2):
            if _place(result) != _place(results[0]):
                (rows, columns), (other_rows, other_columns) = results[0].size, result.size
                msg = (
                    "The chains of a preprocessing's channels must all keep to the same pixels: "
                    f"the first gives {rows} x {columns} pixels, chain {number} {other_rows} x {other_columns}. "
                    "Resize and crop alike in all of them, or after them."
                )
                raise UserError(msg)
        return replace(results[0], pixels=torch.cat([result.pixels for result in results], dim=1))


AnyStep = Annotated[
    Union[
        Window,
        HuRange,
        MinMax,
        ZScore,
        HistogramEqualisation,
        Clahe,
        FrequencyHistogram,
        Median,
        Gaussian,
        Channels,
        Resize,
        Resample,
        Crop,
        CropToBody,
    ],
    Field(discriminator="step"),
]


class Chain(RootModel[tuple[AnyStep, ...]]):
    """Steps applied in order; equal chains have equal JSON.

    Example:
        >>> chain = Chain.from_json('[{"step": "window", "level": 60, "width": 200}]')
        >>> chain(Slices(torch.tensor([[[[-40.0, 60.0, 500.0]]]]), (1.0, 1.0))).pixels.tolist()
        [[[[0.0, 0.5, 1.0]]]]
    """

    model_config = ConfigDict(frozen=True)

    def __call__(self, slices: Slices) -> Slices:
        """Slices after all steps.

        Raises:
            ValueError: the chain needs the whole volume and has not been fitted to one.
            UserError: the slices do not suit a step.
        """
        for step in self.root:
            slices = step(slices)
        return slices

    @property
    def spacing_mm(self) -> float | None:
        """In-plane spacing the chain resamples to, or None where it keeps the volume's own."""
        for step in reversed(self.root):
            inner = step.chains[0].spacing_mm if isinstance(step, Channels) else None
            found = step.spacing_mm if isinstance(step, Resample) else inner
            if found is not None:
                return found
        return None

    @property
    def channels(self) -> int:
        """Channels that come out where one goes in."""
        return prod(step.channels for step in self.root)

    @property
    def needs_volume(self) -> bool:
        """Whether the chain has to be :meth:`fitted` to a volume before it is called."""
        return any(step.needs_volume for step in self.root)

    def fitted(
        self, view: NDArray[np.int16], spacing: tuple[float, float, float], device: torch.device = _CPU
    ) -> Chain:
        """The chain whose steps carry the numbers that they need of a volume; one that needs none is its own.

        Args:
            view: int16 ``[slice, row, column]``, axial.
            spacing: millimetres between slices, rows and columns.
            device: where the slices are prepared for it, a few at a time.
        """
        return self.fitted_to(SliceStream.of(view, spacing, device))

    def fitted_to(self, volume: SliceStream) -> Chain:
        """:meth:`fitted` to slices that other steps have prepared."""
        if not self.needs_volume:
            return self
        steps = []
        for step in self.root:
            steps.append(step.fitted(volume))
            volume = volume.through(steps[-1])
        return Chain.model_validate(steps)

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Chain:
        """Read a chain from JSON.

        Raises:
            UserError: the text is not JSON, or names a step or an option that does not exist.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the list of steps"
            msg = f"The preprocessing chain is not valid at {where}: {first['msg']}."
            raise UserError(msg) from error


Channels.model_rebuild()


def _place(slices: Slices) -> tuple[object, ...]:
    return slices.size, slices.spacing, slices.origin, slices.scale

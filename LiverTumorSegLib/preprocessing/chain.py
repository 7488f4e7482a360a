"""Steps in a row, and chains side by side as channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf, prod
from typing import Annotated, Literal, Union

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, RootModel, ValidationError, model_validator

from ..core.errors import UserError
from ..core.schema import explain_validation_error
from .filters import Gaussian, Median
from .geometry import Crop, CropToBody, Resample, Resize
from .histogram import Clahe, FrequencyHistogram, HistogramEqualisation
from .intensity import HuRange, LiverLevel, MinMax, Window, ZScore
from .slices import Slices
from .step import SliceStream, Step

_CPU = torch.device("cpu")
_WIDEST_HU = 512
"""Two HU from one of 256 greys to the next: less than noise in CT, and than the tumours' contrast of 10 HU and more."""

_IN_UNIT = (Window, MinMax, HistogramEqualisation, Clahe, FrequencyHistogram)
_KEEPING_HU = (HuRange, LiverLevel, Median, Gaussian, Resize, Resample, Crop, CropToBody)


class Channels(Step):
    """Stack what several chains make of the same slices as channels (Kulkarni et al., section 3.5)."""

    step: Literal["channels"] = "channels"
    chains: tuple[Chain, ...] = Field(min_length=1)

    @property
    def needs_volume(self) -> bool:
        return any(chain.needs_volume for chain in self.chains)

    @property
    def needs_liver(self) -> bool:
        return any(chain.needs_liver for chain in self.chains)

    @property
    def channels(self) -> int:
        return sum(chain.channels for chain in self.chains)

    def hu_span(self, before: float) -> float:
        return max(chain.hu_span(before) for chain in self.chains)

    def _fitted(self, volume: SliceStream) -> Step:
        return Channels(chains=tuple(chain.fitted_to(volume) for chain in self.chains))

    def _apply(self, slices: Slices) -> Slices:
        results = [chain(slices) for chain in self.chains]
        for number, result in enumerate(results[1:], start=2):
            if _grid_of(result) != _grid_of(results[0]):
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
        LiverLevel,
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

    def hu_span(self, before: float = inf) -> float:
        """HU that the values from 0 to 1 stand for after all steps; see :meth:`Step.hu_span`."""
        for step in self.root:
            before = step.hu_span(before)
        return before

    @property
    def ends_in_unit(self) -> bool:
        """Whether all values that come out lie from 0 to 1; z-scores, HU and channels that mix these do not."""
        return _ends_in_unit(self.root)

    @property
    def fits_8_bits(self) -> bool:
        """Whether 256 greys from 0 to 1 keep the contrasts that the chain's values have.

        They do where windows of at most 512 HU decide the values: two HU a grey are less than the noise of CT. A wider
        one takes the contrast of tumours, some 10 HU, to few greys or none. Histogram equalisation, CLAHE and the
        frequency histogram spread over all greys what is frequent, whatever the window before. ``min_max`` keeps what
        the window before it decides; of HU, it scales thousands. Of channels, all have to fit.
        """
        return self.hu_span() <= _WIDEST_HU

    @property
    def needs_volume(self) -> bool:
        """Whether the chain has to be :meth:`fitted` to a volume before it is called."""
        return any(step.needs_volume for step in self.root)

    @property
    def needs_liver(self) -> bool:
        """Whether the chain has to know the median of the liver, see :meth:`with_liver`, before it is called."""
        return any(step.needs_liver for step in self.root)

    def with_liver(self, median: float | None) -> Chain:
        """The chain that knows the median of a patient's liver in HU; without one, ``None``, nothing is shifted."""
        if not self.needs_liver:
            return self
        return Chain(tuple(_with_liver(step, median) for step in self.root))

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
    def from_json(cls, text: str, name: str = "The preprocessing chain") -> Chain:
        """Read a chain from JSON.

        Args:
            text: a list of steps.
            name: what an error calls the chain.

        Raises:
            UserError: the text is not JSON, or names a step or an option that does not exist.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            msg = f"{name} is not valid: {explain_validation_error(error, cls)}"
            raise UserError(msg) from error

    @model_validator(mode="after")
    def _body_is_found_in_hu(self) -> Chain:
        _ends_in_hu(self.root)
        return self


Channels.model_rebuild()


def _with_liver(step: AnyStep, median: float | None) -> AnyStep:
    if isinstance(step, LiverLevel):
        return step.model_copy(update={"median": step.hu if median is None else median})
    if isinstance(step, Channels):
        return Channels(chains=tuple(chain.with_liver(median) for chain in step.chains))
    return step


def _ends_in_hu(steps: Iterable[Step], in_hu: bool = True) -> bool:
    """Whether values still are HU after the steps; ``ValueError`` where ``crop_to_body`` comes when they are not."""
    for step in steps:
        if isinstance(step, (CropToBody, LiverLevel)) and not in_hu:
            msg = f"{step.step} needs HU: move {step.step} before the steps that change HU"
            raise ValueError(msg)
        if isinstance(step, Channels):
            each = [_ends_in_hu(chain.root, in_hu) for chain in step.chains]
            in_hu = all(each)
        else:
            in_hu = in_hu and isinstance(step, _KEEPING_HU)
    return in_hu


def _ends_in_unit(steps: Iterable[Step], in_unit: bool = False) -> bool:
    for step in steps:
        if isinstance(step, Channels):
            in_unit = all(_ends_in_unit(chain.root, in_unit) for chain in step.chains)
        else:
            in_unit = isinstance(step, _IN_UNIT) or (in_unit and isinstance(step, _KEEPING_HU))
    return in_unit


def _grid_of(slices: Slices) -> tuple[object, ...]:
    return slices.size, slices.spacing, slices.origin, slices.scale

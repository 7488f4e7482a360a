"""Chains of named steps that turn HU slices into the channels a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Union

import torch
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from torch.nn import functional as F

from .errors import UserError

_LARGEST = 4096


@dataclass(frozen=True)
class Slices:
    """Axial slices on their way to a network.

    Args:
        pixels: float tensor ``[batch, channel, row, column]``; HU before the first step.
        spacing: millimetres between rows and between columns.
    """

    pixels: torch.Tensor
    spacing: tuple[float, float]


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Window(_Step):
    """Clip to ``level ± width / 2`` HU and scale to [0, 1]."""

    step: Literal["window"] = "window"
    level: float
    width: float = Field(gt=0)

    def __call__(self, slices: Slices) -> Slices:
        low = self.level - self.width / 2
        return Slices(slices.pixels.sub(low).div_(self.width).clamp_(0, 1), slices.spacing)


class ZScore(_Step):
    """Give each slice and channel zero mean and unit (population) standard deviation; constant slices become 0."""

    step: Literal["z_score"] = "z_score"

    def __call__(self, slices: Slices) -> Slices:
        deviation, mean = torch.std_mean(slices.pixels, dim=(-2, -1), correction=0, keepdim=True)
        return Slices((slices.pixels - mean) / deviation.clamp_min(1e-6), slices.spacing)


class Resize(_Step):
    """Resize to a fixed number of rows and columns: bilinear, antialiased when shrinking."""

    step: Literal["resize"] = "resize"
    height: int = Field(gt=0, le=_LARGEST)
    width: int = Field(gt=0, le=_LARGEST)

    def __call__(self, slices: Slices) -> Slices:
        return _to_size(slices, (self.height, self.width))


class Resample(_Step):
    """Resample in the plane to (nearly) square pixels: the whole number of pixels nearest to ``spacing_mm``."""

    step: Literal["resample"] = "resample"
    spacing_mm: float = Field(gt=0.1, le=20)

    def __call__(self, slices: Slices) -> Slices:
        rows, columns = (
            max(1, round(count * mm / self.spacing_mm))
            for count, mm in zip(slices.pixels.shape[-2:], slices.spacing, strict=True)
        )
        if max(rows, columns) > _LARGEST:
            msg = f"Slices of {rows} x {columns} pixels at {self.spacing_mm} mm are more than can be segmented."
            raise UserError(msg)
        return _to_size(slices, (rows, columns))


AnyStep = Annotated[Union[Window, ZScore, Resize, Resample], Field(discriminator="step")]


class Chain(RootModel[tuple[AnyStep, ...]]):
    """Steps applied in order; equal chains have equal JSON.

    Example:
        >>> chain = Chain.from_json('[{"step": "window", "level": 60, "width": 200}]')
        >>> chain(Slices(torch.tensor([[[[-40.0, 60.0, 500.0]]]]), (1.0, 1.0))).pixels.tolist()
        [[[[0.0, 0.5, 1.0]]]]
    """

    model_config = ConfigDict(frozen=True)

    def __call__(self, slices: Slices) -> Slices:
        for step in self.root:
            slices = step(slices)
        return slices

    @property
    def spacing_mm(self) -> float | None:
        """In-plane spacing the chain resamples to, or None where it keeps the volume's own."""
        return next((s.spacing_mm for s in reversed(self.root) if isinstance(s, Resample)), None)

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


def _to_size(slices: Slices, size: tuple[int, int]) -> Slices:
    before = slices.pixels.shape[-2:]
    if tuple(before) == size:
        return slices
    shrinking = size[0] < before[0] or size[1] < before[1]
    pixels = F.interpolate(slices.pixels, size=size, mode="bilinear", antialias=shrinking)
    rows, columns = (mm * old / new for mm, old, new in zip(slices.spacing, before, size, strict=True))
    return Slices(pixels, (rows, columns))

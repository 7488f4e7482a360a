"""Steps that change which pixels there are: resizing, resampling and cropping."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy import ndimage
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.labels import component_sizes
from .slices import Slices
from .step import SliceStream, Step

_LARGEST = 4096


class Resize(Step):
    """Resize to a fixed number of rows and columns: bilinear, antialiased when shrinking."""

    step: Literal["resize"] = "resize"
    height: int = Field(gt=0, le=_LARGEST)
    width: int = Field(gt=0, le=_LARGEST)

    def _apply(self, slices: Slices) -> Slices:
        return _to_size(slices, (self.height, self.width))


class Resample(Step):
    """Resample in the plane to (nearly) square pixels: the whole number of pixels nearest to ``spacing_mm``."""

    step: Literal["resample"] = "resample"
    spacing_mm: float = Field(gt=0.1, le=20)

    def _apply(self, slices: Slices) -> Slices:
        rows, columns = (
            max(1, round(count * mm / self.spacing_mm)) for count, mm in zip(slices.size, slices.spacing, strict=True)
        )
        if max(rows, columns) > _LARGEST:
            msg = f"Slices of {rows} x {columns} pixels at {self.spacing_mm} mm are more than can be segmented."
            raise UserError(msg)
        return _to_size(slices, (rows, columns))


class Crop(Step):
    """Keep these rows and columns, each from the first to before the last number."""

    step: Literal["crop"] = "crop"
    rows: tuple[int, int]
    columns: tuple[int, int]

    def _apply(self, slices: Slices) -> Slices:
        if self.rows[1] > slices.size[0] or self.columns[1] > slices.size[1]:
            msg = (
                f"The preprocessing keeps rows {self.rows[0]} to {self.rows[1]} and columns {self.columns[0]} to "
                f"{self.columns[1]}, but a slice has {slices.size[0]} x {slices.size[1]} pixels: "
                "fit the preprocessing to this volume."
            )
            raise UserError(msg)
        starts = self.rows[0], self.columns[0]
        row, column = (o + n * s for o, n, s in zip(slices.origin, starts, slices.scale, strict=True))
        return replace(slices, pixels=slices.pixels[..., slice(*self.rows), slice(*self.columns)], origin=(row, column))

    @model_validator(mode="after")
    def _in_order(self) -> Crop:
        for start, stop in (self.rows, self.columns):
            if not 0 <= start < stop:
                msg = f"from {start} to before {stop} there is no pixel"
                raise ValueError(msg)
        return self


class CropToBody(Step):
    """Crop all slices of a volume, still in HU, to one box around the body; once fitted, it is a :class:`Crop`.

    The body is the largest part of the volume, connected through faces, that is denser than the threshold: tables and
    cables are smaller. A volume without any keeps its size.

    Args:
        threshold_hu: halfway between air and water, so that the skin's edge is where a pixel is half air.
        margin_mm: around the body.
    """

    step: Literal["crop_to_body"] = "crop_to_body"
    threshold_hu: float = -500.0
    margin_mm: float = Field(10.0, ge=0)

    @property
    def needs_volume(self) -> bool:
        return True

    def _fitted(self, volume: SliceStream) -> Step:
        masks, spacing = [], (1.0, 1.0)
        for slices in volume:
            masks.append((slices.pixels > self.threshold_hu).any(dim=1).cpu().numpy())
            spacing = slices.spacing
        body = _largest_part(np.concatenate(masks))
        margins = (ceil(self.margin_mm / mm) for mm in spacing)
        rows, columns = (
            (max(0, span.start - margin), min(count, span.stop + margin))
            for span, margin, count in zip(body, margins, masks[0].shape[1:], strict=True)
        )
        return Crop(rows=rows, columns=columns)

    def _apply(self, slices: Slices) -> Slices:
        raise NotImplementedError  # it always needs a volume


def _largest_part(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the largest part of ``[slice, row, column]``, or all of them where there is none."""
    parts, count = ndimage.label(mask)
    if not count:
        return slice(0, mask.shape[1]), slice(0, mask.shape[2])
    largest = int(component_sizes(parts, count)[1:].argmax())
    _, rows, columns = ndimage.find_objects(parts)[largest]
    return rows, columns


def _to_size(slices: Slices, size: tuple[int, int]) -> Slices:
    before = slices.size
    if before == size:
        return slices
    shrinking = size[0] < before[0] or size[1] < before[1]
    pixels = F.interpolate(slices.pixels, size=size, mode="bilinear", antialias=shrinking)
    row, column = (old / new for old, new in zip(before, size, strict=True))
    spacing = slices.spacing[0] * before[0] / size[0], slices.spacing[1] * before[1] / size[1]
    return replace(slices, pixels=pixels, spacing=spacing, scale=(slices.scale[0] * row, slices.scale[1] * column))

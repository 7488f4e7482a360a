"""Random changes to slices and labels together, drawn apart from being applied."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch.nn import functional as F


class Augmentation(BaseModel):
    """Ranges of the random changes; intensities are in units of the preprocessing window.

    Args:
        rotation: degrees to either side.
        zoom: smallest and largest magnification; it also covers files whose spacing is not the true one.
        stretch: how much rows and columns may differ in magnification.
        shear: radians to either side.
        shift: pixels to either side.
        gain, offset: of the intensities.
        noise: largest standard deviation.
        blur: share of samples seen at a lower resolution.
        floor: share of samples whose dark end is cut off, as in data clipped at another HU.
        liver_offset: range added to the liver alone (fatty liver, other contrast phases); half of it to lesions.
        liver_share: share of samples with such an offset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rotation: float = 15
    zoom: tuple[float, float] = (0.75, 1.4)
    stretch: float = 0.1
    shear: float = 0.08
    shift: float = 24
    gain: float = 0.12
    offset: float = 0.06
    noise: float = 0.05
    blur: float = 0.2
    floor: float = 0.2
    liver_offset: tuple[float, float] = (-0.3, 0.12)
    liver_share: float = 0.35


@dataclass(frozen=True)
class Placement:
    """A square cut out of a slice.

    Args:
        centre: row and column in the slice.
        matrix: 2x2, maps offsets in the cut (row, column) to offsets in the slice.
        size: pixels a side.
    """

    centre: np.ndarray
    matrix: np.ndarray
    size: int


def draw_placement(
    ranges: Augmentation, centre: tuple[float, float], size: int, random: np.random.Generator
) -> Placement:
    """Draw where a cut lies and how it is turned, zoomed, stretched and sheared."""
    angle = math.radians(random.uniform(-ranges.rotation, ranges.rotation))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.array([[1.0, random.uniform(-ranges.shear, ranges.shear)], [0.0, 1.0]])
    zoom = math.exp(random.uniform(*np.log(ranges.zoom)))
    stretch = math.exp(random.uniform(-ranges.stretch, ranges.stretch) / 2)
    shift = random.uniform(-ranges.shift, ranges.shift, 2)
    return Placement(np.array(centre) + shift, turn @ shear @ np.diag([stretch, 1 / stretch]) / zoom, size)


def cut(pixels: torch.Tensor, labels: torch.Tensor, placement: Placement) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a square out of ``pixels`` ``[channel, row, column]`` (bilinear) and ``labels`` ``[row, column]`` (nearest).

    Outside the slice everything is 0.
    """
    grid = _grid(placement, pixels.shape[-2:])
    image = F.grid_sample(pixels[None], grid, mode="bilinear", align_corners=False)[0]
    mask = F.grid_sample(labels[None, None].float(), grid, mode="nearest", align_corners=False)[0, 0]
    return image, mask.to(torch.uint8)


def change_intensities(
    pixels: torch.Tensor, labels: torch.Tensor, ranges: Augmentation, random: np.random.Generator
) -> torch.Tensor:
    """Change the intensities of ``pixels`` ``[channel, row, column]``; the result stays in [0, 1]."""
    if random.random() < ranges.liver_share:
        pixels = pixels + _liver_offset(labels, random.uniform(*ranges.liver_offset))
    if random.random() < ranges.blur:
        pixels = _blur(pixels, random.uniform(0.35, 0.8))
    gain, offset = random.uniform(-ranges.gain, ranges.gain), random.uniform(-ranges.offset, ranges.offset)
    pixels = (pixels - 0.5) * (1 + gain) + 0.5 + offset
    noise = torch.from_numpy(random.standard_normal(pixels.shape, np.float32))
    pixels = (pixels + noise * random.uniform(0, ranges.noise)).clamp_(0, 1)
    if random.random() < ranges.floor:
        pixels = pixels.clamp_min(random.uniform(0, 0.2))
    return pixels


def _liver_offset(labels: torch.Tensor, offset: float) -> torch.Tensor:
    field = (labels == 1).float() * offset + (labels == 2).float() * offset / 2
    return F.avg_pool2d(field[None, None], 3, stride=1, padding=1)[0]


def _blur(pixels: torch.Tensor, factor: float) -> torch.Tensor:
    small = F.interpolate(pixels[None], scale_factor=factor, mode="bilinear", antialias=True)
    return F.interpolate(small, size=pixels.shape[-2:], mode="bilinear")[0]


def _grid(placement: Placement, shape: torch.Size) -> torch.Tensor:
    offsets = torch.arange(placement.size, dtype=torch.float32) - (placement.size - 1) / 2
    rows, columns = torch.meshgrid(offsets, offsets, indexing="ij")
    (a, b), (c, d) = placement.matrix.tolist()
    row = a * rows + b * columns + float(placement.centre[0])
    column = c * rows + d * columns + float(placement.centre[1])
    height, width = shape
    return torch.stack([(2 * column + 1) / width - 1, (2 * row + 1) / height - 1], dim=-1)[None]

"""Lesions painted into liver, so that few patients with lesions show many.

Hu et al. 2023, Label-Free Liver Tumor Segmentation, section 3, paint bent ellipsoids with a smoothed texture and a soft
edge into healthy liver. Here this is done for cuts of neighbouring slices, on whatever device they are on, from
numbers that are drawn on the CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ...core.labels import LESION_LABEL, LIVER_LABEL
from .options import SyntheticLesions

WAVES, TEXTURE = 4, 12
"""Waves of an outline, and rows and columns of a texture before it is stretched."""


class Blob(NamedTuple):
    """One lesion; arrays on the CPU, whatever it is painted on.

    Attributes:
        sample: of the batch, that it is painted into.
        centre: in [0, 1): which of the liver's pixels it is centred on, in the order of rows.
        radius: pixels.
        contrast: added to what is there, 1 is the preprocessing window.
        edge: pixels in which it fades, about its outline.
        rim: added along the outline, 1 is the preprocessing window.
        axes: logarithm of the ratio of its two axes, and the angle of the first.
        waves: ``[2, wave]``: shares of the radius by which the outline swings, and phases.
        texture: ``[row, column]``, shares of the contrast, stretched over the lesion.
    """

    sample: int
    centre: float
    radius: float
    contrast: float
    edge: float
    rim: float
    axes: tuple[float, float]
    waves: NDArray[np.float32]
    texture: NDArray[np.float32]


def draw_blobs(ranges: SyntheticLesions, batch: int, random: np.random.Generator) -> list[Blob]:
    """Draw the lesions of a batch."""
    counts = np.where(random.random(batch) < ranges.share, random.integers(1, ranges.most + 1, batch), 0)
    return [_draw(ranges, sample, random) for sample, count in enumerate(counts) for _ in range(count)]


def _draw(ranges: SyntheticLesions, sample: int, random: np.random.Generator) -> Blob:
    sign = 1 if random.random() < ranges.bright else -1
    swings = random.uniform(-0.25, 0.25, WAVES) / np.arange(1, WAVES + 1)
    return Blob(
        sample=sample,
        centre=random.random(),
        radius=float(np.exp(random.uniform(*np.log(ranges.radius)))),
        contrast=sign * random.uniform(*ranges.contrast),
        edge=random.uniform(0.5, 2),
        rim=random.uniform(-0.05, 0.1) if random.random() < ranges.rim else 0.0,
        axes=(random.uniform(0, 0.6), random.uniform(0, np.pi)),
        waves=np.stack([swings, random.uniform(0, 2 * np.pi, WAVES)]).astype(np.float32),
        texture=random.normal(0, 0.35, (TEXTURE, TEXTURE)).astype(np.float32),
    )


def paint_lesions(
    pixels: torch.Tensor, labels: torch.Tensor, lesions_apart: torch.Tensor, blobs: list[Blob], depth: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paint lesions into the liver of a batch.

    The labels are those of the middle channel; the others show a lesion as parallel cuts through a ball do. Only
    liver turns into lesion, and only pixels that are liver in the middle change. Samples without liver, and those
    whose masks join lesions to the liver, are left as they are.

    Args:
        pixels: float ``[batch, slice, row, column]`` in [0, 1].
        labels: ``[batch, row, column]``: 0 background, 1 liver, 2 lesion.
        lesions_apart: bool ``[batch]``.
        blobs: what to paint.
        depth: pixels from one slice to the next.

    Returns:
        New pixels and labels.
    """
    pixels, labels = pixels.clone(), labels.clone()
    apart = lesions_apart.tolist()
    for blob in blobs:
        liver = labels[blob.sample] == LIVER_LABEL
        if apart[blob.sample] and liver.any():
            _paint(pixels[blob.sample], labels[blob.sample], liver, blob, depth)
    return pixels, labels


def _paint(pixels: torch.Tensor, labels: torch.Tensor, liver: torch.Tensor, blob: Blob, depth: float) -> None:
    shown = torch.nonzero(liver)
    row, column = shown[int(blob.centre * len(shown))].tolist()
    reach = reach_of(blob)
    box = (slice(max(0, row - reach), row + reach + 1), slice(max(0, column - reach), column + reach + 1))
    liver, seen = liver[box], pixels[(slice(None), *box)]
    rows = torch.arange(box[0].start, box[0].start + liver.shape[0], device=pixels.device) - row
    columns = torch.arange(box[1].start, box[1].start + liver.shape[1], device=pixels.device) - column
    distance, outline = _polar(rows[:, None].float(), columns[None].float(), blob)
    middle = len(seen) // 2
    for number, plane in enumerate(seen):
        fill = cut_of_ball((number - middle) * depth / blob.radius)
        plane += _shade(outline * fill - distance, blob) * liver
    seen.clamp_(0, 1)
    labels[box][liver & (distance < outline)] = LESION_LABEL


def reach_of(blob: Blob) -> int:
    """Pixels to either side of its centre that a lesion is painted in."""
    return int(2.5 * blob.radius + 4)


def _polar(rows: torch.Tensor, columns: torch.Tensor, blob: Blob) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance of every pixel from the centre, and of the outline in its direction, in pixels."""
    ratio, turn = blob.axes
    cos, sin = np.cos(turn), np.sin(turn)
    along = (cos * columns + sin * rows) * float(np.exp(ratio / 2))
    across = (cos * rows - sin * columns) * float(np.exp(-ratio / 2))
    angle = torch.atan2(across, along)
    swing = torch.ones_like(angle)
    for number, (amplitude, phase) in enumerate(blob.waves.T.tolist(), start=2):
        swing += amplitude * torch.cos(number * angle + phase)
    return torch.hypot(along, across), blob.radius * swing


def cut_of_ball(height: float) -> float:
    """Radius of the cut through a unit ball at this height; below 0 beyond it, so that the edge fades there too."""
    return float(np.sqrt(1 - height**2)) if abs(height) < 1 else 1 - abs(height)


def _shade(inside: torch.Tensor, blob: Blob) -> torch.Tensor:
    """The grey that a lesion adds, from how many pixels inside its outline each pixel lies."""
    texture = torch.from_numpy(blob.texture).to(inside.device)[None, None]
    uneven = F.interpolate(texture, size=inside.shape, mode="bilinear")[0, 0]
    body = blob.contrast * (1 + uneven) * torch.sigmoid(3 * inside / blob.edge)
    return body + blob.rim * torch.exp(-(inside / blob.edge).square())

"""Pictures of slices with the outlines of liver and lesions, laid out side by side and written whole."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy import ndimage

from ..core.labels import LESION, LIVER, bounding_box
from ..core.volume import Volume
from .lesions import Lesion

_LEVEL, _WIDTH = 60, 400
_LONG_SIDE, _LESION_SIDE = 560, 320
_MARGIN_MM, _LESION_MARGIN_MM = 30.0, 20.0
_THICK = 2
"""Pixels of an outline in a report, whose pictures are shown and printed smaller than they are."""

DIAMETER_RGB = (255, 225, 90)
"""Of both diameters, apart from the colours of liver and lesion and light enough on any tissue."""

Plane = tuple[NDArray[np.int16], NDArray[np.uint8], tuple[float, float]]
"""HU and labels ``[row, column]``, and millimetres between rows and columns."""


def draw_three_planes(labels: NDArray[np.uint8], volume: Volume, lesion: Lesion | None) -> dict[str, Image.Image]:
    """Axial, coronal and sagittal pictures through a lesion where it was measured, or through the middle of the liver.

    Args:
        labels: ``[k, j, i]`` on the volume's grid.
        volume: the CT.
        lesion: through the middle of its axial diameter; the axial picture has both its diameters.
    """
    hounsfield, seen, spacing = _axial_views(labels, volume)
    z, y, x = _rounded(_measured_at(lesion, volume), seen.shape) if lesion else _middle(seen)
    box = _widened(seen, spacing)
    up = slice(box[0].stop - 1, box[0].start - 1 if box[0].start else None, -1)
    dz, dy, dx = spacing
    axial = draw_plane((hounsfield[z][box[1:]], seen[z][box[1:]], (dy, dx)), "RLAP", fill=0, thick=_THICK)
    if lesion:
        _draw_diameters(axial, lesion, volume, box[1:])
    return {
        "axial": axial,
        "coronal": draw_plane((hounsfield[up, y, box[2]], seen[up, y, box[2]], (dz, dx)), "RLSI", fill=0, thick=_THICK),
        "sagittal": draw_plane(
            (hounsfield[up, box[1], x], seen[up, box[1], x], (dz, dy)), "APSI", fill=0, thick=_THICK
        ),
    }


def draw_lesion(lesion: Lesion, labels: NDArray[np.uint8], volume: Volume) -> Image.Image:
    """The axial slice of the lesion's longest diameter, cut out around it, with both diameters."""
    hounsfield, seen, spacing = _axial_views(labels, volume)
    _, row, column = _rounded(_measured_at(lesion, volume), seen.shape)
    reach = lesion.axial_diameter_mm / 2 + _LESION_MARGIN_MM
    rows, columns = (
        slice(max(0, int(at - reach / mm)), int(at + reach / mm) + 1)
        for at, mm in ((row, spacing[1]), (column, spacing[2]))
    )
    z = lesion.slice - 1
    plane = hounsfield[z, rows, columns], seen[z, rows, columns], spacing[1:]
    picture = draw_plane(plane, "", _LESION_SIDE, fill=0, thick=_THICK)
    _draw_diameters(picture, lesion, volume, (rows, columns))
    return picture


def draw_plane(
    plane: Plane, letters: str, long_side: int = _LONG_SIDE, *, fill: float = 0.25, thick: int = 1
) -> Image.Image:
    """Draw a plane with square pixels, outlines of liver and lesions, and the letters of its sides.

    Args:
        plane: what is drawn.
        letters: of its left, right, upper and lower side; empty for none.
        long_side: pixels.
        fill: share of its colour that a lesion gets inside its outline.
        thick: pixels of an outline.
    """
    hounsfield, labels, (dy, dx) = plane
    height, width = hounsfield.shape[0] * dy, hounsfield.shape[1] * dx
    scale = long_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    gray = ((hounsfield.astype(np.float32) - _LEVEL) / _WIDTH + 0.5).clip(0, 1) * 255
    shown = Image.fromarray(gray.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    mask = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    coloured = np.repeat(np.asarray(shown)[..., None], 3, axis=-1).astype(np.float32)
    _draw(coloured, mask > 0, LIVER.rgb, 0.0, thick)
    _draw(coloured, mask == LESION.label, LESION.rgb, fill, thick)
    result = Image.fromarray(coloured.astype(np.uint8))
    _write_letters(result, letters)
    return result


def _draw_diameters(picture: Image.Image, lesion: Lesion, volume: Volume, box: tuple[slice, ...]) -> None:
    """Draw both diameters into the picture of these rows and columns of the lesion's slice."""
    rows, columns = box
    draw = ImageDraw.Draw(picture)
    scale = picture.width / _length(columns, volume.axial.of(volume.voxels).shape[2])
    scales = picture.height / _length(rows, volume.axial.of(volume.voxels).shape[1]), scale
    for line in (lesion.axial_line_mm, lesion.short_axial_line_mm):
        ends = [_index(volume, point)[1:] for point in line]
        (top, left), (bottom, right) = (
            ((row + 0.5 - rows.start) * scales[0], (column + 0.5 - columns.start) * scales[1]) for row, column in ends
        )
        draw.line((left, top, right, bottom), DIAMETER_RGB, _THICK)


def _length(span: slice, size: int) -> int:
    return len(range(*span.indices(size)))


def to_data_uri(image: Image.Image, kind: str = "PNG", **options: object) -> str:
    """The picture as text that stands in a page.

    Args:
        image: the picture.
        kind: PNG or JPEG.
        options: more of Pillow's for this kind.
    """
    content = io.BytesIO()
    image.save(content, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"


def _draw(
    canvas: NDArray[np.float32], mask: NDArray[np.bool_], rgb: tuple[int, int, int], fill: float, thick: int
) -> None:
    canvas[mask] += (np.array(rgb) - canvas[mask]) * fill
    canvas[mask & ~ndimage.binary_erosion(mask, iterations=thick, border_value=1)] = rgb


def _write_letters(image: Image.Image, letters: str) -> None:
    if not letters:
        return
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    width, height = image.size
    places = ((5, height / 2, "lm"), (width - 5, height / 2, "rm"), (width / 2, 5, "mt"), (width / 2, height - 5, "mb"))
    for letter, (x, y, anchor) in zip(letters, places, strict=True):
        draw.text((x, y), letter, "white", font, anchor)


def _axial_views(
    labels: NDArray[np.uint8], volume: Volume
) -> tuple[NDArray[np.int16], NDArray[np.uint8], tuple[float, float, float]]:
    return volume.axial.of(volume.voxels), volume.axial.of(labels), volume.axial.spacing


def _measured_at(lesion: Lesion, volume: Volume) -> tuple[float, ...]:
    """Slice, row and column of the middle of a lesion's axial diameter."""
    _, row, column = np.mean([_index(volume, point) for point in lesion.axial_line_mm], axis=0).tolist()
    return float(lesion.slice - 1), row, column


def _index(volume: Volume, point_mm: tuple[float, float, float]) -> tuple[float, float, float]:
    """Slice, row and column of a place in the patient, between voxels where it lies there."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    x, y, z = np.linalg.solve(affine, [*point_mm, 1.0])[:3].tolist()
    return z, y, x


def _rounded(place: tuple[float, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(max(round(at), 0), size - 1) for at, size in zip(place, shape, strict=True))


def _middle(seen: NDArray[np.uint8]) -> tuple[int, int, int]:
    if not seen.any():
        z, y, x = (size // 2 for size in seen.shape)
        return z, y, x
    z = int(np.count_nonzero(seen, axis=(1, 2)).argmax())
    rows, columns = np.nonzero(seen[z])
    return z, int(np.median(rows)), int(np.median(columns))


def _widened(seen: NDArray[np.uint8], spacing: tuple[float, float, float]) -> tuple[slice, ...]:
    if not seen.any():
        return tuple(slice(0, size) for size in seen.shape)
    return tuple(
        slice(max(0, int(s.start - _MARGIN_MM / mm)), min(size, int(s.stop + _MARGIN_MM / mm)))
        for s, mm, size in zip(bounding_box(seen), spacing, seen.shape, strict=True)
    )


Colour = tuple[int, int, int]

INK, FAINT, CARD, PAPER = (25, 30, 36), (94, 102, 111), (255, 255, 255), (231, 235, 239)
GAP = 12

_LEADING = 6


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, in pixels."""
    return ImageFont.load_default(size)


def draw_text(words: str, size: int, width: int, colour: Colour = INK, paper: Colour = CARD) -> Image.Image:
    """Words in lines that are no wider than ``width``, unless a single word is."""
    lines: list[str] = []
    for word in words.split():
        if lines and font(size).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    drawing = Image.new("RGB", (width, max(1, len(lines) * (size + _LEADING))), paper)
    for number, line in enumerate(lines):
        ImageDraw.Draw(drawing).text((0, number * (size + _LEADING)), line, colour, font(size))
    return drawing


def stack_below(images: Sequence[Image.Image], gap: int = GAP, paper: Colour = CARD) -> Image.Image:
    """Images from top to bottom, their left sides in line."""
    height = sum(image.height + gap for image in images) - gap
    drawing, down = Image.new("RGB", (max(image.width for image in images), height), paper), 0
    for image in images:
        drawing.paste(image, (0, down))
        down += image.height + gap
    return drawing


def stack_beside(images: Sequence[Image.Image], gap: int = GAP, paper: Colour = CARD) -> Image.Image:
    """Images from left to right, their tops in line."""
    width = sum(image.width + gap for image in images) - gap
    drawing, right = Image.new("RGB", (width, max(image.height for image in images)), paper), 0
    for image in images:
        drawing.paste(image, (right, 0))
        right += image.width + gap
    return drawing


def pad_to_one_height(images: Sequence[Image.Image], paper: Colour = CARD) -> list[Image.Image]:
    """Images made as high as the highest, with paper below them."""
    height = max(image.height for image in images)
    return [ImageOps.expand(image, (0, 0, 0, height - image.height), paper) for image in images]


def stack_headed(panels: Mapping[str, Image.Image], size: int, gap: int) -> Image.Image:
    """Images from left to right, each below its name."""
    return stack_beside(
        [stack_below([draw_text(name, size, panel.width), panel], 2) for name, panel in panels.items()], gap
    )


def write_picture(path: Path, image: Image.Image, kind: str, **options: Any) -> None:
    """Write a picture whole.

    Pillow, handed a file, takes no notice of a disk that has room for a part of the picture only.

    Args:
        path: of the file.
        image: the picture.
        kind: of file, as Pillow names it.
        options: of Pillow for that kind.

    Raises:
        OSError: it cannot be written whole.
    """
    content = io.BytesIO()
    image.save(content, kind, **options)
    path.write_bytes(content.getbuffer())

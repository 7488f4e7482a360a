"""Slices with the outlines of liver and lesions, as pictures."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from .lesions import Lesion
from .postprocessing import bounds
from .segments import LESION, LIVER
from .volume import Volume

_LEVEL, _WIDTH = 60, 400
_LONG_SIDE, _LESION_SIDE = 440, 150
_MARGIN_MM, _LESION_MARGIN_MM = 30.0, 28.0

Plane = tuple[NDArray[np.int16], NDArray[np.uint8], tuple[float, float]]
"""HU and labels ``[row, column]``, and millimetres between rows and columns."""


def three_planes(
    labels: NDArray[np.uint8], volume: Volume, centre_mm: tuple[float, float, float] | None
) -> dict[str, Image.Image]:
    """Axial, coronal and sagittal pictures through a point, or through the middle of the liver.

    Args:
        labels: ``[k, j, i]`` on the volume's grid.
        volume: the CT.
        centre_mm: the point in RAS.
    """
    hounsfield, seen, spacing = _seen(labels, volume)
    z, y, x = _index(volume, centre_mm) if centre_mm else _middle(seen)
    box = _widened(seen, spacing)
    up = slice(box[0].stop - 1, box[0].start - 1 if box[0].start else None, -1)
    dz, dy, dx = spacing
    return {
        "axial": picture((hounsfield[z][box[1:]], seen[z][box[1:]], (dy, dx)), "RLAP"),
        "coronal": picture((hounsfield[up, y, box[2]], seen[up, y, box[2]], (dz, dx)), "RLSI"),
        "sagittal": picture((hounsfield[up, box[1], x], seen[up, box[1], x], (dz, dy)), "APSI"),
    }


def lesion_picture(lesion: Lesion, labels: NDArray[np.uint8], volume: Volume) -> Image.Image:
    """The axial slice of the lesion's longest diameter, cut out around it."""
    hounsfield, seen, spacing = _seen(labels, volume)
    _, row, column = _index(volume, lesion.centroid_mm)
    reach = lesion.axial_diameter_mm / 2 + _LESION_MARGIN_MM
    rows, columns = (
        slice(max(0, int(at - reach / mm)), int(at + reach / mm) + 1)
        for at, mm in ((row, spacing[1]), (column, spacing[2]))
    )
    z = lesion.slice - 1
    return picture((hounsfield[z, rows, columns], seen[z, rows, columns], spacing[1:]), "", _LESION_SIDE)


def picture(plane: Plane, letters: str, long_side: int = _LONG_SIDE) -> Image.Image:
    """Draw a plane with square pixels, its outlines, and the letters of its left, right, upper and lower side."""
    hounsfield, labels, (dy, dx) = plane
    height, width = hounsfield.shape[0] * dy, hounsfield.shape[1] * dx
    scale = long_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    gray = ((hounsfield.astype(np.float32) - _LEVEL) / _WIDTH + 0.5).clip(0, 1) * 255
    shown = Image.fromarray(gray.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    mask = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    coloured = np.repeat(np.asarray(shown)[..., None], 3, axis=-1).astype(np.float32)
    _draw(coloured, mask > 0, LIVER.rgb, fill=0.0)
    _draw(coloured, mask == LESION.label, LESION.rgb, fill=0.25)
    result = Image.fromarray(coloured.astype(np.uint8))
    _write_letters(result, letters)
    return result


def data_uri(image: Image.Image) -> str:
    """The picture as text that stands in a page."""
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _draw(canvas: NDArray[np.float32], mask: NDArray[np.bool_], rgb: tuple[int, int, int], fill: float) -> None:
    canvas[mask] += (np.array(rgb) - canvas[mask]) * fill
    canvas[mask & ~ndimage.binary_erosion(mask)] = rgb


def _write_letters(image: Image.Image, letters: str) -> None:
    if not letters:
        return
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    width, height = image.size
    places = ((5, height / 2, "lm"), (width - 5, height / 2, "rm"), (width / 2, 5, "mt"), (width / 2, height - 5, "mb"))
    for letter, (x, y, anchor) in zip(letters, places, strict=True):
        draw.text((x, y), letter, "white", font, anchor)


def _seen(
    labels: NDArray[np.uint8], volume: Volume
) -> tuple[NDArray[np.int16], NDArray[np.uint8], tuple[float, float, float]]:
    return volume.axial.of(volume.voxels), volume.axial.of(labels), volume.axial.spacing


def _index(volume: Volume, point_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    x, y, z = np.rint(np.linalg.solve(affine, [*point_mm, 1.0])[:3]).astype(int).tolist()
    return z, y, x


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
        for s, mm, size in zip(bounds(seen), spacing, seen.shape, strict=True)
    )

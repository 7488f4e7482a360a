"""The axial slices where a prediction differs most from its reference, as pictures that stand in a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.labels import bounding_box
from ..reporting.figures import draw_plane as drawn
from ..reporting.figures import stack_headed, to_data_uri
from .label_pair import LESION_NAME, LIVER_NAME, LabelPair, structure_mask

MISSED_COLOUR, FALSE_COLOUR = (255, 176, 0), (100, 170, 255)
"""Colours of what the reference alone and the prediction alone has: told apart by colour-blind readers too."""

_LONG_SIDE, _HEADING, _GAP = 290, 14, 6
_JPEG = {"quality": 68, "subsampling": 0, "optimize": True}
"""Options without chroma subsampling, which would blur outlines one pixel wide."""

_MARGIN_MM, _APART_MM = 12.0, 10.0
_FLAT_HU = -60

Box = tuple[slice, slice]


@dataclass(frozen=True)
class CasePicture:
    """A picture of a case.

    Args:
        uri: the picture as a data URI.
        caption: which slice it is, and why.
        case: whose it is.
    """

    uri: str
    caption: str
    case: str


@dataclass(frozen=True)
class ChosenSlice:
    """A slice worth looking at.

    Args:
        slice: axial, from 0 at the feet.
        reason: why, in words.
        structure: whose errors are coloured.
    """

    slice: int
    reason: str
    structure: str


def case_pictures(case: str, pair: LabelPair, image: NDArray | None, count: int = 2) -> list[CasePicture]:
    """Pictures of a case's most telling slices, ready for another process and for a page.

    Args:
        case: its name.
        pair: prediction and reference.
        image: CT in HU on the pair's grid, or None.
        count: slices at most.
    """
    of = len(pair.reference)
    return [
        CasePicture(
            to_data_uri(side_by_side(pair, image, choice.slice, choice.structure), "JPEG", **_JPEG),
            f"axial slice {choice.slice + 1} of {of}: {choice.reason}",
            case,
        )
        for choice in choose_slices(pair)[:count]
    ]


def choose_slices(pair: LabelPair) -> list[ChosenSlice]:
    """The slices worth looking at, the most telling first.

    The slice with the most voxels of lesion that differ, the one with the most lesion in the reference, the one with
    the most voxels of liver that differ, and the one with the most liver. Of equal slices the lowest is taken; one
    within 10 mm of an earlier one would show the same again and is left out.
    """
    lesion = structure_mask(pair.reference, LESION_NAME)
    found = [
        *_most(error_mask(pair, LESION_NAME), "most voxels of lesion differ", LESION_NAME),
        *_most(lesion, "largest area of lesion in the reference", LESION_NAME),
        *_most(error_mask(pair, LIVER_NAME), "most voxels of liver differ", LIVER_NAME),
        *_most((pair.reference > 0) | (pair.prediction > 0), "largest area of liver", LIVER_NAME),
    ]
    apart: list[ChosenSlice] = []
    for choice in found:
        if all(abs(choice.slice - other.slice) * pair.spacing[0] > _APART_MM for other in apart):
            apart.append(choice)
    return apart


def side_by_side(pair: LabelPair, image: NDArray | None, number: int, structure: str) -> Image.Image:
    """A slice's CT, reference, prediction and errors beside each other, with square pixels, around the liver.

    Args:
        pair: prediction and reference.
        image: CT in HU on the pair's grid; without it a plain grey stands behind the labels.
        number: the axial slice, from 0.
        structure: whose voxels are coloured where they differ.
    """
    box = _box(pair)
    spacing = pair.spacing[1:]
    reference, prediction = pair.reference[number][box], pair.prediction[number][box]
    hounsfield = np.full(reference.shape, _FLAT_HU, np.int16) if image is None else np.asarray(image[number][box])
    panels = {
        "reference": drawn((hounsfield, reference, spacing), "", _LONG_SIDE),
        "prediction": drawn((hounsfield, prediction, spacing), "", _LONG_SIDE),
    }
    if image is not None:
        bare = drawn((hounsfield, np.zeros_like(reference), spacing), "RLAP", _LONG_SIDE)
        panels = {"image": bare} | panels
    plain = drawn((_faded(hounsfield), np.zeros_like(reference), spacing), "", _LONG_SIDE)
    panels[f"errors: {structure.replace('_', ' ')}"] = _coloured(
        plain, structure_mask(reference, structure), structure_mask(prediction, structure)
    )
    return stack_headed(panels, _HEADING, _GAP)


def error_mask(pair: LabelPair, structure: str) -> NDArray[np.bool_]:
    """Voxels at which prediction and reference differ about a structure, ``bool [slice, row, column]``."""
    return structure_mask(pair.prediction, structure) != structure_mask(pair.reference, structure)


def _most(where: NDArray[np.bool_], reason: str, structure: str) -> list[ChosenSlice]:
    counted = np.count_nonzero(where, axis=(1, 2))
    return [ChosenSlice(int(counted.argmax()), reason, structure)] if counted.any() else []


def _box(pair: LabelPair) -> Box:
    """Rows and columns of everything marked in any slice, with a margin; all where nothing is."""
    seen = pair.reference | pair.prediction
    if not seen.any():
        return slice(None), slice(None)
    rows, columns = (
        slice(max(0, int(s.start - _MARGIN_MM / mm)), int(s.stop + _MARGIN_MM / mm) + 1)
        for s, mm in zip(bounding_box(seen)[1:], pair.spacing[1:], strict=True)
    )
    return rows, columns


def _faded(hounsfield: NDArray) -> NDArray[np.int16]:
    """Darker and with half the contrast, so that colours stand out."""
    return ((hounsfield.astype(np.float32) + _FLAT_HU) / 2).astype(np.int16)


def _coloured(panel: Image.Image, reference: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> Image.Image:
    pixels = np.array(panel)
    for where, colour in ((reference & ~prediction, MISSED_COLOUR), (prediction & ~reference, FALSE_COLOUR)):
        large = Image.fromarray(where.astype(np.uint8)).resize(panel.size, Image.Resampling.NEAREST)
        pixels[np.asarray(large, bool)] = colour
    return Image.fromarray(pixels)

"""DICOM segmentations: labels by the number of their segment, on their own grid (PS3.3, sections A.51 and C.8.20).

Read without highdicom, whose objects of 1500 frames take many times as long as the voxels.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import dicom_dataset, seg_frames, seg_pixels, seg_segments
from .dicom_kinds import refuse_other_kinds
from .seg_frames import Frames
from .seg_labels import SegLabels
from .stored import TOO_LARGE, Stored

if TYPE_CHECKING:
    from pydicom import Dataset

_BEHIND_SEGMENTS = 0x0062_0003
_MOST = 1 << 32
"""Voxels, which few frames that lie far apart may claim."""


def read(path: Path) -> Stored:
    """Read a segmentation whose segments do not overlap, or are lesions in the liver, which then win.

    Slices that the writer left out between others, as they are empty, are filled in; those before the first and behind
    the last are not there.

    Raises:
        UserError: pydicom is missing; it is no segmentation, of fractions, damaged, or its frames are no even stack of
            slices; or segments overlap of which none is the liver and the other a lesion.
    """
    refuse_other_kinds(path)
    with dicom_dataset.damage_in_words(path):
        dataset = dicom_dataset.read(path)
        _refuse_fractions(dataset, path)
        frames = seg_frames.read(dataset, path)
        labels, warnings = _labels(dataset, frames, path)
    return Stored(labels, frames.affine, warnings=(*frames.warnings, *warnings), omits_empty=True)


def names(path: Path) -> dict[int, str]:
    """What each label is called, by the segment's label or else by its coded type.

    Raises:
        UserError: pydicom is missing, or the file is no segmentation or damaged.
    """
    refuse_other_kinds(path)
    with dicom_dataset.damage_in_words(path):
        return seg_segments.names(dicom_dataset.read(path, _BEHIND_SEGMENTS))


def _refuse_fractions(dataset: Dataset, path: Path) -> None:
    if dataset.get("SegmentationType") == "FRACTIONAL":
        msg = f"{path} holds fractions, such as probabilities, and no labels: export a binary segmentation."
        raise UserError(msg)


def _labels(dataset: Dataset, frames: Frames, path: Path) -> tuple[NDArray, tuple[str, ...]]:
    rows, columns = seg_pixels.shape(dataset, path)
    is_map = dataset.get("SegmentationType") == "LABELMAP"
    _refuse_doubled(frames, path, is_map=is_map)
    size = (frames.count, rows, columns)
    if prod(size) > _MOST:
        raise UserError(TOO_LARGE.format(path))
    planes = seg_pixels.planes(dataset, len(frames.slices), path)
    if is_map:
        return _map(dataset, planes, frames.slices, size), ()
    made = SegLabels(np.zeros(size, np.min_scalar_type(frames.segments.max())), seg_segments.names(dataset), path)
    made.put((plane != 0 for plane in planes), frames.slices.tolist(), frames.segments.tolist())
    return made.labels, made.warnings


def _map(dataset: Dataset, planes: Iterable[NDArray], slices: NDArray[np.int64], size: tuple[int, int, int]) -> NDArray:
    labels = np.zeros(size, f"u{dataset.BitsAllocated // 8}")
    for k, plane in zip(slices, planes, strict=True):
        labels[k] = plane
    background = dataset.get("PixelPaddingValue")
    if background:
        labels[labels == background] = 0
    return labels


def _refuse_doubled(frames: Frames, path: Path, *, is_map: bool) -> None:
    segments = frames.segments * (not is_map)
    if len(np.unique([frames.slices, segments], axis=1).T) < len(segments):
        msg = f"{path} holds two frames of one segment at one place: export it again."
        raise UserError(msg)
    if not is_map and not (segments.min() > 0 and segments.max() < 1 << 16):
        raise UserError(dicom_dataset.DAMAGED.format(path))

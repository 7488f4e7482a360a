"""Folders of slice pictures as scans: ``images/P_slice_K.jpg`` with ``masks/P_slice_K.png``.

All slices of a patient are stacked, although some between them may be missing, as millimetres between slices the
middle one of the gaps stands for all. Columns are taken to run to the patient's left and rows to the back, as
:mod:`.slices` and :mod:`.export` have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.ct_quality import find_damaged_slices as find_damage
from ..core.errors import UserError
from ..core.volume import Volume
from ..io.raw_image import RawImage
from .dump import IMAGES, MASKS, TABLE, LeftOut, read_note
from .scans import ExaminedScan, LabelledScan, whole_labels
from .slices import SliceFiles, find_pictures, group_by_patient, read_pixels
from .spacing_tables import read_spacings
from .splits import WRONG_SPACING, has_wrong_spacing

_NO_HU = "The pictures do not say their HU: grey values from 0 to 255 stand for them."
_NO_SPACING = f"{TABLE} states no spacing: 1 mm in every direction was assumed, so volumes in ml mean little."


@dataclass(frozen=True)
class SliceScan(LabelledScan):
    """A patient of a folder of slice pictures.

    Args:
        slices: ascending.
        spacing: millimetres between slice numbers, rows and columns; None where nothing states it.
        intensities: HU of the darkest and the brightest grey, None where they are not known.
    """

    slices: tuple[SliceFiles, ...]
    spacing: tuple[float, float, float] | None
    intensities: tuple[float, float] | None

    def read(self) -> tuple[Volume, NDArray[np.uint8]]:
        grey = self._stacked([each.image for each in self.slices])
        masks = self._stacked([each.mask for each in self.slices])
        if masks.shape != grey.shape:
            msg = f"{self.ct} holds pictures of {self.name} that differ in size from their masks: export them again."
            raise UserError(msg)
        low, high = self.intensities or (0, 255)
        voxels = np.rint(grey * ((high - low) / 255) + low).astype(np.int16)
        labels = whole_labels(RawImage(masks, np.eye(4)), self.slices[0].mask.parent)
        return Volume(voxels, self._affine, self._warnings), labels

    def examine(self) -> ExaminedScan:
        volume, labels = self.read()
        return ExaminedScan(volume, labels, find_damage(volume.voxels), "HU" if self.intensities else "grey")

    @property
    def _affine(self) -> NDArray[np.float64]:
        number_mm, row_mm, column_mm = self.spacing or (1.0, 1.0, 1.0)
        gaps = np.diff(sorted({each.number for each in self.slices}))
        gap = float(np.median(gaps)) if len(gaps) else 1.0
        return np.diag([-column_mm, -row_mm, gap * number_mm, 1.0])

    @property
    def _warnings(self) -> tuple[str, ...]:
        wrong = self.spacing is not None and has_wrong_spacing(self.patient, *self.spacing[1:])
        doubts = {_NO_HU: not self.intensities, _NO_SPACING: not self.spacing, WRONG_SPACING: wrong}
        return tuple(sentence for sentence, applies in doubts.items() if applies)

    def _stacked(self, pictures: Sequence[Path]) -> NDArray:
        grey = [read_pixels(path) for path in pictures]
        if len({picture.shape for picture in grey}) > 1:
            msg = f"{pictures[0].parent} holds pictures of {self.name} that differ in size: export them again."
            raise UserError(msg)
        return np.stack(grey)


def find(folder: Path) -> tuple[tuple[SliceScan, ...], tuple[LeftOut, ...]]:
    """The patients of a folder by name, and what is left out.

    Raises:
        UserError: the folder's ``export.json`` or ``slices.csv`` is damaged.
    """
    if not (folder / IMAGES).is_dir() or not (folder / MASKS).is_dir():
        return (), ()
    images, masks = find_pictures(folder / IMAGES, ".jpg"), find_pictures(folder / MASKS, ".png")
    note, stated = read_note(folder), read_spacings(folder / TABLE)
    intensities = note.intensities if note else None
    scans = tuple(
        SliceScan(name, folder / IMAGES, slices, stated.get(name), intensities)
        for name, slices in group_by_patient(images, masks).items()
    )
    return scans, (
        *_without_partner(images, masks, "it has no mask"),
        *_without_partner(masks, images, "it has no picture"),
    )


def _without_partner(these: dict[str, Path], others: dict[str, Path], reason: str) -> list[LeftOut]:
    return [LeftOut(name=stem, reason=reason) for stem in sorted(these.keys() - others.keys())]

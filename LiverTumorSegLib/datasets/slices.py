"""Folders of slice pictures (``images/P_slice_K.jpg``, ``masks/P_slice_K.png``), grouped by patient.

``slices.csv``, where it stands beside the folders, gives the spacing of each patient.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from ..errors import UserError
from ..preprocessing import Chain, Slices
from ..volume import Volume

_NAME = re.compile(r"(?P<patient>.+)_slice_(?P<index>\d+)[a-z]?$")


class SliceSource(BaseModel):
    """One folder of slice pictures and how to read it.

    Args:
        folder: folder below the data root that holds ``images`` and ``masks``.
        intensities: HU of the darkest and of the brightest grey value.
        lesions_apart: False where the masks join lesions to the liver (label 1).
        default_spacing_mm: in-plane spacing to assume where none is stated.
        default_slice_mm: the same between consecutive slice numbers; None where neighbours must not be used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    intensities: tuple[float, float]
    lesions_apart: bool = True
    default_spacing_mm: float = Field(gt=0)
    default_slice_mm: float | None = Field(None, gt=0)


@dataclass(frozen=True)
class Spacing:
    """Millimetres between rows, columns, and consecutive slice numbers (None: neighbours are unknown)."""

    row: float
    column: float
    slice: float | None


@dataclass(frozen=True)
class Patient:
    """All slices of one patient, preprocessed.

    Args:
        name: as in the file names.
        numbers: slice number of each slice, ascending.
        pixels: uint8 ``[slice, row, column]``, the chain's [0, 1] times 255.
        labels: uint8 ``[slice, row, column]``: 0 background, 1 liver, 2 lesion.
        slice_mm: millimetres between consecutive slice numbers, None where neighbours are unknown.
        lesions_apart: False where label 1 stands for liver and lesions together.
    """

    name: str
    numbers: np.ndarray
    pixels: torch.Tensor
    labels: torch.Tensor
    slice_mm: float | None
    lesions_apart: bool

    def neighbours(self, at: int, distance_mm: float, count: int) -> list[int]:
        """Positions of ``count`` slices centred on ``at``, ``distance_mm`` apart; the nearest there is stands in."""
        if self.slice_mm is None:
            return [at] * count
        wanted = self.numbers[at] + (np.arange(count) - count // 2) * distance_mm / self.slice_mm
        return [int(np.abs(self.numbers - number).argmin()) for number in wanted]


def read_patients(source: SliceSource, root: Path, chain: Chain) -> list[Patient]:
    """Read and preprocess every patient of a folder; slices without a mask are left out.

    Raises:
        UserError: the folder has no slice pictures.
    """
    folder = root / source.folder
    files = _files_by_patient(folder)
    if not files:
        msg = f"There are no slice pictures in {folder / 'images'}: they should be named PATIENT_slice_K.jpg."
        raise UserError(msg)
    stated = _stated_spacings(folder / "slices.csv")
    assumed = Spacing(source.default_spacing_mm, source.default_spacing_mm, source.default_slice_mm)
    return [_read(name, files[name], stated.get(name, assumed), source, chain) for name in sorted(files)]


def read_volume(source: SliceSource, root: Path, name: str) -> tuple[Volume, np.ndarray]:
    """Stack a patient's evenly spaced run of slices into a volume, with its labels ``[k, j, i]``.

    Where ``slices.csv`` states no spacing it is 1 x 1 mm and 1 mm a slice number, as the published LiTS files state it.

    Args:
        source: which folder, and what its intensities mean.
        root: folder that holds the source's.
        name: of the patient.

    Raises:
        UserError: there is no such patient, or no run of slices.
    """
    folder = root / source.folder
    files = _evenly_spaced(_files_by_patient(folder).get(name, []))
    if not files:
        msg = f"{folder} holds no run of evenly spaced slices of {name}."
        raise UserError(msg)
    spacing = _stated_spacings(folder / "slices.csv").get(name, Spacing(1.0, 1.0, 1.0))
    gray = np.stack([np.asarray(Image.open(image).convert("L")) for _, image, _ in files])
    labels = np.stack([np.asarray(Image.open(mask)) for _, _, mask in files])
    low, high = source.intensities
    hounsfield = np.rint(gray.astype(np.float32) / 255 * (high - low) + low).astype(np.int16)
    gap = (files[1][0] - files[0][0]) * (spacing.slice or 1.0)
    return Volume(hounsfield, np.diag([-spacing.column, -spacing.row, gap, 1.0])), labels.astype(np.uint8)


def _evenly_spaced(files: list[tuple[int, Path, Path]]) -> list[tuple[int, Path, Path]]:
    """The longest run of slices whose numbers are as near to each other as any are."""
    numbers = np.array([number for number, _, _ in files])
    gaps = np.diff(numbers)
    if not len(gaps):
        return []
    runs = np.split(np.arange(len(files)), np.flatnonzero(gaps != gaps.min()) + 1)
    return [files[index] for index in max(runs, key=len)]


def _files_by_patient(folder: Path) -> dict[str, list[tuple[int, Path, Path]]]:
    found = defaultdict(list)
    for image in sorted((folder / "images").glob("*_slice_*.jpg")):
        match, mask = _NAME.match(image.stem), folder / "masks" / f"{image.stem}.png"
        if match and mask.exists():
            found[match["patient"]].append((int(match["index"]), image, mask))
    return {patient: sorted(files) for patient, files in found.items()}


def _stated_spacings(table: Path) -> dict[str, Spacing]:
    if not table.exists():
        return {}
    with table.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["dx_mm"]]
    return {
        f"volume-{row['volume']}": Spacing(float(row["dy_mm"]), float(row["dx_mm"]), float(row["dz_native_mm"]))
        for row in rows
    }


def _read(
    name: str, files: list[tuple[int, Path, Path]], spacing: Spacing, source: SliceSource, chain: Chain
) -> Patient:
    low, high = source.intensities
    pixels, labels = [], []
    for _, image, mask in files:
        hounsfield = torch.from_numpy(np.array(Image.open(image).convert("L"), np.float32)) / 255 * (high - low) + low
        prepared = chain(Slices(hounsfield[None, None], (spacing.row, spacing.column))).pixels[0, 0]
        grey = prepared.mul(255).round()  # resampling leaves [0, 1] by rounding errors
        if grey.min() < 0 or grey.max() > 255:
            msg = "Training keeps slices in 8 bits: end the recipe's preprocessing with values in [0, 1]."
            raise UserError(msg)
        pixels.append(grey.to(torch.uint8))
        labels.append(_shrink_labels(torch.from_numpy(np.array(Image.open(mask))), prepared.shape))
    numbers = np.array([number for number, _, _ in files])
    return Patient(name, numbers, torch.stack(pixels), torch.stack(labels), spacing.slice, source.lesions_apart)


def _shrink_labels(labels: torch.Tensor, size: torch.Size) -> torch.Tensor:
    picture = labels.float()[None, None]
    return torch.nn.functional.interpolate(picture, size=size, mode="nearest-exact")[0, 0].to(torch.uint8)

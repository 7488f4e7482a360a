"""Folders of slice pictures (``images/P_slice_K.jpg``, ``masks/P_slice_K.png``), grouped by patient.

``slices.csv``, where it stands beside the folders, gives the spacing of each patient. ``export.json`` there says that
the pictures are a training dump, already preprocessed: they are taken as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator

from ..core.errors import UserError
from ..core.schema import StrictModel
from ..core.volume import Volume, stack_offsets
from ..io.raw_image import RawImage
from ..preprocessing import Chain
from .dump import IMAGES, MASKS, NOTE, TABLE, read_note, read_picture, to_bytes
from .prepare import prepare
from .scans import whole_labels
from .spacing_tables import read_spacings, read_true_spacings

_NAME = re.compile(r"(?P<patient>[^.].*)_slice_(?P<number>\d+)[a-z]?$")


class SliceFiles(NamedTuple):
    """One slice's number, counted from the feet, and its pictures."""

    number: int
    image: Path
    mask: Path


def find_pictures(folder: Path, ending: str) -> dict[str, Path]:
    """Slices by the stem of their names."""
    return {path.stem: path for path in sorted(folder.glob(f"*_slice_*{ending}")) if _NAME.match(path.stem)}


def group_by_patient(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, tuple[SliceFiles, ...]]:
    """The slices of each patient that have both, ascending."""
    found: defaultdict[str, list[SliceFiles]] = defaultdict(list)
    for stem in images.keys() & masks.keys():
        match = _NAME.match(stem)
        if match:
            found[match["patient"]].append(SliceFiles(int(match["number"]), images[stem], masks[stem]))
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def files_by_patient(source: SliceSource, root: Path) -> dict[str, tuple[SliceFiles, ...]]:
    """The slices of each patient of a source that have both pictures, ascending."""
    folder = root / source.folder
    found = group_by_patient(find_pictures(folder / IMAGES, ".jpg"), find_pictures(folder / MASKS, ".png"))
    return {name: slices for name, slices in found.items() if name not in source.leave_out}


def read_pixels(path: Path) -> NDArray:
    """Greys of a JPG; of a mask the numbers as they are stored: cast to 8 bits, those of 16 would turn into labels.

    Raises:
        UserError: it cannot be read, or has colours.
    """
    try:
        with Image.open(path) as image:
            values = np.array(image.convert("L") if path.suffix == ".jpg" else image)
    except (OSError, ValueError, TypeError, Image.DecompressionBombError) as error:
        msg = f"{path} cannot be read as a picture: export it again."
        raise UserError(msg) from error
    if values.ndim != 2:
        msg = f"{path} has colours, but a mask has one number for each pixel: export it again."
        raise UserError(msg)
    return values


class SliceSource(StrictModel):
    """One folder of slice pictures and how to read it.

    Args:
        folder: folder below the data root that holds ``images`` and ``masks``.
        intensities: HU of the darkest and of the brightest grey value; a training dump says them itself.
        lesions_apart: False where the masks join lesions to the liver (label 1).
        default_spacing_mm: in-plane spacing to assume where none is stated; a training dump states it.
        default_slice_mm: the same between consecutive slice numbers; None where neighbours must not be used.
        true_spacings: CSV file in the folder with the true spacing of patients whose published headers are false, by
            ``in_plane_mm`` and ``slice_mm``; it counts before ``slices.csv``.
        leave_out: patients who are not taken from this folder.
    """

    folder: str
    intensities: tuple[float, float] | None = None
    lesions_apart: bool = True
    default_spacing_mm: float | None = Field(None, gt=0)
    default_slice_mm: float | None = Field(None, gt=0)
    true_spacings: str | None = None
    leave_out: tuple[str, ...] = ()

    @field_validator("intensities")
    @classmethod
    def _darkest_first(cls, intensities: tuple[float, float] | None) -> tuple[float, float] | None:
        if intensities and intensities[0] >= intensities[1]:
            msg = f"the darkest grey's HU ({intensities[0]:g}) are not below the brightest's ({intensities[1]:g})"
            raise ValueError(msg)
        return intensities


@dataclass(frozen=True)
class Spacing:
    """Millimetres between rows, columns, and consecutive slice numbers (None: neighbours are unknown)."""

    row: float
    column: float
    slice: float | None


class Overview(NamedTuple):
    """Facts of a patient that are known only after a look at every pixel.

    Args:
        shown: largest label of each slice, uint8 ``[slice]``.
        in_unit: whether the chain's values lie in [0, 1], however they are stored.
    """

    shown: NDArray[np.uint8]
    in_unit: bool

    @classmethod
    def of(cls, pixels: torch.Tensor, labels: torch.Tensor) -> Overview:
        """Look at pixels and labels as a patient has them."""
        in_unit = pixels.dtype == torch.uint8 or all(to_bytes(one) is not None for one in pixels)
        return cls(labels.flatten(1).amax(1).numpy(), in_unit)


class AutomaticMap(NamedTuple):
    """How likely lesion is by a model that never saw the patient.

    Args:
        levels: uint8 ``[slice, row, column]`` of the preprocessed slices, 255 for certainty.
        known: bool ``[slice]``, of which slices it is.
    """

    levels: torch.Tensor
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Patient:
    """All slices of one patient, preprocessed.

    Args:
        name: as in the file names.
        numbers: slice number of each slice, ascending.
        pixels: ``[slice, channel, row, column]``: uint8, the chain's [0, 1] times 255, where it ends there and 8 bits
            hold what it tells apart; else float16 in the chain's own units.
        labels: uint8 ``[slice, row, column]``: 0 background, 1 liver, 2 lesion.
        slice_mm: millimetres between consecutive slice numbers, None where neighbours are unknown.
        lesions_apart: False where label 1 stands for liver and lesions together.
        known: the overview, where it was kept; None to look when it is asked for.
        automatic: another model's lesions; None where nobody asked, or knows.
    """

    name: str
    numbers: np.ndarray
    pixels: torch.Tensor
    labels: torch.Tensor
    slice_mm: float | None
    lesions_apart: bool
    known: Overview | None = None
    automatic: AutomaticMap | None = None

    @cached_property
    def overview(self) -> Overview:
        """The facts that only a look at every pixel tells."""
        return Overview.of(self.pixels, self.labels) if self.known is None else self.known

    @property
    def in_unit(self) -> bool:
        """Whether the chain's values lie in [0, 1], however they are stored."""
        return self.overview.in_unit

    def channels(self, chosen: list[int]) -> torch.Tensor:
        """Channels ``[slice * channel, row, column]`` of the slices at these positions, slice by slice, as stored.

        Numbers in place of a list of them: a device would have to be sent that.
        """
        return torch.cat([self.pixels[at] for at in chosen])

    def stack(self, chosen: list[int]) -> torch.Tensor:
        """Channels of the slices at these positions, slice by slice, in the chain's units.

        Returns:
            float32 ``[slice * channel, row, column]``.
        """
        channels = self.channels(chosen)
        return channels.float() / 255 if channels.dtype == torch.uint8 else channels.float()

    def only(self, chosen: NDArray[np.intp]) -> Patient:
        """The patient with the slices at these positions alone, copied into memory."""
        known = self.known and Overview(self.known.shown[chosen], self.known.in_unit)
        pixels, labels = self.pixels[chosen], self.labels[chosen]
        automatic = self.automatic and AutomaticMap(self.automatic.levels[chosen], self.automatic.known[chosen])
        numbers = self.numbers[chosen]
        return replace(self, numbers=numbers, pixels=pixels, labels=labels, known=known, automatic=automatic)

    def neighbours(self, at: int, distance_mm: float, count: int) -> list[int]:
        """Positions of ``count`` slices centred on ``at``, ``distance_mm`` apart; the nearest there is stands in."""
        if self.slice_mm is None:
            return [at] * count
        offsets = stack_offsets(count, distance_mm, self.slice_mm)
        return [int(np.abs(self.numbers - (self.numbers[at] + offset)).argmin()) for offset in offsets]


def patient_names(source: SliceSource, root: Path) -> list[str]:
    """Patients that have slices with masks in a folder, in order.

    Raises:
        UserError: nobody has.
    """
    return sorted(_with_pictures(source, root).files)


def read_patients(source: SliceSource, root: Path, chain: Chain, names: Collection[str] | None = None) -> list[Patient]:
    """Read patients of a folder, preprocessed; slices without a mask are left out.

    Args:
        source: which folder, and how to read it.
        root: folder that holds the source's.
        chain: what the slices go through.
        names: who is wanted of those that there are; all where it is None.

    Raises:
        UserError: the folder has no slice pictures, does not say their HU, or is a dump of another chain.
    """
    folder = _with_pictures(source, root)
    if folder.note and folder.note.chain != chain:
        msg = (
            f"{folder.path} was exported with another preprocessing chain than the recipe's: export it again with the "
            f"recipe's, or write the one in its {NOTE} into the recipe."
        )
        raise UserError(msg)
    return [_read(name, folder, chain) for name in sorted(folder.files) if names is None or name in names]


def read_volume(source: SliceSource, root: Path, name: str) -> tuple[Volume, np.ndarray]:
    """Stack a patient's evenly spaced run of slices into a volume, with its labels ``[k, j, i]``.

    Spacing is as :func:`read_patients` has it in training. Where neither ``slices.csv`` nor the source says any, it is
    1 x 1 mm and 1 mm a slice number, as the published LiTS files state it.

    Args:
        source: which folder, and what its intensities mean.
        root: folder that holds the source's.
        name: of the patient.

    Raises:
        UserError: there is no such patient, or no run of slices, or the HU of the pictures are not known.
    """
    folder = _Folder(source, root)
    files = _evenly_spaced(folder.files.get(name, ()))
    if not files:
        msg = f"{folder.path} holds no run of evenly spaced slices of {name}."
        raise UserError(msg)
    spacing = folder.spacing(name) if folder.states_spacing(name) else Spacing(1.0, 1.0, 1.0)
    hounsfield = np.rint(folder.hounsfield(files)).astype(np.int16)
    gap = (files[1].number - files[0].number) * (spacing.slice or 1.0)
    return Volume(hounsfield, np.diag([-spacing.column, -spacing.row, gap, 1.0])), folder.labels(files)


class _Folder:
    """A folder of slice pictures.

    Attributes:
        files: the slices of each patient, ascending.
        spacings: of each patient for whom they are stated.
        note: what the folder says of itself, if it is a training dump.
    """

    def __init__(self, source: SliceSource, root: Path) -> None:
        self.source, self.path = source, root / source.folder
        self.files = files_by_patient(source, root)
        stated = read_spacings(self.path / TABLE)
        if source.true_spacings:
            stated |= read_true_spacings(self.path / source.true_spacings)
        self.spacings = {name: Spacing(y, x, z) for name, (z, y, x) in stated.items()}
        self.note = read_note(self.path)

    def hounsfield(self, files: Sequence[SliceFiles]) -> NDArray[np.float32]:
        """HU ``[slice, row, column]``."""
        known = self.note.intensities if self.note else self.source.intensities
        if known is None:
            again = "export these patients elsewhere with one window, resized at most, to measure on them"
            mend = again if self.note else "state the source's intensities"
            msg = f"The HU of the pictures in {self.path / IMAGES} are not known: {mend}."
            raise UserError(msg)
        low, high = known
        gray = self._stacked([read_pixels(file.image) for file in files])
        return gray.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)

    def states_spacing(self, name: str) -> bool:
        """Whether the spacing of a patient is stated, or the source says what to assume."""
        return name in self.spacings or self.source.default_spacing_mm is not None

    def spacing(self, name: str) -> Spacing:
        """Of a patient, as stated or assumed."""
        if name in self.spacings:
            return self.spacings[name]
        in_plane = self.source.default_spacing_mm
        if in_plane is None:
            msg = f"{self.path} states no spacing of {name}: set default_spacing_mm, or add the patient to {TABLE}."
            raise UserError(msg)
        return Spacing(in_plane, in_plane, self.source.default_slice_mm)

    def dumped(self, files: Sequence[SliceFiles], channels: int) -> torch.Tensor:
        """The pictures of a training dump, uint8 ``[slice, channel, row, column]``."""
        return torch.from_numpy(self._stacked([read_picture(file.image, channels) for file in files]))

    def labels(self, files: Sequence[SliceFiles]) -> NDArray[np.uint8]:
        """The masks ``[slice, row, column]``."""
        masks = self._stacked([read_pixels(file.mask) for file in files])
        return whole_labels(RawImage(masks, np.eye(4)), self.path / MASKS)

    def _stacked(self, numbers: Sequence[NDArray]) -> NDArray:
        if len({one.shape for one in numbers}) > 1:
            msg = f"{self.path} holds slices of one patient that differ in size: export them again."
            raise UserError(msg)
        return np.stack(numbers)


def _with_pictures(source: SliceSource, root: Path) -> _Folder:
    folder = _Folder(source, root)
    if not folder.files:
        msg = f"There are no slice pictures in {folder.path / IMAGES}: they should be named PATIENT_slice_K.jpg."
        raise UserError(msg)
    return folder


def longest_even_run(numbers: Sequence[int] | NDArray[np.int_]) -> NDArray[np.intp]:
    """Positions of the longest run of slices whose numbers are as near to each other as any are; none of a slice alone.

    Of pictures with one number the first counts.

    Args:
        numbers: of the slices, ascending.
    """
    each, first = np.unique(np.asarray(numbers), return_index=True)
    gaps = np.diff(each)
    if not len(gaps):
        return np.arange(0)
    return max(np.split(first, np.flatnonzero(gaps != gaps.min()) + 1), key=len)


def _evenly_spaced(files: Sequence[SliceFiles]) -> list[SliceFiles]:
    return [files[index] for index in longest_even_run([file.number for file in files])]


def _read(name: str, folder: _Folder, chain: Chain) -> Patient:
    files, spacing = folder.files[name], folder.spacing(name)
    labels = torch.from_numpy(folder.labels(files))
    if folder.note:
        pixels = folder.dumped(files, folder.note.channels)
    else:
        millimetres = (spacing.slice or spacing.row, spacing.row, spacing.column)
        pixels, labels = prepare(folder.hounsfield(files), labels, millimetres, chain)
    numbers = np.array([file.number for file in files])
    return Patient(name, numbers, pixels, labels, spacing.slice, folder.source.lesions_apart)

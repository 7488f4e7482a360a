"""Data sets as folders hold them: LiTS, 3D-IRCADb-01 and MSD Task03_Liver, each found by its file names.

LiTS is ``volume-N.nii[.gz]`` with ``segmentation-N.nii[.gz]``, in a folder and those in it.

3D-IRCADb-01 is ``3Dircadb1.N/PATIENT_DICOM`` with ``MASKS_DICOM/liver`` and one folder a tumour, if any. Every folder
whose name begins with ``livertumor`` counts as tumour (``livertumor01``, ``livertumors``, ...). Cysts (``livercyst``,
``liverkyst``) stay liver, as in LiTS; tumours of the adrenal glands (``leftsurretumor``) are none of the liver's. Where
masks overlap, the lesion wins.

MSD Task03_Liver is ``imagesTr/liver_N.nii.gz`` with ``labelsTr/liver_N.nii.gz``. ``dataset.json`` says nothing that the
files do not, and may be missing; ``imagesTs`` has no labels and is no loss. The folder may also be the one above, as
the archive unpacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.labels import LESION, LIVER
from ..core.volume import Volume
from ..io import volumes
from ..io import volumes as files
from ..io.limits import refuse_too_many_voxels
from ..io.raw_image import LPS_TO_RAS
from . import slice_folders
from .dump import LeftOut
from .scans import FileScan, LabelledScan, ScanGrid, VolumeScan

_LITS_NAME = re.compile(r"(volume|segmentation)-(\d+)\.nii(\.gz)?$")


class LitsFiles(NamedTuple):
    """The files of a folder: CT and labels by number, ascending, and those without a partner."""

    both: dict[int, tuple[Path, Path]]
    left_out: tuple[LeftOut, ...]


def match_lits(folder: Path) -> LitsFiles:
    """Pair volumes with segmentations by their number.

    Raises:
        UserError: one name occurs twice.
    """
    found: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    for path in sorted(folder.rglob("*-*.nii*")):
        named = _LITS_NAME.match(path.name)
        if not named or not path.is_file():
            continue
        kind, number = named[1], int(named[2])
        refuse_repeated_name(found[kind].get(number), path)
        found[kind][number] = path
    volumes, segmentations = found["volume"], found["segmentation"]
    both = sorted(volumes.keys() & segmentations.keys())
    return LitsFiles(
        {number: (volumes[number], segmentations[number]) for number in both},
        (
            *without_partner(volumes, both, "it has no segmentation"),
            *without_partner(segmentations, both, "it has no volume"),
        ),
    )


def find_lits(folder: Path) -> tuple[tuple[FileScan, ...], tuple[LeftOut, ...]]:
    """The scans of a folder, and what is left out.

    Raises:
        UserError: one name occurs twice.
    """
    found = match_lits(folder)
    return tuple(FileScan(f"volume-{number}", *paths) for number, paths in found.both.items()), found.left_out


def refuse_repeated_name(first: Path | None, path: Path) -> None:
    """Raise :class:`UserError` where a file was found already for what another stands for."""
    if first is not None:
        msg = f"{first} and {path} have the same name: take one of them out of the folder."
        raise UserError(msg)


def without_partner(paths: dict[int, Path], both: list[int], reason: str) -> list[LeftOut]:
    """Numbered files that are left out, as their partner is missing."""
    return [LeftOut(name=files.stem(paths[number]), reason=reason) for number in sorted(paths.keys() - set(both))]


_IMAGES, _LABELS = "imagesTr", "labelsTr"
_MSD_NAME = re.compile(r"liver_(\d+)\.nii(\.gz)?$")


def find_msd(folder: Path) -> tuple[tuple[FileScan, ...], tuple[LeftOut, ...]]:
    """The scans of a folder by ascending number, and what is left out.

    Raises:
        UserError: one number occurs twice.
    """
    root = next((place for place in (folder, folder / "Task03_Liver") if (place / _IMAGES).is_dir()), None)
    if root is None:
        return (), ()
    images, labels = _files_by_number(root / _IMAGES), _files_by_number(root / _LABELS)
    both = sorted(images.keys() & labels.keys())
    left_out = (
        *without_partner(images, both, f"it has no {_LABELS}"),
        *without_partner(labels, both, f"it has no {_IMAGES}"),
    )
    return tuple(FileScan(volumes.stem(images[number]), images[number], labels[number]) for number in both), left_out


def _files_by_number(folder: Path) -> dict[int, Path]:
    """Files by number; macOS's ``._liver_N`` begin with another name."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("liver_*")):
        named = _MSD_NAME.match(path.name)
        if named:
            number = int(named[1])
            refuse_repeated_name(found.get(number), path)
            found[number] = path
    return found


_CT, _MASKS = "PATIENT_DICOM", "MASKS_DICOM"
_PATIENT = re.compile(r"3dircadb1\.(\d+)", re.IGNORECASE)
_TUMOUR = "livertumor"
_OFF_MM = 0.01
_READER = "GDCMImageIO"
"""The mark of a DICOM file, whatever else it begins as: its first bytes are free."""


@dataclass(frozen=True)
class MaskScan(VolumeScan):
    """A CT whose labels are folders of DICOM masks on its own grid.

    Args:
        liver: folder of the liver's mask.
        tumours: folders of the tumours' masks.
    """

    liver: Path
    tumours: tuple[Path, ...]

    @property
    def sources(self) -> tuple[Path, ...]:
        return self.ct, self.liver, *self.tumours

    def grid(self) -> ScanGrid:
        files = _images(self.ct)
        if not files:
            msg = f"{self.ct} holds no DICOM images: unzip the patient's {_CT} again."
            raise UserError(msg)
        try:
            reader, ends = _read_header(files[0]), [_position_of(files[0]), _position_of(files[-1])]
        except RuntimeError as error:
            msg = f"{self.ct} holds images that are damaged: unzip the patient's {_CT} again."
            raise UserError(msg) from error
        (columns, rows), (column_mm, row_mm) = reader.GetSize()[:2], reader.GetSpacing()[:2]
        slice_mm = float(np.linalg.norm(ends[1] - ends[0])) / max(1, len(files) - 1)
        return ScanGrid((len(files), rows, columns), (slice_mm or 1.0, row_mm, column_mm))

    def read_labels(self, volume: Volume) -> tuple[NDArray[np.uint8], str]:
        labels, doubt = np.zeros(volume.voxels.shape, np.uint8), ""
        masks = [(self.liver, LIVER.label), *((tumour, LESION.label) for tumour in self.tumours)]
        for folder, label in masks:
            inside, first = _read_mask(folder, volume.affine[:3, 2])
            if inside.shape != labels.shape:
                msg = f"{folder} does not lie on its CT's voxels: unzip the patient's folders again."
                raise UserError(msg)
            labels[inside] = label
            if not np.allclose(first, volume.affine[:3, 3], atol=_OFF_MM):
                doubt = "CT and masks state different places; they were taken voxel by voxel."
        return labels, doubt


def find_ircadb(folder: Path) -> tuple[tuple[MaskScan, ...], tuple[LeftOut, ...]]:
    """The scans of a folder, or of the one in it that the archive unpacks to, and what is left out; by number.

    Raises:
        UserError: a patient occurs twice.
    """
    found = [_scan(f"3Dircadb1.{number}", place) for number, place in sorted(_patients(folder).items())]
    scans = tuple(each for each in found if isinstance(each, MaskScan))
    return scans, tuple(each for each in found if isinstance(each, LeftOut))


def _patients(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in sorted((*folder.glob("*"), *folder.glob("*/3[Dd]ircadb1.*"))):
        match = _PATIENT.fullmatch(path.name)
        if not match or not path.is_dir():
            continue
        if int(match[1]) in found:
            msg = f"{found[int(match[1])]} and {path} are the same patient: take one of them out of the folder."
            raise UserError(msg)
        found[int(match[1])] = path
    return found


def _scan(name: str, folder: Path) -> MaskScan | LeftOut:
    for part in (_CT, _MASKS):
        if not (folder / part).is_dir():
            zipped = (folder / f"{part}.zip").is_file()
            return LeftOut(name=name, reason=f"its {part} is still zipped" if zipped else f"it has no {part}")
    masks = folder / _MASKS
    masks = masks / _MASKS if (masks / _MASKS).is_dir() else masks  # as some programs unzip it
    if not (masks / "liver").is_dir():
        return LeftOut(name=name, reason=f"its {_MASKS} holds no liver")
    tumours = (path for path in sorted(masks.iterdir()) if path.name.lower().startswith(_TUMOUR) and path.is_dir())
    return MaskScan(name, folder / _CT, masks / "liver", tuple(tumours))


def _read_mask(folder: Path, upwards: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The voxels above a mask's least number, its slices in the CT's order, and its first voxel's place in RAS.

    The masks need not say that they are CT, so :mod:`LiverTumorSegLib.io.dicom_series` would refuse them. The least
    number is that outside also where a mask repeats the CT's rescale intercept.

    Args:
        folder: of the mask's DICOM files.
        upwards: direction of the CT's slices in RAS.
    """
    files = _images(folder)
    if not files:
        msg = f"{folder} holds no DICOM images: unzip the patient's {_MASKS} again."
        raise UserError(msg)
    try:
        places = {file: _position_of(file) for file in files}
        ordered = sorted(files, key=lambda file: float(places[file] @ upwards))
        refuse_too_many_voxels((*_read_header(files[0]).GetSize()[:2], len(files)), folder)
        values = sitk.GetArrayFromImage(sitk.ReadImage(ordered, imageIO=_READER))
    except RuntimeError as error:
        msg = f"{folder} holds images that are damaged or differ in size: unzip the patient's {_MASKS} again."
        raise UserError(msg) from error
    return values > values.min(), places[ordered[0]]


def _images(folder: Path) -> tuple[str, ...]:
    """The DICOM images of a folder, in which GDCM would wait for a pipe.

    Raises:
        UserError: something in it is neither a file nor a folder.
    """
    other = next((path for path in sorted(folder.iterdir()) if not (path.is_file() or path.is_dir())), None)
    if other is not None:
        msg = (
            f"{other} is not a regular file but a device, a pipe, a socket or a broken link: take it out of the folder."
        )
        raise UserError(msg)
    found: tuple[str, ...] = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    return found


def _position_of(file: str) -> NDArray[np.float64]:
    return LPS_TO_RAS @ np.array(_read_header(file).GetOrigin())


def _read_header(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READER)
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader


LayoutName = Literal["lits", "3dircadb1", "msd", "slices"]

_FINDERS: dict[LayoutName, Callable[[Path], tuple[tuple[LabelledScan, ...], tuple[LeftOut, ...]]]] = {
    "lits": find_lits,
    "3dircadb1": find_ircadb,
    "msd": find_msd,
    "slices": slice_folders.find,
}
_TITLES: dict[LayoutName, str] = {
    "lits": "LiTS",
    "3dircadb1": "3D-IRCADb-01",
    "msd": "MSD Task03_Liver",
    "slices": "slice pictures",
}
_EXPECTED = (
    "volume-N.nii with segmentation-N.nii (LiTS), 3Dircadb1.N with PATIENT_DICOM and MASKS_DICOM (3D-IRCADb-01), "
    "imagesTr with labelsTr (MSD Task03_Liver), or images with masks (slices)"
)


@dataclass(frozen=True)
class Layout:
    """A data set on disk.

    Args:
        folder: where it is.
        kind: which it is.
        scans: each with its labels, by number or name.
        left_out: what has no partner, and why.
    """

    folder: Path
    kind: LayoutName
    scans: tuple[LabelledScan, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def title(self) -> str:
        """The data set's name."""
        return _TITLES[self.kind]


def find(folder: Path) -> Layout:
    """Recognise the data set that a folder holds.

    Raises:
        UserError: it is not a folder, holds none or several of the data sets, or nothing that is complete.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder: give the folder of a data set."
        raise UserError(msg)
    found = {kind: look(folder) for kind, look in _FINDERS.items()}
    kinds = [kind for kind, (scans, left_out) in found.items() if scans or left_out]
    if len(kinds) != 1:
        holds = " and ".join(_TITLES[kind] for kind in kinds) or "no data set of a known kind"
        mend = "give the folder of one of them" if kinds else f"there should be {_EXPECTED}"
        msg = f"{folder} holds {holds}: {mend}."
        raise UserError(msg)
    scans, left_out = found[kinds[0]]
    if not scans:
        first = left_out[0]
        msg = f"{folder} holds {_TITLES[kinds[0]]}, but no CT with its labels: of {first.name}, {first.reason}."
        raise UserError(msg)
    return Layout(folder, kinds[0], scans, left_out)


@dataclass(frozen=True)
class ScanFiles:
    """A CT and its labels.

    Args:
        patient: the CT's name without its ending; nothing out of its header.
        ct: file, or folder of DICOM files.
        labels: file of 0 background, 1 liver, 2 lesion.
    """

    patient: str
    ct: Path
    labels: Path


def pair_in_order(cts: Sequence[Path], labels: Sequence[Path]) -> list[ScanFiles]:
    """Pair CTs and labels in their order.

    Raises:
        UserError: they are not as many, or two CTs have one name.
    """
    if len(cts) != len(labels):
        msg = f"{len(cts)} CTs and {len(labels)} segmentations were given: give --labels once for each CT, in order."
        raise UserError(msg)
    pairs = [ScanFiles(volumes.stem(ct.resolve()), ct, mask) for ct, mask in zip(cts, labels, strict=True)]
    names = [pair.patient for pair in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        msg = f"Several CTs are called {double}, which names their slices: rename all but one."
        raise UserError(msg)
    return pairs


def pair_in_folder(folder: Path) -> tuple[list[ScanFiles], tuple[LeftOut, ...]]:
    """Find ``volume-N.nii[.gz]`` and ``segmentation-N.nii[.gz]`` in a folder and those in it, by ascending N.

    A volume without its segmentation, or the reverse, is left out, as Kulkarni et al. (section 3.1) do.

    Raises:
        UserError: there is no pair, or one name occurs twice.
    """
    both, left_out = match_lits(folder)
    if not both:
        msg = f"{folder} holds no volume-N.nii with its segmentation-N.nii: give CTs, and --labels for each."
        raise UserError(msg)
    return [ScanFiles(f"volume-{number}", *paths) for number, paths in both.items()], left_out

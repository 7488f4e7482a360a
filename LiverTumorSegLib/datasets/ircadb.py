"""3D-IRCADb-01: ``3Dircadb1.N/PATIENT_DICOM`` with ``MASKS_DICOM/liver`` and one folder a tumour, if any.

What counts as tumour is every folder whose name begins with ``livertumor`` (``livertumor01``, ``livertumors``, ...).
Cysts (``livercyst``, ``liverkyst``) stay liver, as in LiTS; tumours of the adrenal glands (``leftsurretumor``) are none
of the liver's. Where masks overlap, the lesion wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from ..files.itk import LPS_TO_RAS
from ..segments import LESION, LIVER
from ..volume import Volume
from .dump import LeftOut
from .scans import Grid, VolumeScan

_CT, _MASKS = "PATIENT_DICOM", "MASKS_DICOM"
_PATIENT = re.compile(r"3dircadb1\.(\d+)", re.IGNORECASE)
_TUMOUR = "livertumor"
_OFF_MM = 0.01


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

    def grid(self) -> Grid:
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(self.ct))
        if not files:
            msg = f"{self.ct} holds no DICOM images: unzip the patient's {_CT} again."
            raise UserError(msg)
        try:
            reader, ends = _header(files[0]), [_place(files[0]), _place(files[-1])]
        except RuntimeError as error:
            msg = f"{self.ct} holds images that are damaged: unzip the patient's {_CT} again."
            raise UserError(msg) from error
        (columns, rows), (column_mm, row_mm) = reader.GetSize()[:2], reader.GetSpacing()[:2]
        slice_mm = float(np.linalg.norm(ends[1] - ends[0])) / max(1, len(files) - 1)
        return Grid((len(files), rows, columns), (slice_mm or 1.0, row_mm, column_mm))

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


def find(folder: Path) -> tuple[tuple[MaskScan, ...], tuple[LeftOut, ...]]:
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
            msg = f"{found[int(match[1])]} and {path} are one patient: take one of them out of the folder."
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
    """Where a mask is not its least number, its slices in the CT's order, and the place of its first voxel in RAS.

    The masks need not say that they are CT, so :mod:`LiverTumorSegLib.files.dicom` would refuse them. The least number
    is that outside also where a mask repeats the CT's rescale intercept.

    Args:
        folder: of the mask's DICOM files.
        upwards: direction of the CT's slices in RAS.
    """
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    if not files:
        msg = f"{folder} holds no DICOM images: unzip the patient's {_MASKS} again."
        raise UserError(msg)
    try:
        places = {file: _place(file) for file in files}
        ordered = sorted(files, key=lambda file: float(places[file] @ upwards))
        values = sitk.GetArrayFromImage(sitk.ReadImage(ordered))
    except RuntimeError as error:
        msg = f"{folder} holds images that are damaged or differ in size: unzip the patient's {_MASKS} again."
        raise UserError(msg) from error
    return values > values.min(), places[ordered[0]]


def _place(file: str) -> NDArray[np.float64]:
    return LPS_TO_RAS @ np.array(_header(file).GetOrigin())


def _header(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader

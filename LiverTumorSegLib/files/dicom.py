"""A folder of DICOM files: one CT series, placed by the positions its slices state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from .itk import LPS_TO_RAS
from .stored import Stored

_TAGS = {
    "position": "0020|0032",
    "orientation": "0020|0037",
    "spacing": "0028|0030",
    "modality": "0008|0060",
    "description": "0008|103e",
}


_SHIFT_MM = 1.0


@dataclass(frozen=True)
class _Slice:
    file: str
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    spacing: tuple[float, float]
    modality: str


def read(folder: Path, series: str | None = None) -> Stored:
    """Read the CT series of a folder and the folders in it.

    Args:
        folder: where the files are.
        series: UID of the series, or the end of it; needed where there are several.

    Raises:
        UserError: no DICOM, several series, no CT, slices missing or doubled, or damaged files.
    """
    files = _choose(_series(folder), series, folder)
    slices = _in_order([_describe(file) for file in files], folder)
    other = next((s.modality for s in slices if s.modality != "CT"), None)
    if other is not None:
        msg = f"{folder} holds {other or 'images of no stated kind'}, not CT: give a CT series."
        raise UserError(msg)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([s.file for s in slices])
    try:
        voxels = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        msg = f"{folder} holds images that are damaged or differ in size: export the series again."
        raise UserError(msg) from error
    if voxels.ndim != 3:
        msg = f"{folder} holds images in colour or with several numbers a voxel: give a CT series."
        raise UserError(msg)
    return Stored(voxels, _affine(slices))


def _series(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())]:
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(place)):
            found.setdefault(uid, []).extend(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(place), uid))
    return found


def _choose(found: dict[str, list[str]], series: str | None, folder: Path) -> list[str]:
    if not found:
        msg = f"{folder} holds no DICOM images: give the folder of a CT series."
        raise UserError(msg)
    fitting = [uid for uid in found if series is None or uid.endswith(series)]
    if len(fitting) == 1:
        return found[fitting[0]]
    listed = "; ".join(f"{uid} ({_words(files)})" for uid, files in sorted(found.items()))
    wrong = "several" if series is None else "no single one that ends so among its"
    msg = f"{folder} holds {wrong} series: choose one with --series: {listed}."
    raise UserError(msg)


def _words(files: list[str]) -> str:
    tags = _tags(files[0])
    words = [tags["modality"].strip(), tags["description"].strip(), f"{len(files)} images"]
    return ", ".join(word for word in words if word)


def _describe(file: str) -> _Slice:
    tags = _tags(file)
    try:
        position = np.array(_numbers(tags["position"], 3))
        orientation = np.array(_numbers(tags["orientation"], 6)).reshape(2, 3)
        rows, columns = _numbers(tags["spacing"], 2)
    except ValueError as error:
        msg = f"{file} does not say where its image lies in the patient: give a CT series."
        raise UserError(msg) from error
    if min(rows, columns) <= 0 or not np.allclose(orientation @ orientation.T, np.eye(2), atol=1e-3):
        msg = f"{file} states a spacing that is not positive or directions that are not at right angles: mend it."
        raise UserError(msg)
    return _Slice(file, position, orientation, (rows, columns), tags["modality"].strip())


def _tags(file: str) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        msg = f"{file} is damaged or holds no image: export the series again."
        raise UserError(msg) from error
    return {name: reader.GetMetaData(tag) if reader.HasMetaDataKey(tag) else "" for name, tag in _TAGS.items()}


def _numbers(text: str, count: int) -> list[float]:
    numbers = [float(part) for part in text.split("\\")]
    if len(numbers) != count or not np.isfinite(numbers).all():
        msg = f"{count} numbers wanted: {text!r}"
        raise ValueError(msg)
    return numbers


def _in_order(slices: list[_Slice], folder: Path) -> list[_Slice]:
    normal = np.cross(*slices[0].orientation)
    slices = sorted(slices, key=lambda s: float(s.position @ normal))
    if len(slices) < 2:
        msg = f"{folder} holds a single slice of this series: give the whole series."
        raise UserError(msg)
    _refuse_mixed(slices, folder)
    _refuse_gaps(slices, np.diff([float(s.position @ normal) for s in slices]), folder)
    _refuse_shifted(slices, folder)
    return slices


def _refuse_mixed(slices: list[_Slice], folder: Path) -> None:
    first = slices[0]
    if any(
        not np.allclose(s.orientation, first.orientation, atol=1e-3) or not np.allclose(s.spacing, first.spacing)
        for s in slices
    ):
        msg = f"{folder} mixes slices of different direction or spacing in one series: give the axial slices alone."
        raise UserError(msg)


def _refuse_gaps(slices: list[_Slice], gaps: NDArray[np.float64], folder: Path) -> None:
    usual = float(np.median(gaps))
    if gaps.min() < 0.01:
        at = slices[int(gaps.argmin())].position[2]
        msg = f"{folder} holds two slices at one place (z = {at:.1f} mm): keep one acquisition."
        raise UserError(msg)
    if not np.allclose(gaps, usual, rtol=0.05, atol=0.02):
        worst = int(np.abs(gaps - usual).argmax())
        msg = (
            f"{folder} has slices {gaps[worst]:.2f} mm apart after z = {slices[worst].position[2]:.1f} mm and "
            f"{usual:.2f} mm elsewhere: slices are missing, or resample it to even spacing."
        )
        raise UserError(msg)


def _refuse_shifted(slices: list[_Slice], folder: Path) -> None:
    places = np.array([s.position for s in slices])
    straight = np.linspace(places[0], places[-1], len(places))
    off = np.linalg.norm(places - straight, axis=1)
    if off.max() > _SHIFT_MM:
        at = places[int(off.argmax()), 2]
        msg = f"{folder} has a slice {off.max():.1f} mm out of line at z = {at:.1f} mm: export the series again."
        raise UserError(msg)


def _affine(slices: list[_Slice]) -> NDArray[np.float64]:
    first, last = slices[0], slices[-1]
    along_columns, along_rows = first.orientation
    affine = np.eye(4)
    affine[:3, 0] = LPS_TO_RAS @ along_columns * first.spacing[1]
    affine[:3, 1] = LPS_TO_RAS @ along_rows * first.spacing[0]
    affine[:3, 2] = LPS_TO_RAS @ (last.position - first.position) / (len(slices) - 1)
    affine[:3, 3] = LPS_TO_RAS @ first.position
    return affine

"""NIfTI through nibabel, which keeps sheared affines exactly."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ..errors import UserError
from ..volume import Volume
from ..whole_files import whole_file
from .stored import Stored

_DAMAGED = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error, ImageFileError, HeaderDataError)
_UNITS_MM = {1: 1000.0, 3: 0.001}
"""NIfTI's codes of metres and micrometres; all others, also those that are none, are taken for millimetres."""

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # what is wrong is said once, by the errors raised here


def read(path: Path) -> Stored:
    """Read a three-dimensional NIfTI file.

    Raises:
        UserError: it is damaged, no NIfTI, not three-dimensional, in colour, or its spacing is not positive.
    """
    image = _opened(path)
    try:
        stored = np.asanyarray(image.dataobj.get_unscaled())
    except _DAMAGED as error:
        msg = f"{path} ends too early or is damaged: get the file again."
        raise UserError(msg) from error
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    grid = stored.reshape(stored.shape[:3], order="F").transpose(2, 1, 0)
    return Stored(grid, _affine(image), slope, intercept, _warnings(image))


def grid(path: Path) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
    """Voxels along k, j and i, and the affine, from the header alone.

    Raises:
        UserError: as :func:`read`, but for what is behind the header.
    """
    image = _opened(path)
    i, j, k = image.shape[:3]
    return (k, j, i), _affine(image)


def write_labels(path: Path, labels: NDArray[np.uint8], volume: Volume) -> None:
    """Write labels; the affine goes into the sform, and into the qform where that can hold it."""
    _save(path, labels, volume)


def write_volume(path: Path, volume: Volume, *, overwrite: bool = False) -> None:
    """Write a CT.

    Raises:
        UserError: the file exists, or cannot be written.
    """
    with whole_file(path, overwrite=overwrite) as unfinished:
        _save(unfinished, volume.voxels, volume)


def write_scaled(path: Path, levels: NDArray[np.uint16], slope: float, volume: Volume) -> None:
    """Write numbers that any reader multiplies by the slope."""
    _save(path, levels, volume, slope)


def _save(path: Path, voxels: NDArray, volume: Volume, slope: float | None = None) -> None:
    image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0), volume.affine)
    if slope is not None:
        image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code="scanner")
    image.set_qform(volume.affine, code="unknown" if volume.is_sheared else "scanner")
    nibabel.save(image, path)


def _opened(path: Path) -> nibabel.Nifti1Image:
    try:
        image = nibabel.load(path)
    except _DAMAGED as error:
        msg = f"{path} is not a NIfTI file that can be read: get or export it again."
        raise UserError(msg) from error
    if not isinstance(image, (nibabel.Nifti1Image, nibabel.Nifti2Image)):
        msg = f"{path} is not a NIfTI file but {type(image).__name__}: export it as NIfTI."
        raise UserError(msg)
    _check_kind(image, path)
    _check_spacing(image, path)
    return image


def _affine(image: nibabel.Nifti1Image) -> NDArray[np.float64]:
    scale = _UNITS_MM.get(int(image.header["xyzt_units"]) & 7, 1.0)
    affine: NDArray[np.float64] = np.diag([scale] * 3 + [1.0]) @ image.affine
    return affine


def _check_kind(image: nibabel.Nifti1Image, path: Path) -> None:
    shape = image.shape
    if image.get_data_dtype().fields or np.issubdtype(image.get_data_dtype(), np.complexfloating):
        msg = f"{path} holds colours or complex numbers, not one number a voxel: export a volume that does."
        raise UserError(msg)
    if len(shape) < 3 or any(extra != 1 for extra in shape[3:]):
        msg = f"{path} has {len(shape)} dimensions ({' x '.join(map(str, shape))}): give one three-dimensional volume."
        raise UserError(msg)
    if 0 in shape:
        msg = f"{path} has no voxels ({' x '.join(map(str, shape))}): export it again."
        raise UserError(msg)


def _check_spacing(image: nibabel.Nifti1Image, path: Path) -> None:
    with image.file_map["image"].get_prepare_fileobj("rb") as content:
        spacing = type(image.header).from_fileobj(content, check=False)["pixdim"][1:4]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        msg = f"{path} states a spacing of {' x '.join(f'{mm:g}' for mm in spacing)} mm: mend its header."
        raise UserError(msg)


def _warnings(image: nibabel.Nifti1Image) -> tuple[str, ...]:
    header = image.header
    if not (header["sform_code"] or header["qform_code"]):
        return ("The file does not say how the patient lies; left, right, front and back may be mistaken.",)
    if np.array_equal(image.affine[:3, :3], np.eye(3)):
        return ("The file states 1 mm in every direction and no turn, which is often made up: check every length.",)
    return ()

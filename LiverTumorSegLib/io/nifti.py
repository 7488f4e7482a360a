"""NIfTI through nibabel, which keeps sheared affines exactly."""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Sequence
from errno import ENOMEM
from itertools import product
from math import prod
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ..core.atomic_files import whole_file
from ..core.errors import UserError
from ..core.label_layers import NAMES, LabelLayer, in_one_layer, names_as_text, names_from_text, value_names
from ..core.volume import Volume
from . import deflate
from .limits import refuse_too_many_voxels
from .raw_image import TOO_LARGE, UNPLACED, RawImage

_DAMAGED = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error, ImageFileError, HeaderDataError)
_CUT = "{} ends too early or is damaged: get the file again."
_UNITS_MM = {1: 1000.0, 3: 0.001}
"""NIfTI's codes of metres and micrometres; all others, also those that are none, are taken for millimetres."""

_COMMENT = 6
"""NIfTI's code of extensions of the header that are plain text."""

_SINGLE = (b"n+1", b"n+2")
"""Marks of a file that holds both header and voxels."""

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # what is wrong is said once, by the errors raised here
warnings.filterwarnings("ignore", module=r"nibabel\.")


def read(path: Path) -> RawImage:
    """Read a three-dimensional NIfTI file.

    Raises:
        UserError: it is damaged, no NIfTI, not three-dimensional, in colour, larger than the memory, or its spacing is
            not positive.
    """
    image = _opened(path)
    _refuse_short(image, path)
    try:
        stored = _unpacked(image, path) if _is_packed(path) else np.asanyarray(image.dataobj.get_unscaled())
    except _DAMAGED as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == ENOMEM:
            raise UserError(TOO_LARGE.format(path)) from error
        raise UserError(_CUT.format(path)) from error
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    grid = stored.reshape(stored.shape[:3], order="F").transpose(2, 1, 0)
    return RawImage(grid, _affine(image), slope, intercept, _warnings(image))


def read_grid(path: Path) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
    """Voxels along k, j and i, and the affine, from the header alone.

    Raises:
        UserError: as :func:`read`, but for what is behind the header.
    """
    image = _opened(path)
    i, j, k = image.shape[:3]
    return (k, j, i), _affine(image)


def write_labels(path: Path, labels: NDArray[np.uint8], volume: Volume, layers: Sequence[LabelLayer] = ()) -> None:
    """Write labels; the affine goes into the sform, and into the qform where that can hold it.

    With layers over each other a comment behind the header names the values.
    """
    said = f"{NAMES}:={names_as_text(value_names(labels, layers))}" if layers else ""
    _save(path, in_one_layer(labels, layers), volume, comment=said)


def names(path: Path) -> dict[int, str]:
    """Names of the values that a file of this program states; none of others.

    Raises:
        UserError: its header is damaged.
    """
    comments = (each.get_content() for each in _opened(path).header.extensions if each.get_code() == _COMMENT)
    texts = (text.decode(errors="replace") if isinstance(text, bytes) else str(text) for text in comments)
    said = (text.strip("\0 \n").partition(":=") for text in texts)
    return next((names_from_text(names) for key, _, names in said if key == NAMES), {})


def write_volume(path: Path, volume: Volume, *, overwrite: bool = False) -> None:
    """Write a CT.

    Raises:
        UserError: the file exists, or cannot be written.
    """
    with whole_file(path, overwrite=overwrite) as unfinished:
        _save(unfinished, volume.voxels, volume)


def write_mask(path: Path, mask: NDArray[np.bool_], volume: Volume) -> None:
    """Write one structure as 1, and 0 elsewhere."""
    _save(path, mask.astype(np.uint8), volume)


def write_scaled(path: Path, levels: NDArray[np.uint16], slope: float, volume: Volume) -> None:
    """Write numbers that any reader multiplies by the slope."""
    _save(path, levels, volume, slope)


def _save(path: Path, voxels: NDArray, volume: Volume, slope: float | None = None, comment: str = "") -> None:
    image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0), volume.affine)
    if slope is not None:
        image.header.set_slope_inter(slope, 0)
    if comment:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(_COMMENT, comment.encode()))
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
    _check_header(image, path)
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
    refuse_too_many_voxels(shape[:3], path)


def _check_header(image: nibabel.Nifti1Image, path: Path) -> None:
    """Refuse what nibabel mends or leaves out without a word."""
    with image.file_map["image"].get_prepare_fileobj("rb") as content:
        header = type(image.header).from_fileobj(content, check=False)
    spacing = header["pixdim"][1:4]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        msg = f"{path} states a spacing of {' x '.join(f'{mm:g}' for mm in spacing)} mm: correct its header."
        raise UserError(msg)
    if header["magic"].tobytes().rstrip(b"\0\r\n\x1a") not in _SINGLE:
        msg = f"{path} is the header of a pair (.hdr and .img): export it as one NIfTI file."
        raise UserError(msg)
    if header["vox_offset"] < header.single_vox_offset:  # nibabel would take the header itself for voxels
        msg = f"{path} states that its voxels begin within its header (vox_offset): export it again."
        raise UserError(msg)
    if np.isinf(header["scl_slope"]):
        msg = f"{path} states an infinite slope for its voxels: correct its header."
        raise UserError(msg)


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _unpacked(image: nibabel.Nifti1Image, path: Path) -> NDArray:
    """Voxels as stored, of a file that is whole: nibabel would leave its end unread."""
    offset = image.dataobj.offset
    content = deflate.read_gzip(path, offset + _bytes(image))
    if content is None:
        raise UserError(_CUT.format(path))
    return np.frombuffer(content, image.get_data_dtype(), prod(image.shape), offset).reshape(image.shape, order="F")


def _bytes(image: nibabel.Nifti1Image) -> int:
    return prod(map(int, image.shape)) * int(image.get_data_dtype().itemsize)


def _refuse_short(image: nibabel.Nifti1Image, path: Path) -> None:
    """Refuse a file that cannot hold the voxels that it states, before memory is asked for."""
    holds = path.stat().st_size * (deflate.HIGHEST_RATIO if _is_packed(path) else 1)
    if image.dataobj.offset + _bytes(image) > holds:
        raise UserError(_CUT.format(path))


def _warnings(image: nibabel.Nifti1Image) -> tuple[str, ...]:
    header = image.header
    if not (header["sform_code"] or header["qform_code"]):
        return (UNPLACED,)
    made_up = np.array_equal(image.affine[:3, :3], np.eye(3))
    sentences = {
        "The file states 1 mm in every direction and no turn, which is often made up: check every length.": made_up,
        "The file states two places that differ, sform and qform; the sform was taken: check where left is.": (
            header["sform_code"] and header["qform_code"] and not _do_forms_agree(image)
        ),
    }
    return tuple(sentence for sentence, applies in sentences.items() if applies)


def _do_forms_agree(image: nibabel.Nifti1Image) -> bool:
    """Whether sform and qform place every voxel within half a voxel of each other."""
    try:
        apart = (image.header.get_qform() - image.affine)[:3]
    except (ValueError, HeaderDataError):  # no turn at all
        return False
    corners = [[*corner, 1] for corner in product(*((0, size - 1) for size in image.shape[:3]))]
    farthest = np.linalg.norm(apart @ np.transpose(corners), axis=0).max()
    return bool(farthest <= np.linalg.norm(image.affine[:3, :3], axis=0).min() / 2)

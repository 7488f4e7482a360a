"""NRRD and MetaImage through SimpleITK."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from ..quiet import quiet_libraries
from ..volume import Volume
from . import packed_voxels, stated, text_header
from .detached import voxel_place
from .stored import TOO_LARGE, Stored
from .text_header import TextHeader

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])

_DAMAGED = "{} ends too early, is damaged or states an impossible geometry: get or export it again."

_MOST = 1 << 36
"""Voxels, beyond which their bytes are miscounted."""

_READERS = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
"""Whatever a file of such a name holds, no other of ITK's readers is tried on it."""

sitk.ProcessObject.SetGlobalWarningDisplay(False)


def read(path: Path) -> Stored:
    """Read a three-dimensional file with one number a voxel.

    Raises:
        UserError: it is damaged, not three-dimensional, holds several numbers a voxel, is larger than the memory, or
            states lengths that are not in mm.
    """
    reader, header = _reader(path)
    _check_kind(reader, path)
    warnings = stated.check(reader, header)
    try:
        with quiet_libraries():
            image = reader.Execute()
    except RuntimeError as error:
        words = TOO_LARGE if "Failed to allocate memory" in str(error) else _DAMAGED
        raise UserError(words.format(path)) from error
    grid = _grid(image)
    if not packed_voxels.is_whole(header, grid):
        raise UserError(_DAMAGED.format(path))
    affine = affine_of(image.GetDirection(), image.GetSpacing(), image.GetOrigin())
    return Stored(grid, affine, warnings=warnings)


def fields(path: Path) -> dict[str, str]:
    """What a header says beside the geometry, without reading a voxel.

    Raises:
        UserError: it is damaged.
    """
    return _fields(_reader(path)[0])


def write_labels(path: Path, labels: NDArray[np.uint8], volume: Volume) -> None:
    """Write labels as a compressed image."""
    write(path, image_of(labels, volume))


def write(path: Path, image: sitk.Image) -> None:
    """Write an image, compressed.

    Raises:
        UserError: the format cannot hold the image.
    """
    refuse_name(path)
    try:
        sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
    except RuntimeError as error:
        msg = f"{path.name} could not be written: {str(error).strip().splitlines()[-1]}."
        raise UserError(msg) from error


def image_of(labels: NDArray[np.uint8], volume: Volume) -> sitk.Image:
    """Labels as a SimpleITK image in the place of the volume."""
    return placed(labels, volume.affine)


def placed(array: NDArray, affine: NDArray[np.float64]) -> sitk.Image:
    """``[k, j, i]`` as a SimpleITK image in the place that its affine to RAS gives it."""
    image = sitk.GetImageFromArray(array)
    axes = LPS_TO_RAS @ affine[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((axes / spacing).ravel().tolist())
    image.SetOrigin((LPS_TO_RAS @ affine[:3, 3]).tolist())
    return image


def affine_of(
    direction: tuple[float, ...], spacing: tuple[float, ...], origin: tuple[float, ...]
) -> NDArray[np.float64]:
    """Affine to RAS from ITK's direction, spacing and origin in LPS, of the first three of any dimensions."""
    axes = np.reshape(direction, (len(origin), len(origin)))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = LPS_TO_RAS @ axes @ np.diag(spacing[:3])
    affine[:3, 3] = LPS_TO_RAS @ np.array(origin[:3])
    return affine


def refuse_name(path: Path) -> None:
    """Refuse a name that ITK cannot be handed.

    Raises:
        UserError: it is not valid Unicode.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # ITK would end the process
        msg = f"{str(path)!a} has a name that is not valid Unicode: rename it."
        raise UserError(msg) from error


def _reader(path: Path) -> tuple[sitk.ImageFileReader, TextHeader]:
    """What has read the header, and the header as it is in the file, which is let pass before."""
    refuse_name(path)
    header = text_header.read(path)
    voxel_place(header)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[path.suffix.lower()])
    reader.SetFileName(str(path))
    try:
        with quiet_libraries():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise UserError(_DAMAGED.format(path)) from error
    return reader, header


def _fields(reader: sitk.ImageFileReader) -> dict[str, str]:
    found = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    return {key: value.encode(errors="surrogateescape").decode(errors="replace") for key, value in found.items()}


def _check_kind(reader: sitk.ImageFileReader, path: Path) -> None:
    size, count = reader.GetSize(), reader.GetNumberOfComponents()
    if len(size) < 3 or any(extra != 1 for extra in size[3:]):
        msg = f"{path} has {len(size)} dimensions ({' x '.join(map(str, size))}): give one three-dimensional volume."
        raise UserError(msg)
    if count != 1 and "Segment0_Name" in _fields(reader):
        msg = f"{path} holds {count} layers, as its segments overlap: export them as one labelmap."
        raise UserError(msg)
    if count != 1:
        msg = f"{path} holds {count} numbers a voxel, such as colours: export a volume with one number a voxel."
        raise UserError(msg)
    if math.prod(size) > _MOST:
        raise UserError(_DAMAGED.format(path))
    if 0 in size:
        msg = f"{path} has no voxels ({' x '.join(map(str, size))}): export it again."
        raise UserError(msg)
    if not all(0 < mm < np.inf for mm in reader.GetSpacing()):
        stated = " x ".join(f"{mm:g}" for mm in reader.GetSpacing())
        msg = f"{path} states a spacing of {stated} mm: mend its header."
        raise UserError(msg)


def _grid(image: sitk.Image) -> NDArray:
    array = sitk.GetArrayFromImage(image)
    return array.reshape(array.shape[-3:])

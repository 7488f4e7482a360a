"""NRRD and MetaImage through SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import UserError
from ..volume import Volume
from .stored import Stored

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])

_DAMAGED = "{} ends too early, is damaged or states an impossible geometry: get or export it again."

sitk.ProcessObject.SetGlobalWarningDisplay(False)


def read(path: Path) -> Stored:
    """Read a three-dimensional file with one number a voxel.

    Raises:
        UserError: it is damaged, not three-dimensional, or holds several numbers a voxel.
    """
    reader = _reader(path)
    _check_kind(reader, path)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise UserError(_DAMAGED.format(path)) from error
    return Stored(_grid(image), affine_of(image.GetDirection(), image.GetSpacing(), image.GetOrigin()))


def fields(path: Path) -> dict[str, str]:
    """What a header says beside the geometry, without reading a voxel.

    Raises:
        UserError: it is damaged.
    """
    return _fields(_reader(path))


def write_labels(path: Path, labels: NDArray[np.uint8], volume: Volume) -> None:
    """Write labels as a compressed image."""
    write(path, image_of(labels, volume))


def write(path: Path, image: sitk.Image) -> None:
    """Write an image, compressed.

    Raises:
        UserError: the format cannot hold the image.
    """
    _refuse_name(path)
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
    """Affine to RAS from ITK's direction, spacing and origin in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = LPS_TO_RAS @ np.reshape(direction, (3, 3)) @ np.diag(spacing)
    affine[:3, 3] = LPS_TO_RAS @ np.array(origin)
    return affine


def _refuse_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # ITK would end the process
        msg = f"{str(path)!a} has a name that is not valid Unicode: rename it."
        raise UserError(msg) from error


def _reader(path: Path) -> sitk.ImageFileReader:
    """What has read the header."""
    _refuse_name(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise UserError(_DAMAGED.format(path)) from error
    return reader


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
    if not all(0 < mm < np.inf for mm in reader.GetSpacing()):
        stated = " x ".join(f"{mm:g}" for mm in reader.GetSpacing())
        msg = f"{path} states a spacing of {stated} mm: mend its header."
        raise UserError(msg)


def _grid(image: sitk.Image) -> NDArray:
    array = sitk.GetArrayFromImage(image)
    return array.reshape(array.shape[-3:])

"""Arrays as images of SimpleITK, and NRRD as it writes it; read without it in :mod:`.nrrd_metaimage`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.label_layers import NAMES, LabelLayer, in_one_layer, names_as_text, value_names
from ..core.volume import Volume
from .raw_image import LPS_TO_RAS

sitk.ProcessObject.SetGlobalWarningDisplay(False)


def write_labels(path: Path, labels: NDArray[np.uint8], volume: Volume, layers: Sequence[LabelLayer] = ()) -> None:
    """Write labels as a compressed image; with layers over each other the header names the values."""
    image = labels_to_image(in_one_layer(labels, layers), volume)
    if layers:
        image.SetMetaData(NAMES, names_as_text(value_names(labels, layers)))
    write(path, image)


def write(path: Path, image: sitk.Image) -> None:
    """Write an image, compressed.

    Raises:
        UserError: the format cannot hold the image.
    """
    refuse_invalid_name(path)
    try:
        sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
    except RuntimeError as error:
        msg = f"{path.name} could not be written: {str(error).strip().splitlines()[-1]}."
        raise UserError(msg) from error


def labels_to_image(labels: NDArray[np.uint8], volume: Volume) -> sitk.Image:
    """Labels as a SimpleITK image in the place of the volume."""
    return array_to_image(labels, volume.affine)


def array_to_image(array: NDArray, affine: NDArray[np.float64]) -> sitk.Image:
    """``[k, j, i]`` as a SimpleITK image in the place that its affine to RAS gives it."""
    image = sitk.GetImageFromArray(array)
    axes = LPS_TO_RAS @ affine[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((axes / spacing).ravel().tolist())
    image.SetOrigin((LPS_TO_RAS @ affine[:3, 3]).tolist())
    return image


def refuse_invalid_name(path: Path) -> None:
    """Refuse a name that ITK cannot be handed.

    Raises:
        UserError: it is not valid Unicode.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # ITK would end the process
        msg = f"{str(path)!a} has a name that is not valid Unicode: rename it."
        raise UserError(msg) from error

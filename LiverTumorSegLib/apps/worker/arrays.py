"""Arrays with their place, handed from one process to another as uncompressed NRRD files.

NRRD keeps sheared geometry, which NIfTI does not. SimpleITK is loaded when it is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError


def write(path: Path, array: NDArray, affine: NDArray[np.float64]) -> None:
    """Write ``[k, j, i]`` with its affine to RAS.

    Raises:
        UserError: the disk is full or the folder cannot be written to.
    """
    import SimpleITK as sitk

    from ...io.itk import array_to_image

    try:
        sitk.WriteImage(array_to_image(array, affine), str(path), useCompression=False)
    except RuntimeError as error:
        msg = f"{path} cannot be written: free some space on the disk that holds the temporary folder."
        raise UserError(msg) from error


def read(path: Path) -> tuple[NDArray, NDArray[np.float64]]:
    """Read what :func:`write` wrote."""
    import SimpleITK as sitk

    from ...io.itk import affine_from_itk

    image = sitk.ReadImage(str(path))
    affine = affine_from_itk(image.GetDirection(), image.GetSpacing(), image.GetOrigin())
    return sitk.GetArrayFromImage(image), affine

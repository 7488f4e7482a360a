"""Arrays with their place, handed from one process to another as uncompressed NRRD files.

NRRD keeps sheared geometry, which NIfTI does not. SimpleITK is loaded when it is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UserError


def put(path: Path, array: NDArray, affine: NDArray[np.float64]) -> None:
    """Write ``[k, j, i]`` with its affine to RAS.

    Raises:
        UserError: the disk is full or the folder cannot be written to.
    """
    import SimpleITK as sitk

    from .files.itk import placed

    try:
        sitk.WriteImage(placed(array, affine), str(path), useCompression=False)
    except RuntimeError as error:
        msg = f"{path} cannot be written: free some space on the disk that holds the temporary folder."
        raise UserError(msg) from error


def take(path: Path) -> tuple[NDArray, NDArray[np.float64]]:
    """Read what :func:`put` wrote."""
    import SimpleITK as sitk

    from .files.itk import affine_of

    image = sitk.ReadImage(str(path))
    affine = affine_of(image.GetDirection(), image.GetSpacing(), image.GetOrigin())
    return sitk.GetArrayFromImage(image), affine

"""Arrays with their place, handed from one process to another as uncompressed NRRD files.

NRRD keeps sheared geometry, which NIfTI does not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...io import nrrd_metaimage, nrrd_output


def write(path: Path, array: NDArray, affine: NDArray[np.float64]) -> None:
    """Write ``[k, j, i]`` with its affine to RAS.

    Raises:
        UserError: the disk is full or the folder cannot be written to.
    """
    try:
        nrrd_output.write_uncompressed(path, array, affine)
    except OSError as error:
        msg = f"{path} cannot be written: free some space on the disk that holds the temporary folder."
        raise UserError(msg) from error


def read(path: Path) -> tuple[NDArray, NDArray[np.float64]]:
    """Read what :func:`write` wrote.

    Raises:
        UserError: the file is not there, or damaged.
    """
    image = nrrd_metaimage.read(path)
    return image.values, image.affine

"""Probabilities of liver and lesions, a NIfTI file each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import refuse_existing, refuse_unwritable, whole_file
from ..core.errors import UserError
from ..core.volume import Volume


def paths(folder: Path, name: str, structures: Iterable[str]) -> dict[str, Path]:
    """Files for the probabilities of each structure: ``NAME_liver.nii.gz`` and ``NAME_lesion.nii.gz``."""
    return {structure: folder / f"{name}_{structure}.nii.gz" for structure in structures}


def check(files: Collection[Path], *, overwrite: bool = False) -> None:
    """Refuse files before any work is done for them.

    Raises:
        UserError: one exists, or the folder cannot be written to.
    """
    for path in files:
        refuse_existing(path, overwrite=overwrite)
        refuse_unwritable(path)


def check_grid(volume: Volume) -> None:
    """Refuse a volume whose grid the files cannot hold.

    Raises:
        UserError: it is sheared, which other programs do not open as NIfTI.
    """
    if volume.is_sheared:
        msg = "NIfTI cannot hold this CT's tilted slices (gantry tilt): resample it first, or ask for no probabilities."
        raise UserError(msg)


def write(
    files: Mapping[str, Path],
    levels: Mapping[str, NDArray[np.uint16]],
    certain: int,
    volume: Volume,
    *,
    overwrite: bool = False,
) -> None:
    """Write probabilities on the volume's grid, in 16 bits with a slope, so that any reader of NIfTI gives 0 to 1.

    Args:
        files: of :func:`paths`.
        levels: ``[k, j, i]`` of each structure.
        certain: the level that stands for 1.
        volume: the CT, of a grid that :func:`check_grid` lets pass.
        overwrite: replace what is there.

    Raises:
        UserError: a file exists, or the folder cannot be written to.
    """
    from . import nifti  # and with it nibabel and pydicom

    for structure, path in files.items():
        with whole_file(path, overwrite=overwrite) as unfinished:
            nifti.write_scaled(unfinished, levels[structure], 1 / certain, volume)

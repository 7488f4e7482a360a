"""CTs that their file holds and the memory does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .case import Case, Refused
from .formats import metaimage, nifti, nrrd
from .grid import BODY

SIZE = (1000, 1000, 1200)
"""Voxels of 2 bytes along i, j and k: more than :data:`odd_volumes.attempt.MEMORY`."""

SIZES = " ".join(map(str, SIZE))
CENTIMETRE = BODY.with_axes(BODY.affine[:3, :3] @ np.diag([0.5, 0.5, 0.5]))
HEADERS = {
    "ct.nii": nifti(CENTIMETRE, dim=[3, *SIZE, 1, 1, 1, 1]),
    "ct.nrrd": nrrd(CENTIMETRE, sizes=SIZES),
    "ct.mha": metaimage(CENTIMETRE, DimSize=SIZES),
}


def sparse(name: str, content: bytes) -> Callable[[Path], Path]:
    """A file with a hole at its end, which takes no room on a disk."""

    def make(folder: Path) -> Path:
        with (folder / name).open("wb") as file:
            file.write(content)
            file.truncate(len(content) + 2 * int(np.prod(SIZE)))
        return folder / name

    return make


CASES = [
    Case(f"{name} larger than the memory", sparse(name, content), Refused("more memory than there is"))
    for name, content in HEADERS.items()
]

"""One mask a structure, a NIfTI file each, as users of TotalSegmentator know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import refuse_folder, refuse_unwritable, whole_folder
from ..core.errors import UserError
from ..core.labels import LESION_LABEL
from ..core.structures import STRUCTURES
from ..core.volume import Volume
from ..inference.segment import Segmentation
from .lesions import LesionTable

ENDING = ".nii.gz"
_LIVER, _LESION = "liver", "lesion"
_KNOWN = frozenset(f"{name}{ENDING}" for name in (_LIVER, _LESION, *STRUCTURES))


@dataclass(frozen=True)
class SeparateMasks:
    """A folder with a mask of 0 and 1 for each structure; that of the liver has its lesions in it.

    The other kinds of output are in :mod:`.outputs`.

    Args:
        folder: for ``liver.nii.gz``, ``lesion.nii.gz`` and one for each other structure, by the names of
            :data:`LiverTumorSegLib.core.structures.STRUCTURES`; it appears whole or not at all.
        overwrite: replace it, where it holds nothing else.
    """

    folder: Path
    overwrite: bool = False
    stage: ClassVar[str] = "Writing masks"

    def files(self, marks: Sequence[str]) -> list[Path]:
        """Those of liver and lesion, by what is marked, and those of other structures that are there."""
        others = [self.folder / f"{name}{ENDING}" for name in STRUCTURES]
        own = [self.folder / f"{name}{ENDING}" for name in marks[1:]]
        return [*own, *(path for path in others if path.is_file())]

    def check(self, marks: Sequence[str], source: Path | None) -> None:  # noqa: ARG002
        """Refuse a folder that is there already, or holds other things, the CT among them."""
        if source is not None and source.exists() and source.resolve().parent == self.folder.resolve():
            msg = f"{self.folder} is the folder of the CT: choose another one for the masks."
            raise UserError(msg)
        refuse_folder(self.folder, overwrite=self.overwrite, holds=_KNOWN)
        refuse_unwritable(self.folder / f"{_LESION}{ENDING}")

    def check_volume(self, volume: Volume) -> None:
        """Refuse a sheared grid, which NIfTI cannot hold."""
        if volume.is_sheared:
            msg = "NIfTI cannot hold this CT's tilted slices (gantry tilt): resample it first, or leave --separate out."
            raise UserError(msg)

    def write(self, found: Segmentation, table: LesionTable) -> tuple[str, ...]:  # noqa: ARG002
        """Write a mask for each structure that was looked for, also where it was not found.

        Where two models looked for one structure, the mask is that of the first, which is told.
        """
        from ..io import nifti  # and with it nibabel and pydicom

        remarks, written = [], set()
        with whole_folder(self.folder, overwrite=self.overwrite, holds=_KNOWN) as unfinished:
            for name, model, mask in _masks(found):
                if name in written:
                    remarks.append(f"Two models looked for {name}: its mask is not that of {model}.")
                    continue
                written.add(name)
                nifti.write_mask(unfinished / f"{name}{ENDING}", mask, found.volume)
        return tuple(remarks)


def _masks(found: Segmentation) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Name, name of the model, and ``[k, j, i]`` of each structure."""
    if _LIVER in found.marks:
        yield _LIVER, found.model.name, found.labels > 0
    if _LESION in found.marks:
        yield _LESION, found.model.name, found.labels == LESION_LABEL
    for other in found.others:
        for name in other.names:
            yield name, other.model.name, other.labels == STRUCTURES[name].label

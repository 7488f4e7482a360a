"""Which data set a folder holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from . import ircadb, lits, msd, slice_folders
from .dump import LeftOut
from .scans import Scan

Kind = Literal["lits", "3dircadb1", "msd", "slices"]

_FINDERS: dict[Kind, Callable[[Path], tuple[tuple[Scan, ...], tuple[LeftOut, ...]]]] = {
    "lits": lits.find,
    "3dircadb1": ircadb.find,
    "msd": msd.find,
    "slices": slice_folders.find,
}
_TITLES: dict[Kind, str] = {
    "lits": "LiTS",
    "3dircadb1": "3D-IRCADb-01",
    "msd": "MSD Task03_Liver",
    "slices": "slice pictures",
}
_EXPECTED = (
    "volume-N.nii with segmentation-N.nii (LiTS), 3Dircadb1.N with PATIENT_DICOM and MASKS_DICOM (3D-IRCADb-01), "
    "imagesTr with labelsTr (MSD Task03_Liver), or images with masks (slices)"
)


@dataclass(frozen=True)
class Layout:
    """A data set on disk.

    Args:
        folder: where it is.
        kind: which it is.
        scans: each with its labels, by number or name.
        left_out: what has no partner, and why.
    """

    folder: Path
    kind: Kind
    scans: tuple[Scan, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def title(self) -> str:
        """What the data set is called."""
        return _TITLES[self.kind]


def find(folder: Path) -> Layout:
    """Recognise the data set that a folder holds.

    Raises:
        UserError: it is no folder, holds none or several of the data sets, or nothing that is complete.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder: give the folder of a data set."
        raise UserError(msg)
    found = {kind: look(folder) for kind, look in _FINDERS.items()}
    kinds = [kind for kind, (scans, left_out) in found.items() if scans or left_out]
    if len(kinds) != 1:
        holds = " and ".join(_TITLES[kind] for kind in kinds) or "no data set that is known here"
        mend = "give the folder of one of them" if kinds else f"there should be {_EXPECTED}"
        msg = f"{folder} holds {holds}: {mend}."
        raise UserError(msg)
    scans, left_out = found[kinds[0]]
    if not scans:
        first = left_out[0]
        msg = f"{folder} holds {_TITLES[kinds[0]]}, but no CT with its labels: of {first.name}, {first.reason}."
        raise UserError(msg)
    return Layout(folder, kinds[0], scans, left_out)

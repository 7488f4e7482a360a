"""A scan of a patient with its lesions: what two time points are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.labels import LIVER_LABEL
from ..core.volume import Volume
from ..io.dicom_header import read_elements
from ..reporting.ct_identity import find_ct_date
from ..reporting.lesions import LesionTable, measure_lesions, number_lesions
from .liver_images import ends_in_liver

_SHIFTED_DAYS = (
    "The dates were changed when the images were de-identified: days between them hold only if all were shifted alike."
)
_SHIFTED = "LongitudinalTemporalInformationModified"


@dataclass(frozen=True)
class Scan:
    """A CT at one point in time.

    Args:
        name: of its file or folder, as the user knows it.
        volume: the CT.
        labels: uint8 ``[k, j, i]`` on its grid: 0 background, 1 liver, 2 lesion.
        table: measures of the lesions in this scan.
        taken: the day; None where it is not known.
        patient: the patient's ID; empty where the file has none.
        notes: doubts about the day, a sentence each.

    Example:
        >>> from datetime import date
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> scan = lts.Scan.measured("before", volume, lts.segment(volume).labels, taken=date(2026, 3, 31))
        >>> scan.taken.isoformat()
        '2026-03-31'
    """

    name: str
    volume: Volume
    labels: NDArray[np.uint8]
    table: LesionTable
    taken: date | None = None
    patient: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def measured(
        cls,
        name: str,
        volume: Volume,
        labels: NDArray[np.uint8],
        table: LesionTable | None = None,
        taken: date | None = None,
    ) -> Scan:
        """A scan with its measures, and with day and patient where the CT came as DICOM.

        Args:
            name: of its file or folder.
            volume: the CT.
            labels: on its grid.
            table: where lesions are measured already.
            taken: in place of the day that the file states.

        Raises:
            UserError: no liver is marked, by which CTs are laid over each other.
        """
        if not (labels == LIVER_LABEL).any():
            also = " but lesions" if labels.any() else ""
            msg = (
                f"No liver is marked in {name}{also}, and CTs are compared by their livers: segment it first with a "
                "model that marks the liver, or choose another CT."
            )
            raise UserError(msg)
        stated, patient, notes = _stated(volume)
        found = measure_lesions(labels, volume) if table is None else table
        return cls(name, volume, labels, found, taken or stated, patient, () if taken else notes)

    @cached_property
    def numbers(self) -> NDArray[np.unsignedinteger]:
        """``[k, j, i]``: the number of the lesion that a voxel belongs to, 0 elsewhere."""
        values = number_lesions(self.labels, self.volume, self.table)
        return np.where(values > 1, values - 1, 0).astype(values.dtype)

    @cached_property
    def fingerprint(self) -> str:
        """What tells this CT from any other, whatever it is called: of its voxels alone, 16 hexadecimal digits."""
        content = sha256(str(self.volume.voxels.shape).encode())
        content.update(np.ascontiguousarray(self.volume.voxels).data)
        return content.hexdigest()[:16]

    @cached_property
    def is_cut(self) -> bool:
        """Whether it ends inside the liver, whose volume is then not known."""
        return any(ends_in_liver(self.volume.axial.of(self.labels)))

    @cached_property
    def cut_lesions(self) -> tuple[int, ...]:
        """Numbers of the lesions that reach the first or last slice, so that they may go on beyond it."""
        seen = self.volume.axial.of(self.numbers)
        return tuple(int(number) for number in np.unique(seen[[0, -1]]) if number)

    @property
    def slice_mm(self) -> float:
        """Between axial slices."""
        return self.volume.axial.spacing[0]


def _stated(volume: Volume) -> tuple[date | None, str, tuple[str, ...]]:
    """Day and patient as the first image of a DICOM series states them, and what speaks against the day."""
    if not volume.images:
        return None, "", ()
    image = read_elements(volume.images[0], [_SHIFTED, "PatientID"])
    patient, changed = str(image.get("PatientID", "") or ""), str(image.get(_SHIFTED, "") or "")
    if changed.upper() == "REMOVED":
        return None, patient, ()
    stated = find_ct_date(volume)
    shifted = bool(stated) and changed.upper() == "MODIFIED"
    return date.fromisoformat(stated) if stated else None, patient, (_SHIFTED_DAYS,) if shifted else ()


def read_dates(words: Sequence[str], count: int) -> tuple[date | None, ...]:
    """Days as a user gives them, one for each scan.

    Args:
        words: such as ``2026-03-31``; none where they are not given.
        count: of the scans.

    Raises:
        UserError: there are more or fewer, or one is no day.
    """
    if not words:
        return (None,) * count
    if len(words) != count:
        msg = f"There are {count} CTs and {len(words)} dates: give --dates once for each CT."
        raise UserError(msg)
    return tuple(_date_of(word) for word in words)


def _date_of(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError as error:
        msg = f"“{word}” is not a date: write it as 2026-03-31."
        raise UserError(msg) from error


def check_series(scans: Sequence[Scan], *, other_patients: bool = False) -> None:
    """Refuse scans that cannot be compared.

    Args:
        scans: in the order in which they are to be compared.
        other_patients: take them though their patient IDs differ.

    Raises:
        UserError: their patient IDs differ, or a later one was taken before an earlier one.
    """
    _refuse([_Head(scan.name, scan.taken, scan.patient) for scan in scans], other_patients)


def check_volumes(
    names: Sequence[str], volumes: Sequence[Volume], days: Sequence[date | None], *, other_patients: bool = False
) -> None:
    """Refuse CTs that cannot be compared, before they are segmented.

    Args:
        names: of their files or folders.
        volumes: in the order in which they are to be compared.
        days: in place of those that the files state.
        other_patients: take them though their patient IDs differ.

    Raises:
        UserError: as :func:`check_series`.
    """
    told = [_stated(volume) for volume in volumes]
    heads = [
        _Head(name, day or stated, patient) for name, day, (stated, patient, _) in zip(names, days, told, strict=True)
    ]
    _refuse(heads, other_patients)


class _Head(NamedTuple):
    name: str
    taken: date | None
    patient: str


def _refuse(heads: Sequence[_Head], other_patients: bool) -> None:
    if len({head.patient for head in heads if head.patient}) > 1 and not other_patients:
        msg = (
            "The CTs state different patient IDs: choose CTs of one patient, or say that they are of one "
            "(--same-patient)."
        )
        raise UserError(msg)
    for before, after in pairwise(heads):
        if before.taken and after.taken and before.taken > after.taken:
            days = (before.taken - after.taken).days
            msg = f"{after.name} was taken {days} days before {before.name}: give the earlier CT first."
            raise UserError(msg)


def days_between(before: Scan, after: Scan) -> int | None:
    """Days from one scan to the other; None where a day is not known, or both are of one day."""
    if before.taken is None or after.taken is None:
        return None
    return (after.taken - before.taken).days or None

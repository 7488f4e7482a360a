"""What a user said of pairs of lesions, kept in a file so that it holds when the comparison is made again.

Lesions are known by a voxel in each CT, and CTs by their voxels: numbers change when a CT is segmented again, and files
are renamed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..core.atomic_files import refuse_existing, whole_file
from ..core.errors import UserError
from ..core.text_files import read_text, to_csv
from ..reporting.lesion_notes import NEAR_MM, Voxel
from .scan import Scan

EDITS_FILE = "pairs.csv"

Kind = Literal["pair", "unpair", "was there"]

COLUMNS = ("said", "lesion_before", "lesion_after", "voxel_before", "voxel_after", "ct_before", "ct_after")


@dataclass(frozen=True)
class PairEdit:
    """A sentence of a user about two lesions, or about one that was there before, unmarked.

    Args:
        kind: whether they are one lesion, are not, or the later one was there before.
        cts: fingerprints of the earlier and the later CT, see :attr:`.scan.Scan.fingerprint`.
        voxels: ``(i, j, k)`` in the earlier lesion and in the later one; None where there is no earlier one.
        numbers: of the lesions when it was said, for readers alone.
    """

    kind: Kind
    cts: tuple[str, str]
    voxels: tuple[Voxel | None, Voxel]
    numbers: tuple[int | None, int]

    @classmethod
    def of(cls, kind: Kind, earlier: Scan, later: Scan, before: int | None, after: int) -> PairEdit:
        """What is said of lesions by their present numbers, which have to be there."""
        voxels = None if before is None else _voxel(earlier, before), _voxel(later, after)
        return cls(kind, (earlier.fingerprint, later.fingerprint), voxels, (before, after))

    def is_about(self, earlier: Scan, later: Scan) -> bool:
        """Whether these are the CTs that it was said of."""
        return self.cts == (earlier.fingerprint, later.fingerprint)

    def replaces(self, other: PairEdit) -> bool:
        """Whether it is about the same lesions, so that the other one counts no longer."""
        return (self.cts, self.voxels) == (other.cts, other.voxels)


def add_edits(before: Iterable[PairEdit], more: Iterable[PairEdit]) -> tuple[PairEdit, ...]:
    """Edits in their order; of several about the same lesions the last one."""
    found: list[PairEdit] = []
    for edit in (*before, *more):
        found = [each for each in found if not edit.replaces(each)] + [edit]
    return tuple(found)


def lesion_at(scan: Scan, voxel: Voxel) -> int | None:
    """Number of the lesion at a voxel ``(i, j, k)``, or else of the nearest one within 5 mm; None without any."""
    at, spacing, shape = np.array(voxel)[::-1], np.array(scan.volume.spacing), np.array(scan.numbers.shape)
    if (at < 0).any() or (at >= shape).any():
        return None
    reach = np.ceil(NEAR_MM / spacing).astype(int)
    first, end = np.maximum(at - reach, 0), np.minimum(at + reach + 1, shape)
    near = scan.numbers[tuple(map(slice, first, end))]
    places = np.argwhere(near)
    away = np.linalg.norm((places + first - at) * spacing, axis=1)
    if not len(away) or away.min() > NEAR_MM:
        return None
    return int(near[tuple(places[away.argmin()])])


def read_edits(path: Path) -> tuple[PairEdit, ...]:
    """Read what :func:`write_edits` wrote, perhaps without some of its lines.

    Raises:
        UserError: the file cannot be read, or a line is none of its kind.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read as a table of pairs: choose the pairs.csv of a comparison."
        raise UserError(msg) from error
    return tuple(_edit_of(row, line, path) for line, row in enumerate(rows, start=2))


def write_edits(path: Path, edits: Iterable[PairEdit], *, overwrite: bool = False) -> None:
    """Write a line an edit.

    Raises:
        UserError: the file exists and ``overwrite`` is not set, or it cannot be written.
    """
    with whole_file(path, overwrite=overwrite) as unfinished:
        unfinished.write_text(to_csv(COLUMNS, map(_row, edits)), encoding="utf-8")


class KeptEdits:
    """What was said of pairs before; what is said now is added to it, and nothing of it is lost.

    Args:
        target: file beside the report.
        source: file that is read; None for the same one, which need not be there.
        overwrite: replace the target with what another source says.

    Raises:
        UserError: the source cannot be read, or the target would be replaced unasked.
    """

    def __init__(self, target: Path, source: Path | None = None, *, overwrite: bool = False) -> None:
        self._is_own = source is None or source.absolute() == target.absolute()
        refuse_existing(target, overwrite=overwrite or self._is_own)
        self._target = target
        self.edits = read_edits(source or target) if source or target.exists() else ()

    def write(self, said: Iterable[PairEdit]) -> list[Path]:
        """Write all of it, and name the file, where there is anything that the file does not say yet."""
        edits = add_edits(self.edits, said)
        if not edits or (self._is_own and edits == self.edits):
            return []
        write_edits(self._target, edits, overwrite=True)
        return [self._target]


def _voxel(scan: Scan, number: int) -> Voxel:
    return next(one.inside_voxel for one in scan.table.lesions if one.number == number)


def _row(edit: PairEdit) -> dict[str, str | int | None]:
    before, after = (None if voxel is None else " ".join(map(str, voxel)) for voxel in edit.voxels)
    values = (edit.kind, *edit.numbers, before, after, *edit.cts)
    return dict(zip(COLUMNS, values, strict=True))


def _edit_of(row: dict[str, str], line: int, path: Path) -> PairEdit:
    try:
        kind = next(each for each in get_args(Kind) if each == row["said"].strip())
        alone = kind == "was there"
        voxel = None if alone else _voxel_of(row["voxel_before"])
        number = None if alone else int(row["lesion_before"])
        voxels = voxel, _voxel_of(row["voxel_after"])
        return PairEdit(kind, (row["ct_before"], row["ct_after"]), voxels, (number, int(row["lesion_after"])))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        msg = f"{path}, line {line}, says nothing of a pair: remove the line, or the file, and say it again."
        raise UserError(msg) from error


def _voxel_of(words: str) -> Voxel:
    i, j, k = map(int, words.split())
    return i, j, k

"""Persons that several data sets hold, of whom one scan is used: LiTS 28 to 47 are 3D-IRCADb-01 1 to 20.

Two scans of a person would count twice in a mean and, where slices are drawn, be on both sides of a split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...datasets.layouts import Layout
from ...datasets.splits import IRCADB_IN_LITS, patient_of

_TRUE_SPACING = {f"volume-{number}" for number in IRCADB_IN_LITS}
"""Persons whose spacing LiTS states wrongly and 3D-IRCADb-01 does not."""


class RepeatedPerson(NamedTuple):
    """A scan that is left out, since its person is there already.

    Args:
        left_out: its name.
        left_out_of: folder of its data set.
        kept: name of the scan that is used.
        kept_in: folder of that one's data set.
    """

    left_out: str
    left_out_of: Path
    kept: str
    kept_in: Path


def find_repeated_persons(found: Sequence[Layout]) -> tuple[RepeatedPerson, ...]:
    """Scans that are left out, by the published numbering, see :func:`LiverTumorSegLib.datasets.splits.patient_of`.

    The scan of the data set that was given first stays; of those whose spacing LiTS states wrongly, that of
    3D-IRCADb-01.

    Args:
        found: data sets in the order in which they were given.
    """
    scans: defaultdict[str, list[tuple[Layout, str]]] = defaultdict(list)
    for layout in found:
        for scan in layout.scans:
            scans[patient_of(scan.name)].append((layout, scan.name))
    repeated = []
    for person, those in scans.items():
        true = [one for one in those if person in _TRUE_SPACING and one[0].kind == "3dircadb1"]
        layout, name = (true or those)[0]
        repeated += [
            RepeatedPerson(other, of.folder, name, layout.folder)
            for of, other in those
            if of.folder != layout.folder  # of one data set, who is who is its own business
        ]
    return tuple(repeated)


def repeated_in_words(repeated: Sequence[RepeatedPerson]) -> str:
    """A sentence; empty where nobody is repeated."""
    if not repeated:
        return ""
    pairs = defaultdict(list)
    for one in repeated:
        pairs[one.left_out_of.resolve().name, one.kept_in.resolve().name].append(one)
    told = []
    for (left_out_of, kept_in), those in pairs.items():
        first, last = those[0], those[-1]
        names = f"{first.left_out} is {first.kept}" + (f" to {last.left_out} is {last.kept}" if len(those) > 1 else "")
        told.append(f"{len(those)} of {left_out_of}, who are taken from {kept_in} ({names})")
    return f"Persons who are in several data sets by their numbers are counted once: {'; '.join(told)}."

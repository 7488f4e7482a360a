"""Two scans of one patient compared: who is which lesion, what has changed, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ..core.progress import Job
from ..reporting.lesions import MANY_LESIONS
from . import links as pairing
from .changes import Change, Totals, compare
from .liver_images import prepare
from .matching import Link, match
from .pair_edits import Kind, PairEdit, add_edits, lesion_at
from .placing import place_lesions
from .recist import SumOfDiameters, add_diameters, choose_targets, measurable_mm
from .registration import Registration, register
from .scan import Scan, days_between

_THICK_MM = 5.0
_OTHER_PHASE_HU = 25.0
_OTHER_LIVER = 1.18
"""How many times as large as the other a liver is at most in one patient who had no part of it taken out."""

_PREPARED, _REGISTERED = 0.2, 0.85

SAME_SCAN = "Both are the same CT: nothing has changed."


@dataclass(frozen=True)
class Comparison:
    """What became of the lesions between two scans.

    Args:
        earlier: taken first.
        later: of the same patient.
        registration: where points of the later scan lie in the earlier one; it serves the pairing alone.
        links: every lesion in one of them.
        targets: numbers of the earlier scan's lesions whose diameters are added up.
        earlier_sums: of diameters in scans before both, in mm, the baseline first, None where one is not known.
        same: whether both are one CT.
        targets_gone: whether targets of scans before both had all gone in the earlier one.
        targets_lost: whether a target was out of view in a scan before the later one.
        edits: what a user said of pairs of these two CTs, by which it can be said again.
        remarks: what was said and cannot be any more, a sentence each.
    """

    earlier: Scan
    later: Scan
    registration: Registration
    links: tuple[Link, ...]
    targets: tuple[int, ...]
    earlier_sums: tuple[float | None, ...] = ()
    same: bool = False
    targets_gone: bool = False
    targets_lost: bool = False
    edits: tuple[PairEdit, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def days(self) -> int | None:
        """From the earlier scan to the later one; None where that is not known."""
        return days_between(self.earlier, self.later)

    @property
    def changes(self) -> tuple[Change, ...]:
        """A row a link."""
        return compare(self.links, self.earlier.table.lesions, self.later.table.lesions, self.days)

    @property
    def totals(self) -> Totals:
        """Sums over all lesions."""
        before, after = self.earlier.table, self.later.table
        return Totals(
            (len(before.lesions), len(after.lesions)),
            (before.lesion_ml, after.lesion_ml),
            (None if self.earlier.is_cut else before.liver_ml, None if self.later.is_cut else after.liver_ml),
        )

    @property
    def sum_of_diameters(self) -> SumOfDiameters:
        """Of the targets."""
        cut = self.earlier.cut_lesions, self.later.cut_lesions
        found = add_diameters(self.changes, self.targets, self.earlier_sums, cut, lost=self.targets_lost)
        return replace(found, all_gone=self.targets_gone)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before trusting the table, a sentence each."""
        found = [SAME_SCAN] if self.same else [*self.registration.notes, *_doubts(self.earlier, self.later)]
        found += self._small_targets()
        return tuple(dict.fromkeys((*found, *self.earlier.notes, *self.later.notes, *self.remarks)))

    def _small_targets(self) -> Iterator[str]:
        least = measurable_mm(self.earlier.slice_mm)
        for one in () if self.earlier_sums else self.earlier.table.lesions:
            if one.number in self.targets and one.axial_diameter_mm < least:
                yield (
                    f"Target lesion {one.number} measures {one.axial_diameter_mm:.1f} mm at first: RECIST 1.1 takes "
                    f"targets from {least:.0f} mm."
                )

    def with_pair(self, earlier: int, later: int) -> Comparison:
        """The comparison after a user said that these two are one lesion."""
        return self._edited(pairing.pair(self.links, earlier, later), "pair", earlier, later)

    def without_pair(self, earlier: int, later: int) -> Comparison:
        """The comparison after a user said that these two are not one lesion; saying it again changes nothing."""
        if any(edit.kind == "unpair" and self._numbers(edit) == (earlier, later) for edit in self.edits):
            return self
        return self._edited(pairing.unpair(self.links, earlier, later), "unpair", earlier, later)

    def was_there(self, later: int) -> Comparison:
        """The comparison after a user saw that a lesion that is new was there before, unmarked."""
        return self._edited(pairing.was_there(self.links, later), "was there", None, later)

    def with_edits(self, edits: Iterable[PairEdit]) -> Comparison:
        """The comparison after what a user said of an earlier one of the same CTs is said again.

        Lesions are found by their places. What cannot be said any more is left out with a remark, and kept in
        :attr:`edits`; what was said of other CTs is passed by.
        """
        found = self
        for edit in edits:
            if edit.is_about(self.earlier, self.later):
                found = replace(found._said_again(edit), edits=add_edits(found.edits, (edit,)))
        return found

    def _edited(self, links: tuple[Link, ...], kind: Kind, before: int | None, after: int) -> Comparison:
        edit = PairEdit.of(kind, self.earlier, self.later, before, after)
        return replace(self, links=links, edits=add_edits(self.edits, (edit,)))

    def _numbers(self, edit: PairEdit) -> tuple[int | None, int | None]:
        """Of the lesions that it is about, as they are now."""
        before, after = edit.voxels
        return None if before is None else lesion_at(self.earlier, before), lesion_at(self.later, after)

    def _said_again(self, edit: PairEdit) -> Comparison:
        (before, after), (was, now) = self._numbers(edit), edit.numbers
        if after is None or (was is not None and before is None):
            which = f"lesion {now} of the later" if after is None else f"lesion {was} of the earlier"
            return self._without(f"no lesion is marked any more where {which} CT was")
        if before is None:
            if any(after in link.later and link.earlier for link in self.links):
                return self._without(f"lesion {after} of the later CT is paired with an earlier one now")
            return replace(self, links=pairing.was_there(self.links, after))
        if edit.kind == "pair":
            return replace(self, links=pairing.pair(self.links, before, after))
        if any(before in link.earlier and after in link.later for link in self.links):
            return replace(self, links=pairing.unpair(self.links, before, after))
        return self

    def _without(self, reason: str) -> Comparison:
        return replace(self, remarks=(*self.remarks, f"What you said of a pair was left out: {reason}."))


def compare_scans(
    earlier: Scan,
    later: Scan,
    *,
    targets: Sequence[int] | None = None,
    earlier_sums: Sequence[float | None] = (),
    job: Job | None = None,
) -> Comparison:
    """Compare two scans.

    Args:
        earlier: taken first.
        later: of the same patient.
        targets: numbers of the earlier scan's target lesions; None has them proposed.
        earlier_sums: sums of diameters of the scans before, in mm, the baseline first, None where one is not known.
        job: told what is being done.

    Returns:
        Links between lesions, their changes in ml, mm and percent, sums, and notes.

    Raises:
        Cancelled: the job was.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> labels = lts.segment(volume).labels
        >>> before, after = (lts.Scan.measured(name, volume, labels) for name in ("before", "after"))
        >>> lts.compare_scans(before, after).notes
        ('Both are the same CT: nothing has changed.',)
    """
    task = job or Job()
    chosen = choose_targets(earlier.table.lesions, earlier.slice_mm) if targets is None else tuple(targets)
    if is_same(earlier, later):
        links = tuple(Link((n.number,), (n.number,), "one", "certain") for n in earlier.table.lesions)
        same = Registration(sitk.Transform(), "rigid", (1.0, 1.0))
        return Comparison(earlier, later, same, links, chosen, tuple(earlier_sums), same=True)
    images = []
    for number, scan in enumerate((earlier, later)):
        task.at(number * _PREPARED / 2, "Preparing the livers")
        images.append(prepare(scan.volume, scan.labels, scan.name))
    registration = register(images[0], images[1], task.part(_PREPARED, _REGISTERED))
    task.at(_REGISTERED, "Pairing lesions")
    links = match(place_lesions(earlier, later, registration))
    if not registration.fits:
        links = tuple(replace(link, grade="check") for link in links)
    task.tell(1, "Done")
    return Comparison(earlier, later, registration, links, chosen, tuple(earlier_sums))


def is_same(earlier: Scan, later: Scan) -> bool:
    """Whether two scans are one CT, with one segmentation."""
    one, other = earlier.volume, later.volume
    return (
        one.voxels.shape == other.voxels.shape
        and np.allclose(one.affine, other.affine)
        and np.array_equal(one.voxels, other.voxels)
        and np.array_equal(earlier.labels, later.labels)
    )


def _doubts(earlier: Scan, later: Scan) -> list[str]:
    found = [*_doubts_of(earlier, "earlier"), *_doubts_of(later, "later")]
    if earlier.patient and later.patient and earlier.patient != later.patient:
        found.append("The CTs state different patient IDs, and were compared as those of one patient.")
    volumes = [scan.table.liver_ml for scan in (earlier, later) if scan.table.liver_ml and not scan.is_cut]
    if len(volumes) == 2 and max(volumes) > _OTHER_LIVER * min(volumes):
        found.append(
            f"The livers have {volumes[0]:.0f} and {volumes[1]:.0f} ml: check that both CTs are of one patient, and "
            "that the liver was found whole."
        )
    density = [_liver_hu(scan) for scan in (earlier, later)]
    if abs(density[1] - density[0]) > _OTHER_PHASE_HU:
        found.append(
            f"The livers have {density[0]:.0f} and {density[1]:.0f} HU, as in different phases of contrast: a lesion "
            "may look larger, smaller or be missed for that alone."
        )
    return found


def _doubts_of(scan: Scan, which: str) -> Iterator[str]:
    count = len(scan.table.lesions)
    if count > MANY_LESIONS:
        yield f"The {which} CT has {count} lesions, more than anybody can check the pairs of: look at the sums alone."
    if scan.slice_mm > _THICK_MM:
        yield f"The {which} CT's slices are {scan.slice_mm:.1f} mm apart: diameters and small lesions are uncertain."
    if scan.is_cut:
        yield (
            f"The {which} CT ends inside the liver: volumes of the whole liver are not compared, and lesions beyond "
            "the end are not covered."
        )
    if scan.cut_lesions:
        numbers = " and ".join(map(str, scan.cut_lesions))
        yield f"In the {which} CT, lesion {numbers} reaches the first or last slice: its measures are not whole."


def _liver_hu(scan: Scan) -> float:
    return float(np.median(scan.volume.voxels[scan.labels == 1])) if (scan.labels == 1).any() else 0.0

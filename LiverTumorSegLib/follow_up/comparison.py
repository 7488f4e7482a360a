"""Two scans of one patient compared: who is which lesion, what has changed, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ..core.progress import Job
from . import links as pairing
from .changes import Change, Totals, compare
from .liver_images import prepare
from .matching import Link, match
from .placing import place_lesions
from .recist import SumOfDiameters, add_diameters, choose_targets
from .registration import Registration, register
from .scan import Scan, days_between

_THICK_MM = 5.0
_OTHER_PHASE_HU = 25.0
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
        earlier_sums: of diameters in scans before both, in mm, the baseline first.
        same: whether both are one CT.
    """

    earlier: Scan
    later: Scan
    registration: Registration
    links: tuple[Link, ...]
    targets: tuple[int, ...]
    earlier_sums: tuple[float, ...] = ()
    same: bool = False

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
            (before.liver_ml, after.liver_ml),
        )

    @property
    def sum_of_diameters(self) -> SumOfDiameters:
        """Of the targets."""
        return add_diameters(self.changes, self.targets, self.earlier_sums)

    @property
    def sum_before_mm(self) -> float:
        """The targets' diameters in the earlier scan, added up."""
        return sum(one.axial_diameter_mm for one in self.earlier.table.lesions if one.number in self.targets)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before trusting the table, a sentence each."""
        found = [SAME_SCAN] if self.same else [*self.registration.notes, *_doubts(self.earlier, self.later)]
        return tuple(dict.fromkeys((*found, *self.earlier.notes, *self.later.notes)))

    def with_pair(self, earlier: int, later: int) -> Comparison:
        """The comparison after a user said that these two are one lesion."""
        return replace(self, links=pairing.pair(self.links, earlier, later))

    def without_pair(self, earlier: int, later: int) -> Comparison:
        """The comparison after a user said that these two are not one lesion."""
        return replace(self, links=pairing.unpair(self.links, earlier, later))

    def was_there(self, later: int) -> Comparison:
        """The comparison after a user saw that a lesion that is new was there before, unmarked."""
        return replace(self, links=pairing.was_there(self.links, later))


def compare_scans(
    earlier: Scan,
    later: Scan,
    *,
    targets: Sequence[int] | None = None,
    earlier_sums: Sequence[float] = (),
    job: Job | None = None,
) -> Comparison:
    """Compare two scans.

    Args:
        earlier: taken first.
        later: of the same patient.
        targets: numbers of the earlier scan's target lesions; None has them proposed.
        earlier_sums: sums of diameters of the scans before, in mm, the baseline first.
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
        images.append(prepare(scan.volume, scan.labels))
    registration = register(images[0], images[1], task.part(_PREPARED, _REGISTERED))
    task.at(_REGISTERED, "Pairing lesions")
    links = match(place_lesions(earlier, later, registration))
    if registration.stage != "deformable":
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
    found = []
    for scan, which in ((earlier, "earlier"), (later, "later")):
        if scan.slice_mm > _THICK_MM:
            found.append(
                f"The {which} CT's slices are {scan.slice_mm:.1f} mm apart: diameters and small lesions are uncertain."
            )
    density = [_liver_hu(scan) for scan in (earlier, later)]
    if abs(density[1] - density[0]) > _OTHER_PHASE_HU:
        found.append(
            f"The livers have {density[0]:.0f} and {density[1]:.0f} HU, as in different phases of contrast: a lesion "
            "may look larger, smaller or be missed for that alone."
        )
    return found


def _liver_hu(scan: Scan) -> float:
    return float(np.median(scan.volume.voxels[scan.labels == 1])) if (scan.labels == 1).any() else 0.0

"""The worker's commands on two CTs of one patient: compare, take in what a user says of pairs, write the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...core.errors import UserError
from ...core.progress import Job
from ...core.volume import Volume
from ...follow_up import report
from ...follow_up.comparison import Comparison, compare_scans
from ...follow_up.registration import Registration
from ...follow_up.scan import Scan, check_series, read_dates
from ...follow_up.series import Series
from ...reporting.lesion_numbers import read_numbers
from ...reporting.lesions import LesionTable, measure_lesions
from .compared_scans import Edit, facts_of, links_of, with_edits, with_edits_of, with_rows
from .exchange import Answer, read_pair

_READ = 0.15
Two = Sequence[str]
"""Of the earlier CT and of the later one."""


@dataclass(frozen=True)
class FollowUpCommands:
    """The commands.

    Args:
        base: folder that relative paths start from.
    """

    base: Path = Path()

    def check(self, job: Job, *, names: Two, images: Two = ("", ""), dates: Two = ("", "")) -> Answer:
        """What the CTs' headers say, before any work is done for them.

        Args:
            job: told what is being done.
            names: of the CTs, as the user knows them.
            images: a DICOM image of each; empty where there is none.
            dates: days that the user gave, such as ``2026-03-31``; empty where the image is asked.

        Returns:
            ``other_patients``, whether their patient IDs differ; ``dates``, as ``images`` and user say them.

        Raises:
            UserError: the later one was taken before the earlier one, or a date is none.
        """
        job.at(0, "Reading the volume")
        scans = [self._header(*each) for each in zip(names, images, dates, strict=True)]
        check_series(scans, other_patients=True)
        known = {scan.patient for scan in scans if scan.patient}
        taken = [scan.taken.isoformat() if scan.taken else "" for scan in scans]
        return {"other_patients": len(known) > 1, "dates": taken}

    def compare(
        self,
        job: Job,
        *,
        earlier: str,
        earlier_labels: str,
        later: str,
        later_labels: str,
        transform: str,
        names: Two,
        numbers: Two = ("", ""),
        images: Two = ("", ""),
        dates: Two = ("", ""),
        before: Answer | None = None,
    ) -> Answer:
        """Compare two CTs of one patient, of whom the user knows that they are.

        ``transform``, with the suffix ``.h5`` in place of its own, gets where points of the later CT lie in the earlier
        one, in LPS: an affine transform, or one with a spline before it, which 3D Slicer reads as *from parent*.
        ``numbers`` are those that lesions keep, as for ``measure``; ``names``, ``images`` and ``dates`` are given as to
        :meth:`check`. ``before`` is the answer to an earlier comparison, of which what the user said of pairs is kept
        where the CTs are the same. The answer is that of :func:`.compared_scans.facts_of`, with rows.
        """
        job.at(0, "Reading the volume")
        pairs = ((earlier, earlier_labels), (later, later_labels))
        given = zip(pairs, names, numbers, images, dates, strict=True)
        scans = [self._scan(pair, *more) for pair, *more in given]
        check_series(scans, other_patients=True)
        found = compare_scans(scans[0], scans[1], job=job.part(_READ, 1))
        sitk.WriteTransform(_for_slicer(found.registration.transform), str(Path(transform).with_suffix(".h5")))
        facts = facts_of(found)
        return with_rows(with_edits_of(before, facts, found) if before else facts)

    def change_pairs(self, job: Job, *, compared: Answer, edits: Sequence[Edit]) -> Answer:
        """The answer of :meth:`compare` with all that a user has said of pairs; the first that cannot be is said.

        Raises:
            UserError: there is no such lesion, or it is not paired so.
        """
        job.at(0, "Pairing lesions")
        changed = with_edits(compared, edits)
        if changed["refused"]:
            raise UserError(changed["refused"][0])
        return with_rows(changed)

    def report(
        self,
        job: Job,
        *,
        earlier: str,
        earlier_labels: str,
        later: str,
        later_labels: str,
        transform: str,
        compared: Answer,
        folder: str,
        names: Two,
        numbers: Two = ("", ""),
        overwrite: bool = False,
    ) -> Answer:
        """Write the report of a comparison, with its pairs as they are now, into a folder; nothing is registered again.

        Raises:
            UserError: a file is there already, or the lesions are others than those that were compared.
        """
        target = self.base / folder
        report.check(target, overwrite=overwrite)
        job.at(0.1, "Reading the volume")
        pairs = ((earlier, earlier_labels), (later, later_labels))
        scans = [self._scan(*each, "", "") for each in zip(pairs, names, numbers, strict=True)]
        kept = [[one["number"] for one in side] for side in compared["lesions"]]
        if [[one.number for one in scan.table.lesions] for scan in scans] != kept:
            msg = "The segments were changed since they were compared: compare them again first."
            raise UserError(msg)
        job.at(0.5, "Writing the report")
        found = _compared(_days_apart(scans, compared), sitk.ReadTransform(transform), compared)
        return {"files": [str(path) for path in report.write(target, Series((found,)), overwrite=overwrite)]}

    def _scan(self, pair: tuple[str, str], name: str, numbers: str, image: str, day: str) -> Scan:
        ct, labels = read_pair(*pair)
        table = measure_lesions(labels, ct, numbers=read_numbers(numbers, labels.shape)) if labels.any() else None
        return Scan.measured(name, self._imaged(ct, image), labels, table, _day(day))

    def _header(self, name: str, image: str, day: str) -> Scan:
        """A scan of one voxel, for what its header says."""
        voxel = Volume(np.zeros((1, 1, 1), np.int16), np.eye(4))
        nothing = LesionTable(None, 0.0, None, ())
        return Scan.measured(name, self._imaged(voxel, image), np.ones((1, 1, 1), np.uint8), nothing, _day(day))

    def _imaged(self, ct: Volume, image: str) -> Volume:
        return replace(ct, images=(self.base / image,)) if image else ct


def _days_apart(scans: Sequence[Scan], compared: Answer) -> list[Scan]:
    """Scans as many days apart as those that were compared, with what was noted; the report needs no dates."""
    days = compared["days"]
    taken = [date.min, date.min + timedelta(days)] if days else [None, None]
    return [replace(scan, taken=day, notes=tuple(compared["notes"])) for scan, day in zip(scans, taken, strict=True)]


def _compared(scans: Sequence[Scan], transform: sitk.Transform, compared: Answer) -> Comparison:
    """The comparison that was kept as facts."""
    return Comparison(
        scans[0],
        scans[1],
        Registration(
            transform, compared["stage"], tuple(compared["volume_change"]), tuple(compared["registration_notes"])
        ),
        links_of(compared),
        tuple(compared["targets"]),
        tuple(compared["earlier_sums"]),
        same=compared["same"],
    )


def _day(words: str) -> date | None:
    return read_dates([words], 1)[0] if words else None


def _for_slicer(transform: sitk.Transform) -> sitk.Transform:
    """The same transform of a class that 3D Slicer reads as well."""
    if isinstance(transform, sitk.CompositeTransform):
        return transform
    affine = sitk.AffineTransform(3)
    if hasattr(transform, "GetMatrix"):
        affine.SetMatrix(transform.GetMatrix())
        affine.SetTranslation(transform.GetTranslation())
        affine.SetCenter(transform.GetCenter())
    return affine

"""Quality check of data sets: every scan's shape, geometry, labels and damage, and patients that occur twice.

Patients are recognised by the published numbering and by the content of their files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.ct_quality import Damage
from ..core.errors import UserError
from ..core.labels import LESION, LIVER, bounding_box
from ..core.native_stderr import silence_libraries
from ..core.process_pool import for_each
from ..core.progress import Job
from ..core.volume import Volume
from .scans import ExaminedScan, LabelledScan

if TYPE_CHECKING:
    from .layouts import Layout

Verdict = Literal["same content", "different content", "same content under other names", "not compared"]


@dataclass(frozen=True)
class ScanIdentity:
    """A scan as it is told from others: by name, patient and content.

    Args:
        data: the data set's folder.
        name: of the scan in it.
        patient: whom it should show, as :func:`.splits.patient_of` says.
        unit: what its voxels count; contents are compared within one unit alone.
        content: :func:`content_fingerprint`, None where it could not be read.
    """

    data: str
    name: str
    patient: str
    unit: str = "HU"
    content: str | None = None


@dataclass(frozen=True)
class RepeatedPatient:
    """Two scans that are, or are said to be, of one patient."""

    first: ScanIdentity
    second: ScanIdentity
    verdict: Verdict


def content_fingerprint(voxels: NDArray[np.int16]) -> str:
    """SHA-256 of a CT that no flip, order of axes, offset of its numbers or stated geometry changes.

    The published copies of a patient differ in just these: LiTS 28 to 47 lost the geometry of 3D-IRCADb-01, and with it
    what their axes mean. So it is the content that turns the array: each axis to where the sums of its planes come
    later in lexical order, axes by length and then by these sums; numbers count from the least.

    Args:
        voxels: ``[k, j, i]``.
    """
    sums = [voxels.sum(axis=tuple({0, 1, 2} - {axis}), dtype=np.int64).tolist() for axis in range(3)]
    turned = [max(profile, profile[::-1]) for profile in sums]
    axes = sorted(range(3), key=lambda axis: (len(turned[axis]), turned[axis]))
    steps = tuple(slice(None, None, 1 if sums[axis] == turned[axis] else -1) for axis in axes)
    view, least = voxels.transpose(axes)[steps], int(voxels.min())
    digest = hashlib.sha256(repr(view.shape).encode())
    for plane in view:
        digest.update((plane.astype(np.int32) - least).astype("<u2").tobytes())
    return digest.hexdigest()


def find_repeated_patients(entries: Iterable[ScanIdentity]) -> list[RepeatedPatient]:
    """Pairs of scans with one patient's number or with one content, in the order given."""
    known = list(entries)
    alike = _pairs(known, lambda entry: entry.patient) | _pairs(known, lambda entry: entry.content)
    return [RepeatedPatient(known[a], known[b], _verdict(known[a], known[b])) for a, b in sorted(alike)]


def _pairs(entries: list[ScanIdentity], key: Callable[[ScanIdentity], str | None]) -> set[tuple[int, int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for at, entry in enumerate(entries):
        value = key(entry)
        if value is not None:
            groups[value].append(at)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def _verdict(first: ScanIdentity, second: ScanIdentity) -> Verdict:
    if None in (first.content, second.content) or first.unit != second.unit:
        return "not compared"
    if first.content != second.content:
        return "different content"
    return "same content" if first.patient == second.patient else "same content under other names"


@dataclass(frozen=True)
class ScanReport:
    """The figures of one scan, and its doubtful points.

    Args:
        name: in its data set.
        patient: whom it shows, comparable across data sets.
        size: voxels along the file's axes i, j, k.
        spacing_mm: along the same.
        orientation: towards where i, j and k run, as nibabel's ``aff2axcodes`` names it (``LAS``: left, anterior,
            superior).
        labels: voxels of 0 background, 1 liver and 2 lesion.
        liver_ml: volume of the liver, lesions included.
        lesion_ml: volume of all lesions.
        lesions: how many, connected through faces.
        damaged: damaged slices, counted from 1 at the feet.
        warnings: what is doubtful, a sentence each.
        unit: what the voxels count, ``HU`` or ``grey``.
        content: :func:`content_fingerprint` of the CT's whole slices, None where none is.
    """

    name: str
    patient: str
    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    orientation: str
    labels: tuple[int, int, int]
    liver_ml: float
    lesion_ml: float
    lesions: int
    damaged: tuple[int, ...]
    warnings: tuple[str, ...]
    unit: str
    content: str | None


@dataclass(frozen=True)
class SetReport:
    """The figures of one data set, scan by scan.

    Args:
        layout: the data set.
        scans: those that could be read.
        failed: a sentence for each that could not.
    """

    layout: Layout
    scans: tuple[ScanReport, ...]
    failed: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "folder": str(self.layout.folder),
            "kind": self.layout.kind,
            "scans": [asdict(scan) for scan in self.scans],
            "failed": self.failed,
            "left_out": [entry.model_dump() for entry in self.layout.left_out],
        }


@dataclass(frozen=True)
class QualityReport:
    """The figures of some data sets, and the patients that recur in them.

    Args:
        sets: in the order given.
        twins: scans of one patient.
    """

    sets: tuple[SetReport, ...]
    twins: tuple[RepeatedPatient, ...]

    @property
    def failed(self) -> bool:
        """Whether a scan could not be read."""
        return any(each.failed for each in self.sets)

    @property
    def loads(self) -> dict[str, float]:
        """Tumour load of each scan in ml by name; of a name that several data sets have, the largest."""
        found: dict[str, float] = {}
        for scan in (scan for report in self.sets for scan in report.scans):
            found[scan.name] = max(scan.lesion_ml, found.get(scan.name, 0.0))
        return found

    @property
    def persons(self) -> list[tuple[str, str]]:
        """Pairs of names that are one person."""
        return [(pair.first.name, pair.second.name) for pair in self.twins]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "format": 1,
            "data": [each.to_dict() for each in self.sets],
            "twins": [asdict(pair) for pair in self.twins],
        }


def check_data_sets(layouts: Sequence[Layout], *, processes: int, job: Job) -> QualityReport:
    """Examine every scan of data sets, each in a process where there are several; one that fails stops no other.

    Raises:
        UserError: a data set is given twice.
        Cancelled: the user asked to stop.
    """
    _refuse_twice([layout.folder for layout in layouts])
    places = {f"{layout.folder}: {scan.name}": (layout, scan) for layout in layouts for scan in layout.scans}
    tasks = {key: (scan,) for key, (_, scan) in places.items()}
    done, failed = for_each(tasks, examine_scan, processes, job)
    sets = tuple(
        SetReport(
            layout,
            tuple(report for key, report in done.items() if places[key][0] is layout),
            {places[key][1].name: sentence for key, sentence in failed.items() if places[key][0] is layout},
        )
        for layout in layouts
    )
    return QualityReport(sets, tuple(find_repeated_patients(entry for each in sets for entry in _identities(each))))


def examine_scan(scan: LabelledScan) -> ScanReport:
    """Read one scan and report what it holds.

    Raises:
        UserError: it cannot be read.
    """
    with silence_libraries():
        examined = scan.examine()
    volume, labels, damage, unit = examined
    liver, lesion = (int(np.count_nonzero(labels == each.label)) for each in (LIVER, LESION))
    k, j, i = volume.spacing
    return ScanReport(
        name=scan.name,
        patient=scan.patient,
        size=(labels.shape[2], labels.shape[1], labels.shape[0]),
        spacing_mm=(round(i, 4), round(j, 4), round(k, 4)),
        orientation="".join(nibabel.aff2axcodes(volume.affine)),
        labels=(labels.size - liver - lesion, liver, lesion),
        liver_ml=round((liver + lesion) * volume.voxel_ml, 3),
        lesion_ml=round(lesion * volume.voxel_ml, 3),
        lesions=_lesions(labels),
        damaged=tuple(number + 1 for number in damage.reasons),
        warnings=_warnings(examined),
        unit=unit,
        content=_content(volume, damage),
    )


def _content(volume: Volume, damage: Damage) -> str | None:
    """Checksum of the whole slices: which of two equal ones counts as damaged depends on the order in the file."""
    seen = volume.axial.of(volume.voxels)
    whole = np.delete(seen, list(damage.reasons), axis=0) if damage.reasons else seen
    return content_fingerprint(whole) if len(whole) else None


def _warnings(examined: ExaminedScan) -> tuple[str, ...]:
    volume, labels, damage, _ = examined
    found = (
        damage.in_words(),
        *volume.warnings,
        "" if labels.any() else "Nothing is labelled.",
        "Lesions are labelled, but no liver." if (labels == LESION.label).any() and LIVER.label not in labels else "",
    )
    return tuple(sentence for sentence in found if sentence)


def _lesions(labels: NDArray[np.uint8]) -> int:
    lesion = (labels == LESION.label).astype(np.uint8)
    return int(ndimage.label(lesion[bounding_box(lesion)])[1]) if lesion.any() else 0


def _identities(report: SetReport) -> list[ScanIdentity]:
    """Every scan in the layout's order, those that could not be read without content."""
    read = {scan.name: scan for scan in report.scans}
    folder = str(report.layout.folder)
    return [
        ScanIdentity(folder, scan.name, scan.patient, read[scan.name].unit, read[scan.name].content)
        if scan.name in read
        else ScanIdentity(folder, scan.name, scan.patient)
        for scan in report.layout.scans
    ]


def _refuse_twice(folders: Sequence[Path]) -> None:
    resolved = [folder.resolve() for folder in folders]
    double = next((folder for folder in resolved if resolved.count(folder) > 1), None)
    if double is not None:
        msg = f"{double} is given twice: give each data set once."
        raise UserError(msg)

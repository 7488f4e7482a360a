"""Look at every scan of data sets: shapes, geometry, labels, damage, and who occurs more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..damaged import Damage
from ..errors import UserError
from ..postprocessing import bounds
from ..processes import for_each
from ..progress import Job
from ..quiet import quiet_libraries
from ..segments import LESION, LIVER
from ..volume import Volume
from . import twins
from .scans import Examined, Scan
from .twins import Entry, Twins

if TYPE_CHECKING:  # layouts load torch, which the processes that examine scans do without
    from .layouts import Layout


@dataclass(frozen=True)
class ScanReport:
    """What one scan holds.

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
        content: :func:`.twins.fingerprint` of the CT's whole slices, None where none is.
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
    """What one data set holds.

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
class Check:
    """What some data sets hold.

    Args:
        sets: in the order given.
        twins: scans of one patient.
    """

    sets: tuple[SetReport, ...]
    twins: tuple[Twins, ...]

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


def check(layouts: Sequence[Layout], *, processes: int, job: Job) -> Check:
    """Examine every scan of data sets, each in a process where there are several; one that fails stops no other.

    Raises:
        UserError: a data set is given twice.
        Cancelled: the user asked to stop.
    """
    _refuse_twice([layout.folder for layout in layouts])
    places = {f"{layout.folder}: {scan.name}": (layout, scan) for layout in layouts for scan in layout.scans}
    tasks = {key: (scan,) for key, (_, scan) in places.items()}
    done, failed = for_each(tasks, examine, processes, job)
    sets = tuple(
        SetReport(
            layout,
            tuple(report for key, report in done.items() if places[key][0] is layout),
            {places[key][1].name: sentence for key, sentence in failed.items() if places[key][0] is layout},
        )
        for layout in layouts
    )
    return Check(sets, tuple(twins.find(entry for each in sets for entry in _entries(each))))


def examine(scan: Scan) -> ScanReport:
    """Read one scan and report what it holds.

    Raises:
        UserError: it cannot be read.
    """
    with quiet_libraries():
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
    """What the whole slices hold: which of two equal ones counts as damaged depends on the order in the file."""
    seen = volume.axial.of(volume.voxels)
    whole = np.delete(seen, list(damage.reasons), axis=0) if damage.reasons else seen
    return twins.fingerprint(whole) if len(whole) else None


def _warnings(examined: Examined) -> tuple[str, ...]:
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
    return int(ndimage.label(lesion[bounds(lesion)])[1]) if lesion.any() else 0


def _entries(report: SetReport) -> list[Entry]:
    """Every scan in the layout's order, those that could not be read without content."""
    read = {scan.name: scan for scan in report.scans}
    folder = str(report.layout.folder)
    return [
        Entry(folder, scan.name, scan.patient, read[scan.name].unit, read[scan.name].content)
        if scan.name in read
        else Entry(folder, scan.name, scan.patient)
        for scan in report.layout.scans
    ]


def _refuse_twice(folders: Sequence[Path]) -> None:
    resolved = [folder.resolve() for folder in folders]
    double = next((folder for folder in resolved if resolved.count(folder) > 1), None)
    if double is not None:
        msg = f"{double} is given twice: give each data set once."
        raise UserError(msg)

"""Reports and segmentations of an earlier reading, found by what they state and never by their names.

A report says where a lesion lies by the line of its longest diameter on an image of the CT (TID 1500 of PS3.16, with
the tracking identifiers of TID 1501 and 1411), and a segmentation by its voxels (PS3.3, section C.8.20.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from ..core.errors import UserError
from ..io import dicom_files, dicom_header, dicom_seg, raw_image
from ..reporting import dicom_sr
from ..reporting.dicom_read import concept_code, measurement_groups
from ..reporting.lesion_notes import Voxel
from ..reporting.lesions import Lesion
from ..reporting.source_frames import referenced_slice, slice_identity
from .pair_edits import lesion_at
from .scan import Scan

_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.34")
"""SOP classes of Enhanced, Comprehensive and Comprehensive 3D Structured Reports (PS3.4, annex B.5)."""

_CTS = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
_HEAD_BYTES = 1 << 16
_TRACKING_ID, _TRACKING_UID = "112039", "112040"
_SAME_MM = 1.0
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Tracking:
    """What a lesion is known by in all visits (Tracking Identifier and Tracking Unique Identifier).

    Args:
        uid: the same in each visit.
        name: shown to users.
    """

    uid: str
    name: str


@dataclass(frozen=True)
class VisitImages:
    """A scan with what its DICOM images state.

    Args:
        scan: read from a DICOM series.
        images: one for each index ``k``, see :func:`LiverTumorSegLib.reporting.dicom_common.read_source_images`.
    """

    scan: Scan
    images: tuple[Dataset, ...]

    @property
    def series(self) -> str:
        """Series Instance UID."""
        return str(self.images[0].SeriesInstanceUID)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Index ``k`` of each slice by :func:`LiverTumorSegLib.reporting.source_frames.slice_identity`."""
        return {slice_identity(one): k for k, one in enumerate(self.images)}

    @cached_property
    def uids(self) -> frozenset[str]:
        """SOP Instance UIDs; an enhanced CT has one for many slices."""
        return frozenset(str(one.SOPInstanceUID) for one in self.images)


@dataclass(frozen=True)
class EarlierObjects:
    """Objects in some folders.

    Args:
        reports: the newest first, without those that another one names as its predecessor.
        segmentations: their files.
    """

    reports: tuple[Dataset, ...] = ()
    segmentations: tuple[Path, ...] = ()

    def trackings(self, visit: VisitImages) -> dict[int, Tracking]:
        """What the lesions of a visit were known by, by their present numbers.

        A report on several CTs counts more than one on this CT alone, and that more than a segmentation.
        """
        several = sorted(self.reports, key=lambda report: len(_series_of(report)) < 2)
        found: dict[int, Tracking] = {}
        told = [*(_of_report(one, visit) for one in several), *(_of_file(one, visit) for one in self.segmentations)]
        for named in told:
            for number, tracking in named.items():
                if tracking.uid not in {each.uid for each in found.values()}:
                    found.setdefault(number, tracking)
        return found


def find_objects(
    files: Iterable[Path], folders: Iterable[Path], images: Collection[Path], beside: Iterable[Path] = ()
) -> EarlierObjects:
    """Look for reports and segmentations; what is damaged is passed by, unless a user named it.

    Args:
        files: that a user named.
        folders: looked through with the folders in them.
        images: files of the CTs, which are none.
        beside: folders that are looked through without those in them.

    Raises:
        UserError: a file that was named is neither a report nor a segmentation.
    """
    named = dict.fromkeys(path.absolute() for path in files)
    known = {path.absolute() for path in images}
    listed = [path.absolute() for folder in folders if folder.is_dir() for path in dicom_files.list_files(folder)]
    listed += [path.absolute() for folder in beside if folder.is_dir() for path in sorted(folder.iterdir())]
    reports, segmentations = {}, []
    for file in dict.fromkeys((*named, *listed)):
        if file in known:
            continue
        report = _read_report(file, must=file in named)
        if report is not None:
            reports[str(report.SOPInstanceUID)] = report
        elif dicom_files.is_segmentation(file):
            segmentations.append(file)
        elif file in named:
            msg = f"{file} is neither a DICOM report nor a segmentation: give one of an earlier reading."
            raise UserError(msg)
    old = {uid for report in reports.values() for uid in predecessors(report)}
    newest = sorted((one for uid, one in reports.items() if uid not in old), key=_made, reverse=True)
    return EarlierObjects(tuple(newest), tuple(segmentations))


def predecessors(report: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of the reports that it replaces."""
    return tuple(_instances(report.get("PredecessorDocumentsSequence") or ()))


def is_about(report: Dataset, visits: Sequence[VisitImages]) -> bool:
    """Whether a report names images of exactly these CTs, whatever else it names."""
    return {visit.series for visit in visits} == _series_of(report)


def names_any(report: Dataset, series: Collection[str]) -> bool:
    """Whether a report names images of any of these series."""
    return not _series_of(report).isdisjoint(series)


def _read_report(file: Path, *, must: bool) -> Dataset | None:
    start = dicom_files.read_first_bytes(file, _HEAD_BYTES)
    if not any(uid.encode() in start for uid in _REPORTS):
        return None
    with suppress(*(() if must else (UserError,))), dicom_header.explain_damage(file):
        report = dicom_header.read_dicom_file(file)
        str(report.get("SOPInstanceUID")), len(list(measurement_groups(report)))
        return report if report.get("SOPClassUID") in _REPORTS and report.get("SOPInstanceUID") else None
    return None


def _made(report: Dataset) -> tuple[str, str]:
    return str(report.get("ContentDate", "")), str(report.get("ContentTime", ""))


def _evidence(report: Dataset) -> Iterator[Dataset]:
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        yield from report.get(name) or ()


def _series_of(report: Dataset) -> set[str]:
    """UIDs of the CTs that a report names images of."""
    return {
        str(series.get("SeriesInstanceUID", ""))
        for study in _evidence(report)
        for series in study.get("ReferencedSeriesSequence") or ()
        if any(one.get("ReferencedSOPClassUID") in _CTS for one in series.get("ReferencedSOPSequence") or ())
    }


def _instances(studies: Iterable[Dataset]) -> Iterator[str]:
    for study in studies:
        for series in study.get("ReferencedSeriesSequence") or ():
            for one in series.get("ReferencedSOPSequence") or ():
                yield str(one.get("ReferencedSOPInstanceUID", ""))


def _of_report(report: Dataset, visit: VisitImages) -> dict[int, Tracking]:
    found: dict[int, Tracking] = {}
    if visit.series not in _series_of(report):
        return found
    with suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):  # whatever a foreign report lacks
        for group in measurement_groups(report):
            said = {concept_code(item): item for item in group.get("ContentSequence") or ()}
            line = _line(group, visit)
            if line is not None and _TRACKING_UID in said and (number := _lesion_of(line, visit.scan)):
                uid = UID(str(said[_TRACKING_UID].UID))
                name = str(said[_TRACKING_ID].TextValue) if _TRACKING_ID in said else ""
                if uid.is_valid:
                    found.setdefault(number, Tracking(str(uid), name))
    return found


def _line(group: Dataset, visit: VisitImages) -> NDArray[np.float64] | None:
    """Ends of the longest diameter in RAS mm; None where it lies on another CT's images."""
    for item in group.ContentSequence:
        if concept_code(item) != dicom_sr.LONG_AXIS.value:
            continue
        for drawn in item.get("ContentSequence") or ():
            ends = np.array(drawn.get("GraphicData") or (), np.float64)
            if drawn.ValueType == "SCOORD" and len(ends) == 4:
                k = visit.numbers.get(referenced_slice(drawn.ContentSequence[0].ReferencedSOPSequence[0]))
                if k is not None:
                    voxels = np.column_stack([ends.reshape(2, 2) - 0.5, np.full(2, k)])
                    return np.asarray(voxels @ visit.scan.volume.affine[:3, :3].T + visit.scan.volume.affine[:3, 3])
            elif drawn.ValueType == "SCOORD3D" and len(ends) == 6 and _is_on(group, visit):
                return ends.reshape(2, 3) * _RAS_TO_LPS
    return None


def _is_on(group: Dataset, visit: VisitImages) -> bool:
    """Whether a group names an image of the CT, or none at all."""
    images = [item for item in group.ContentSequence if item.ValueType == "IMAGE"]
    uids = [str(one.ReferencedSOPInstanceUID) for item in images for one in item.ReferencedSOPSequence]
    return not uids or any(uid in visit.uids for uid in uids)


def _lesion_of(line: NDArray[np.float64], scan: Scan) -> int | None:
    """The lesion whose own longest diameter it is, or else that at its middle."""
    for lesion in scan.table.lesions:
        own = np.array(lesion.axial_line_mm)
        if min(np.abs(own - line).max(), np.abs(own[::-1] - line).max()) < _SAME_MM:
            return lesion.number
    affine = scan.volume.affine
    i, j, k = np.rint(np.linalg.solve(affine[:3, :3], line.mean(axis=0) - affine[:3, 3])).astype(int).tolist()
    return lesion_at(scan, (i, j, k))


def _of_file(path: Path, visit: VisitImages) -> dict[int, Tracking]:
    """Of a segmentation with a segment a lesion."""
    with suppress(UserError), dicom_header.explain_damage(path):
        header = dicom_header.read_dicom_file(path)
        named = {str(one.get("SeriesInstanceUID", "")) for one in header.get("ReferencedSeriesSequence") or ()}
        if visit.series in named:
            return _of_segments(path, header, visit)
    return {}


def _of_segments(path: Path, header: Dataset, visit: VisitImages) -> dict[int, Tracking]:
    known = {
        int(item.SegmentNumber): Tracking(str(item.TrackingUID), str(item.get("TrackingID", "")))
        for item in header.SegmentSequence
        if UID(str(item.get("TrackingUID", ""))).is_valid
    }
    found = raw_image.align_to_grid(dicom_seg.read(path), visit.scan.volume.affine)
    if not known or found is None or not raw_image.is_within_grid(*found, visit.scan.volume.voxels.shape):
        return {}
    owners = raw_image.fill_grid(*found, visit.scan.volume.voxels.shape)
    of_lesion = {one.number: int(owners[_index(one)]) for one in visit.scan.table.lesions}
    owned = list(of_lesion.values())
    return {n: known[owner] for n, owner in of_lesion.items() if owner in known and owned.count(owner) == 1}


def _index(lesion: Lesion) -> Voxel:
    i, j, k = lesion.inside_voxel
    return k, j, i

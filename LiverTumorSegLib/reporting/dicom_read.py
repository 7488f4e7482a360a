"""A result of this program read back from its DICOM objects: labels, models, and how each lesion came about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ..core.errors import UserError
from ..core.volume import Volume
from ..io import dicom_header, dicom_seg, raw_image
from . import dicom_common, dicom_sr
from .dicom_revision import DocumentReference
from .lesion_origins import LesionMark, lesion_sizes
from .lesions import Lesion

_WEIGHTS = re.compile(r"weights_sha256=([0-9a-f]{64})")
_TRACKING, _GROUP = "112039", "125007"
"""Codes of DICOM: the name of what is measured, and a group of measurements (TID 1411 of PS3.16)."""

_CLICKS = re.compile(r"(\d{1,6}) click")


@dataclass(frozen=True)
class OpenedObjects:
    """What a Segmentation and its report say.

    Args:
        labels: uint8 ``[k, j, i]`` on the CT's grid: 0 background, 1 liver, 2 lesion.
        model: name of the model that found the lesions.
        serial: beginning of its weights' SHA-256.
        liver_sha256: of the weights of the model that found the liver; empty where nobody says.
        corrected: whether a user corrected the result.
        report: the report; None where it was not given.
        origins: how lesions came about, in words, by the number of their segment; empty where nobody says.
        owners: ``[k, j, i]``, the number of the segment that each voxel is of.
        remarks: what was left out, a sentence each.
    """

    labels: NDArray[np.uint8]
    model: str
    serial: str
    liver_sha256: str
    corrected: bool
    report: DocumentReference | None
    origins: Mapping[int, str]
    owners: NDArray[np.unsignedinteger]
    remarks: tuple[str, ...]

    def marks(self, numbered: NDArray[np.unsignedinteger], lesions: Sequence[Lesion]) -> tuple[LesionMark, ...] | None:
        """What marked the lesions, by what the report says of them; None where it does not say it of all.

        Args:
            numbered: the labels as lesions are numbered.
            lesions: as they were measured.
        """
        made: list[LesionMark] = []
        for lesion, size in zip(lesions, lesion_sizes(numbered), strict=True):
            i, j, k = lesion.inside_voxel
            words = self.origins.get(int(self.owners[k, j, i]))
            if words is None:
                return None
            made += _marks(words, lesion.inside_voxel, size)
        return tuple(made)


def read_objects(segmentation: Path, reports: Sequence[Path], volume: Volume) -> OpenedObjects:
    """Read a Segmentation, and of some reports the one that is about it.

    Args:
        segmentation: its file.
        reports: files of reports of the same study.
        volume: the CT that it is of.

    Raises:
        UserError: it is not of this program, or lies on another CT.
    """
    stored = dicom_seg.read(segmentation)
    with dicom_header.explain_damage(segmentation):
        header = dicom_header.read_dicom_file(segmentation)
        if header.get("Manufacturer") != dicom_common.SOFTWARE:
            msg = f"The segmentation was not made by {dicom_common.SOFTWARE}: open a result of it."
            raise UserError(msg)
        names = dicom_seg.read_segment_names(header)
        report = next(filter(None, (_report_of(str(header.SOPInstanceUID), file) for file in reports)), None)
        of_lesion = _origins(report) if report else {}
        found = raw_image.align_to_grid(stored, volume.affine)
        if found is None or not raw_image.is_within_grid(*found, volume.voxels.shape):
            msg = "The segmentation does not lie on this CT's voxels: open it with the series that it is of."
            raise UserError(msg)
        owners = raw_image.fill_grid(*found, volume.voxels.shape)
        return OpenedObjects(
            labels=_labels(owners, names),
            model=str(header.get("ManufacturerModelName", "")),
            serial=str(header.get("DeviceSerialNumber", "")),
            liver_sha256=_liver_weights(header),
            corrected=", corrected:" in str(header.get("SeriesDescription", "")),
            report=DocumentReference.of(report) if report else None,
            origins={number: of_lesion[name] for number, name in names.items() if name in of_lesion},
            owners=owners,
            remarks=stored.warnings,
        )


def _labels(owners: NDArray[np.unsignedinteger], names: Mapping[int, str]) -> NDArray[np.uint8]:
    kinds = np.zeros(int(owners.max(initial=0)) + 1, np.uint8)
    for number, name in names.items():
        if number < len(kinds):
            kinds[number] = dicom_seg.label_from_name(name) or 0
    return kinds[owners]


def _liver_weights(header: Dataset) -> str:
    for segment in header.get("SegmentSequence") or ():
        if segment.get("SegmentLabel") == "Liver":
            for item in segment.get("SegmentationAlgorithmIdentificationSequence") or ():
                if said := _WEIGHTS.search(str(item.get("AlgorithmParameters", ""))):
                    return said[1]
    return ""


def _report_of(segmentation: str, file: Path) -> Dataset | None:
    """A report, where it is about a segmentation."""
    with dicom_header.explain_damage(file):
        report = dicom_header.read_dicom_file(file)
        evidence = report.get("CurrentRequestedProcedureEvidenceSequence") or ()
        named = {
            item.get("ReferencedSOPInstanceUID")
            for study in evidence
            for series in study.get("ReferencedSeriesSequence") or ()
            for item in series.get("ReferencedSOPSequence") or ()
        }
        return report if segmentation in named else None


def _origins(report: Dataset) -> dict[str, str]:
    """How lesions came about, in words, by their names."""
    found = {}
    for group in measurement_groups(report):
        texts = {concept_code(item): str(item.get("TextValue", "")) for item in group.get("ContentSequence") or ()}
        name, words = texts.get(_TRACKING), texts.get(dicom_sr.ORIGIN.value)
        if name and words:
            found[name] = words
    return found


def measurement_groups(item: Dataset) -> Iterator[Dataset]:
    """The measurement groups in a report, or in a content item of one, at any depth."""
    for inside in item.get("ContentSequence") or ():
        if concept_code(inside) == _GROUP:
            yield inside
        else:
            yield from measurement_groups(inside)


def concept_code(item: Dataset) -> str:
    """The code of a content item's concept name; empty where it has none."""
    named = item.get("ConceptNameCodeSequence") or ()
    return str(named[0].get("CodeValue", "")) if named else ""


def _marks(words: str, voxel: tuple[int, int, int], size: int) -> Iterator[LesionMark]:
    """The marks by which :func:`.lesion_origins.origin_of` says these words again; none of one that was painted."""
    size = 0 if words.endswith("corrected by hand") else size
    clicks = _CLICKS.search(words)
    if words.startswith("automatic"):
        yield LesionMark(voxel, 0, size)
    if clicks:
        yield LesionMark(voxel, int(clicks[1]), size)

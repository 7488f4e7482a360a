"""Points of a DICOM Structured Report (TID 1500 of PS3.16): of each of its groups, one in what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import optional_packages
from ..core.errors import UserError
from ..core.volume import Volume
from .dicom_files import looks_like_dicom
from .dicom_header import explain_damage, read_dicom_file, read_elements
from .points import LesionPoint, Point

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_GROUP, _NAME = ("125007", "DCM"), ("112039", "DCM")
"""Codes of a measurement group, and of the name that it is tracked by."""

_DEEPEST = 20
_FRAME = "FrameOfReferenceUID"
_SPACE, _IMAGE = "SCOORD3D", "SCOORD"


def points_of_report(path: Path, volume: Volume) -> list[LesionPoint]:
    """Points of a report's measurement groups: their points, or else the middle of the first line of each.

    The reports that this program writes have both diameters of each lesion as lines, the long one first.

    Args:
        path: of the report.
        volume: the CT, read from the DICOM series where points lie on its images.

    Raises:
        UserError: it is no such report or damaged, pydicom is missing, or points lie on images that are not the CT's.
    """
    optional_packages.require_packages("DICOM reports need", ("pydicom",), "dicom")
    images = _Images(volume, path)
    found: list[LesionPoint] = []
    with explain_damage(path):
        for number, group in enumerate(_groups(_read(path)), start=1):
            name = next((str(item.TextValue) for item in _walk(group) if _code(item) == _NAME), "")
            place = f"{path.name}, {name or f'group {number}'}"
            found += [LesionPoint(point, True, f"{name} {number}", place) for point in _points(group, images, place)]
    return found


def _read(path: Path) -> Dataset:
    if not looks_like_dicom(path):
        msg = f"{path} is no DICOM report: give points as CSV, as .mrk.json, or as a DICOM report."
        raise UserError(msg)
    report = read_dicom_file(path)
    if report.get("Modality") != "SR":
        msg = f"{path} is a DICOM file, but no Structured Report: give one that holds points or lines."
        raise UserError(msg)
    return report


def _walk(item: Dataset, depth: int = 0) -> Iterator[Dataset]:
    if depth < _DEEPEST:
        for child in item.get("ContentSequence") or []:
            yield child
            yield from _walk(child, depth + 1)


def _groups(report: Dataset) -> list[Dataset]:
    """Measurement groups; the whole report where it has none."""
    return [item for item in _walk(report) if _code(item) == _GROUP] or [report]


def _code(item: Dataset) -> tuple[str, str]:
    for name in item.get("ConceptNameCodeSequence") or []:
        return str(name.get("CodeValue", "")), str(name.get("CodingSchemeDesignator", ""))
    return "", ""


def _points(group: Dataset, images: _Images, place: str) -> list[Point]:
    marked = [item for item in _walk(group) if item.get("ValueType") in (_SPACE, _IMAGE)]
    points = [item for item in marked if item.get("GraphicType") in ("POINT", "MULTIPOINT")]
    lines = [item for item in marked if item.get("GraphicType") == "POLYLINE"]
    if points:
        return [point for item in points for point in _ends(item, images, place)]
    middles = [np.mean(_ends(item, images, place), axis=0).tolist() for item in lines[:1]]
    return [(r, a, s) for r, a, s in middles]


def _ends(item: Dataset, images: _Images, place: str) -> list[Point]:
    """The places of an item's graphic, in RAS."""
    try:
        numbers = [float(x) for x in np.atleast_1d(item.GraphicData)]
        if item.ValueType == _SPACE:
            images.refuse_other_space(str(item.get("ReferencedFrameOfReferenceUID") or ""), place)
            return [(-x, -y, z) for x, y, z in zip(*[iter(numbers)] * 3, strict=True)]
        (image,) = (child for child in item.ContentSequence if child.get("ValueType") == "IMAGE")
        reference = image.ReferencedSOPSequence[0]
        named = str(reference.ReferencedSOPInstanceUID), int(reference.get("ReferencedFrameNumber") or 0)
        return [images.place(named, column, row, place) for column, row in zip(*[iter(numbers)] * 2, strict=True)]
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        msg = f"{place} has a point that cannot be read: write the report again."
        raise UserError(msg) from error


def _uid(image: Path) -> str:
    header = read_elements(image, ["SOPInstanceUID"])
    with explain_damage(image):
        return str(header.SOPInstanceUID)


class _Images:
    """The images of a CT, by their UIDs and frames, which are read when they are first asked for."""

    def __init__(self, volume: Volume, path: Path) -> None:
        self._volume, self._path = volume, path
        self._known: dict[tuple[str, int], int] | None = None
        self._space: str | None = None

    def refuse_other_space(self, named: str, place: str) -> None:
        """Refuse points in the space of other images, where both say which it is.

        Raises:
            UserError: it is another one.
        """
        if self._space is None:
            first = self._volume.images[:1]
            self._space = "".join(str(read_elements(each, [_FRAME]).get(_FRAME) or "") for each in first)
        if named and self._space and named != self._space:
            msg = f"{place} lies in the space of other images than the CT's: give the CT that the report is of."
            raise UserError(msg)

    def place(self, named: tuple[str, int], column: float, row: float, place: str) -> Point:
        """RAS of a place on an image, whose first pixel's centre is at 0.5 (PS3.3, section C.18.6.1.1).

        Raises:
            UserError: the image is none of the CT's.
        """
        if self._known is None:
            uids = {image: _uid(image) for image in dict.fromkeys(self._volume.images)}
            numbered = enumerate(zip_longest(self._volume.images, self._volume.frames))
            self._known = {(uids[image], frame or 0): k for k, (image, frame) in numbered}
        if named not in self._known:
            what = "was read from no DICOM series" if not self._volume.images else "has no such image"
            msg = f"{place} lies on an image of a DICOM series, and the CT {what}: give the folder of that series."
            raise UserError(msg)
        at: Any = self._volume.affine @ [column - 0.5, row - 0.5, self._known[named], 1.0]
        r, a, s, _ = at.tolist()
        return r, a, s

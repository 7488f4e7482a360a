"""DICOM segmentations as labels on their own grid, with the names of their segments (PS3.3, section A.51).

Read without highdicom, whose objects of 1500 frames take many times as long as the voxels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.label_layers import structure_from_name
from ..core.labels import LESION, LIVER
from . import dicom_header, dicom_seg_frames
from .dicom_files import refuse_non_segmentation
from .dicom_seg_frames import Frames
from .limits import refuse_too_many_voxels
from .raw_image import RawImage

if TYPE_CHECKING:
    from pydicom import Dataset

# Not highdicom's reader: it does not cope with frames whose places are tilted or rounded.
_LESION_NAMES = re.compile(
    r"lesion|tumou?r|metastas|neoplas|carcinom|(?<![a-z])(hcc|mass(es)?)(?![a-z])", re.IGNORECASE
)
_LIVER_NAMES = re.compile(r"(?<![a-z])liver(?![a-z])", re.IGNORECASE)
_OF_LIVER = re.compile(r"liver|hepat", re.IGNORECASE)
_OTHER_NAMES = re.compile(
    r"[+&]|(?<![a-z])(and|with(out)?|incl\w*|excl\w*|except\w*|outside|around|plus|minus|no|non|not|free)(?![a-z])"
    r"|(?<![a-z])(non|peri)[-_ ]?(tumou?r|lesion)|vessel|vein|arter|duct|cyst|thromb",
    re.IGNORECASE,
)
"""Words in names of both, of neither or of another structure: “liver with tumour”, “tumour-free liver”."""

_OTHER_ORGANS = re.compile(
    r"kidney|renal|spleen|splen|lung|pulmon|pancrea|adren|stomach|bowel|bone|brain|lymph|nod(e|al)(?![a-z])",
    re.IGNORECASE,
)
"""Where lesions are that are not the liver's, unless it is named as well; where a metastasis came from is no place."""


def label_from_name(name: str) -> int | None:
    """Label that a segment's name tells in English; none where it tells of both, neither or another structure."""
    if _OTHER_NAMES.search(name):
        return None
    if _LESION_NAMES.search(name):
        elsewhere = _OTHER_ORGANS.search(name) and not _OF_LIVER.search(name)
        return None if elsewhere else LESION.label
    return LIVER.label if _LIVER_NAMES.search(name) else None


def mentions_liver(name: str) -> bool:
    """Whether a place in the body is the liver or a part of it."""
    return bool(_LIVER_NAMES.search(name))


_LIVER_CODE = "10200004"
_LESION_CODES = {
    "4147007",  # mass
    "14799000",  # neoplasm, secondary
    "25370001",  # hepatocellular carcinoma
    "52988006",  # lesion
    "86049000",  # malignant neoplasm, primary
    "94381002",  # secondary malignant neoplasm of liver
    "108369006",  # neoplasm
    "126851005",  # neoplasm of liver
    "128462008",  # metastasis
    "300331000",  # lesion of liver
    "372087000",  # neoplasm, primary
}
"""Types of segments in SNOMED CT; pydicom knows the older codes of SNOMED-RT that stand for the same."""


def read_segment_names(dataset: Dataset) -> dict[int, str]:
    """Each segment's label by its number, with “liver” or “lesion” behind it where only the coded type says so."""
    return {int(segment.SegmentNumber): _name(segment) for segment in dataset.get("SegmentSequence") or ()}


def _name(segment: Dataset) -> str:
    label = "".join(
        letter if letter.isprintable() else "�" for letter in str(segment.get("SegmentLabel") or "")
    ).strip()
    meant = "" if label_from_name(label) else _coded_meaning(segment)
    return f"{label} ({meant})" if label and meant else label or meant


def _coded_meaning(segment: Dataset) -> str:
    """Meaning of the coded type; empty for a lesion that is said to lie in another organ."""
    kind = _term(segment, "SegmentedPropertyTypeCodeSequence")
    if kind is None:
        return ""
    if kind[0] == _LIVER_CODE:
        return "liver"
    place = _term(segment, "AnatomicRegionSequence")
    return "lesion" if kind[0] in _LESION_CODES and (place is None or mentions_liver(place[1])) else ""


def _term(item: Dataset, sequence: str) -> tuple[str, str] | None:
    """Code in SNOMED CT and meaning."""
    from pydicom.sr.coding import Code

    found = item.get(sequence) or ()
    if not found or "CodeValue" not in found[0]:
        return None
    code = Code(found[0].CodeValue, found[0].CodingSchemeDesignator, found[0].get("CodeMeaning", ""))
    wanted = next((each for each in (_LIVER_CODE, *sorted(_LESION_CODES)) if code == Code(each, "SCT", "")), "")
    return wanted, str(code.meaning)


def other_structures(names: Mapping[int, str]) -> dict[int, str]:
    """Those of named segments that are neither liver nor lesion, by names that files of this program have.

    The liver's segments are the liver, unless another one is; where nothing else is named, all are left in.
    """
    known = {number: structure_from_name(name) for number, name in names.items()}
    has_liver = any(not known[number] and label_from_name(name) == LIVER.label for number, name in names.items())
    left_out = {number: names[number] for number, said in known.items() if said and (has_liver or not said[1])}
    return left_out if len(left_out) < len(names) else {}


BESIDE = "Beside liver and lesions it holds"
"""Beginning of the sentence about what is left out."""


_MOST_NAMED, _LONGEST_NAME = 12, 64


def left_out_in_words(names: Iterable[str]) -> tuple[str, ...]:
    """A sentence about segments that are left out; nothing without one."""
    every = [name[:_LONGEST_NAME] for name in names]
    every = [*every[:_MOST_NAMED], *([f"{len(every) - _MOST_NAMED} more"] if len(every) > _MOST_NAMED else [])]
    listed = " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
    return (f"{BESIDE} {listed}, which were left out.",) if every else ()


class SegmentLabels:
    """Labels that frames are put into.

    Args:
        labels: zeros ``[k, j, i]`` of a type that holds every segment's number.
        names: of the segments.
        path: that an error names.
    """

    def __init__(self, labels: NDArray, names: Mapping[int, str], path: Path) -> None:
        self.labels = labels
        self._names, self._path = names, path
        self._left_out = other_structures(names)
        self._overlap = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about lesions that are marked as liver as well, and about what was left out."""
        overlap = f"Its segments of liver and lesions overlap in {self._overlap} voxels, which count as lesion."
        return (*([overlap] if self._overlap else []), *left_out_in_words(self._left_out.values()))

    def put(self, planes: Iterable[NDArray[np.bool_]], slices: Iterable[int], segments: Iterable[int]) -> None:
        """Put in a frame after the other, but for structures beside liver and lesions that are known.

        Args:
            planes: ``[row, column]`` of each.
            slices: index k of each.
            segments: number of the segment of each.

        Raises:
            UserError: two overlap of which none is the liver and the other a lesion, and which are not both lesions.
        """
        for plane, k, segment in zip(planes, slices, segments, strict=True):
            if segment in self._left_out:
                continue
            label, own = self.labels[k], plane
            for other, count in zip(*np.unique(label[plane & (label != 0)], return_counts=True), strict=True):
                said, said_before = self._said(segment, int(other))
                self._overlap += int(count) * (said != said_before)
                if (said, said_before) != (LESION.label, LIVER.label):
                    own = own & (label != other)
            label[own] = segment

    def _said(self, *segments: int) -> list[int]:
        """Labels that the names of two segments that overlap tell."""
        said = [label_from_name(self._names.get(number, "")) for number in segments]
        if None in said:
            named = " and ".join(f"{self._names.get(number) or 'nameless'!a} ({number})" for number in segments[::-1])
            msg = f"{self._path} has segments that overlap, {named}: export it without overlaps."
            raise UserError(msg)
        return [label for label in said if label]


_BEHIND_SEGMENTS = 0x0062_0003


def read(path: Path) -> RawImage:
    """Read a segmentation whose segments do not overlap, or are lesions in the liver, which then win.

    Slices that the writer left out between others, as they are empty, are filled in; those before the first and behind
    the last are not there.

    Raises:
        UserError: pydicom is missing; it is no segmentation, of fractions, damaged, or its frames are no even stack of
            slices; or segments overlap of which none is the liver and the other a lesion.
    """
    refuse_non_segmentation(path)
    with dicom_header.explain_damage(path):
        dataset = dicom_header.read_dicom_file(path)
        _refuse_fractions(dataset, path)
        frames = dicom_seg_frames.read_frames(dataset, path)
        labels, warnings = _labels(dataset, frames, path)
    return RawImage(labels, frames.affine, warnings=(*frames.warnings, *warnings), omits_empty=True)


def names(path: Path) -> dict[int, str]:
    """Names of the labels, from each segment's label or else its coded type.

    Raises:
        UserError: pydicom is missing, or the file is no segmentation or damaged.
    """
    refuse_non_segmentation(path)
    with dicom_header.explain_damage(path):
        return read_segment_names(dicom_header.read_dicom_file(path, _BEHIND_SEGMENTS))


def _refuse_fractions(dataset: Dataset, path: Path) -> None:
    if dataset.get("SegmentationType") == "FRACTIONAL":
        msg = f"{path} holds fractions, such as probabilities, and no labels: export a binary segmentation."
        raise UserError(msg)


def _labels(dataset: Dataset, frames: Frames, path: Path) -> tuple[NDArray, tuple[str, ...]]:
    rows, columns = dicom_seg_frames.frame_shape(dataset, path)
    is_map = dataset.get("SegmentationType") == "LABELMAP"
    _refuse_doubled(frames, path, is_map=is_map)
    size = (frames.count, rows, columns)
    refuse_too_many_voxels(size, path)
    planes = dicom_seg_frames.read_planes(dataset, len(frames.slices), path)
    if is_map:
        return _map(dataset, planes, frames.slices, size), ()
    made = SegmentLabels(np.zeros(size, np.min_scalar_type(frames.segments.max())), read_segment_names(dataset), path)
    made.put((plane != 0 for plane in planes), frames.slices.tolist(), frames.segments.tolist())
    return made.labels, made.warnings


def _map(dataset: Dataset, planes: Iterable[NDArray], slices: NDArray[np.int64], size: tuple[int, int, int]) -> NDArray:
    labels = np.zeros(size, f"u{dataset.BitsAllocated // 8}")
    for k, plane in zip(slices, planes, strict=True):
        labels[k] = plane
    background = dataset.get("PixelPaddingValue")
    if background:
        labels[labels == background] = 0
    return labels


def _refuse_doubled(frames: Frames, path: Path, *, is_map: bool) -> None:
    segments = frames.segments * (not is_map)
    if len(np.unique([frames.slices, segments], axis=1).T) < len(segments):
        msg = f"{path} holds two frames of one segment at one place: export it again."
        raise UserError(msg)
    if not is_map and not (segments.min() > 0 and segments.max() < 1 << 16):
        raise UserError(dicom_header.DAMAGED.format(path))

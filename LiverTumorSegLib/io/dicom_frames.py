"""Frames of an enhanced CT, which holds many slices in one file, as a header each (PS3.3, sections A.38 and A.70).

Read without GDCM, which takes one scale and one distance for all frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..core.errors import UserError
from ..core.optional_packages import require_packages
from .dicom_functional_groups import PER_FRAME, FunctionalGroups
from .dicom_header import Header, explain_damage, is_nested_too_deep, printable_text, unpacks_too_far
from .limits import open_regular

if TYPE_CHECKING:
    from pydicom import Dataset

ENHANCED_KINDS = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""SOP classes of CT with many slices in one file: Enhanced, and Legacy Converted Enhanced CT Image Storage."""

_PIXELS = 0x7FE0_0010
_DAY = 8
"""Letters of a day, with which a date and time begins."""

_MOST_PIXELS = 1 << 26
"""Most pixels of a frame: 8192 x 8192."""

_ROOT = {
    "series": "SeriesInstanceUID",
    "description": "SeriesDescription",
    "modality": "Modality",
    "patient": "PatientID",
    "frame of reference": "FrameOfReferenceUID",
    "instance number": "InstanceNumber",
    "photometric interpretation": "PhotometricInterpretation",
    "bits stored": "BitsStored",
    "high bit": "HighBit",
}
_GROUPS = {
    "image type": ("CTImageFrameTypeSequence", "FrameType"),
    "position": ("PlanePositionSequence", "ImagePositionPatient"),
    "orientation": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "spacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "intercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "slope": ("PixelValueTransformationSequence", "RescaleSlope"),
}
_CONTENT = "FrameContentSequence"
_PLACES = (0x0020_0032, 0x0020_0037, 0x0020_1041, 0x0020_9056, 0x0020_9057, 0x0020_0013)
"""What a dimension may point at that says where a frame lies or which it is, and not what else it shows."""


@dataclass(frozen=True)
class PixelLayout:
    """Where and how a file keeps its pixels.

    Args:
        syntax: UID of the transfer syntax.
        begin: byte at which the element of the pixels begins.
        frames: how many there are.
        rows, columns: of each.
        bits: allocated for a pixel.
        stored: of them used, the lowest ones.
        is_signed: whether these are a two's complement.
        scaled_alike: whether the pixels of all frames become CT numbers in the same way.
    """

    syntax: str
    begin: int
    frames: int
    rows: int
    columns: int
    bits: int
    stored: int
    is_signed: bool
    scaled_alike: bool = True


@dataclass(frozen=True)
class FrameHeader(Header):
    """Header of a frame.

    Args:
        number: of the frame in its file, from 1.
        stack: that it belongs to, as the file calls it (Stack ID); empty where there is none.
        phase: what tells it from others at its place, such as its time: its indices in those dimensions.
        whole: UID of the concatenation that its file is a part of, else of the file's image.
        part, parts: number of its file in that, and of all files; 0 where they are not stated.
        layout: of the file's pixels.
    """

    number: int = 0
    stack: str = ""
    phase: tuple[int, ...] = ()
    whole: str = ""
    part: int = 0
    parts: int = 0
    layout: PixelLayout | None = None

    @property
    def frame(self) -> int:
        """Number of the frame in its file, from 1."""
        return self.number


_SOP_CLASS = re.compile(rb"(?:\x02\x00\x02\x00|\x08\x00\x16\x00|\x00\x08\x00\x16)....([0-9.]{1,64})", re.DOTALL)
"""The class as a file states it of itself, in either order of bytes; deeper in it others may stand."""

_HEAD_BYTES = 1 << 16


def is_enhanced_ct(file: Path) -> bool:
    """Whether a DICOM file says in its beginning that it is an enhanced CT."""
    with open_regular(file) as content:
        found = _SOP_CLASS.search(content.read(_HEAD_BYTES))
    return found is not None and found[1].decode() in ENHANCED_KINDS


def read_frames(file: Path) -> list[Header] | None:
    """Read all but the pixels.

    Returns:
        A header for each frame, in their order; a single one with its problem where they cannot be used; None where
        the file is damaged.
    """
    try:
        require_packages(f"{file} needs", ("pydicom",), "dicom")
    except UserError as error:
        return [_with_problem(file, {}, str(error))]
    try:
        with explain_damage(file):
            return None if is_nested_too_deep(file) or unpacks_too_far(file) else _read(file)
    except UserError:
        return None


def stated_days(file: Path) -> list[str]:
    """The days, as DICOM writes them, on which frames, the image and the study were taken; none of a damaged file.

    Days of content and series may be those on which single images were converted.
    """
    try:
        with explain_damage(file):
            dataset, _ = read_root(file)
            frames = {
                _text(time)[:_DAY] for time in FunctionalGroups(dataset).values(_CONTENT, "FrameAcquisitionDateTime")
            }
            root = [_text(dataset.get(name)) for name in ("AcquisitionDateTime", "AcquisitionDate", "StudyDate")]
    except UserError:
        return []
    return [*sorted(filter(None, frames))[:1], root[0][:_DAY], *root[1:]]


def read_root(file: Path) -> tuple[Dataset, int]:
    """What a file states before its pixels, and the byte at which these begin; may raise anything of a damaged one."""
    from pydicom.filereader import read_partial

    with _BoundedReader(open_regular(file).detach()) as content:
        dataset = read_partial(cast("Any", content), lambda tag, *_: tag >= _PIXELS, force=True)
        return dataset, content.tell()


class _BoundedReader(BufferedReader):
    """A file of which no more is asked for than is left, whatever length it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as are wanted and left."""
        if size is not None and size > _HEAD_BYTES:
            at = self.tell()
            size = min(size, max(self.seek(0, 2) - at, 0))
            self.seek(at)
        return super().read(size)


def _read(file: Path) -> list[Header]:
    dataset, begin = read_root(file)
    root = {name: _text(dataset.get(keyword)) for name, keyword in _ROOT.items()}
    if not root["series"]:
        return [_with_problem(file, root, f"{file} states no Series Instance UID: export the series again.")]
    groups = FunctionalGroups(dataset)
    stated = _whole_number(dataset.get("NumberOfFrames"))
    if stated < 1 or stated != len(groups.frames):
        said = f"{stated} frames and describes {len(groups.frames)} of them ({PER_FRAME})"
        return [_with_problem(file, root, f"{file} states {said}: get or export it again.")]
    layout = _layout(dataset, begin, stated)
    if layout is None:
        said = "frames without pixels, or with more than an image has"
        return [_with_problem(file, root, f"{file} states {said}: get or export it again.")]
    return list(_frames(file, dataset, groups, root, layout))


def _frames(
    file: Path, dataset: Dataset, groups: FunctionalGroups, root: dict[str, str], layout: PixelLayout
) -> Iterator[Header]:
    named = {name: [_text(value) for value in groups.values(*at)] for name, at in _GROUPS.items()}
    for name, keyword in (("intercept", "RescaleIntercept"), ("slope", "RescaleSlope"), ("image type", "ImageType")):
        beside = _text(dataset.get(keyword))
        named[name] = [value or beside for value in named[name]]
    if not all(named["intercept"]) or not all(named["slope"]):
        yield _with_problem(
            file, root, f"{file} does not say how its pixels become CT numbers: export the series again."
        )
        return
    scales = set(zip(named["slope"], named["intercept"], strict=True))
    layout = replace(layout, scaled_alike=len(scales) == 1)
    stacks = [_text(value) for value in groups.values(_CONTENT, "StackID")]
    phases = list(_phases(dataset, groups))
    whole = _text(dataset.get("ConcatenationUID"))
    part, parts = (
        _whole_number(dataset.get(f"InConcatenation{of}")) if whole else 0 for of in ("Number", "TotalNumber")
    )
    for number in range(layout.frames):
        yield FrameHeader(
            file,
            (layout.columns, layout.rows),
            _whole_number(dataset.get("SamplesPerPixel", 1)),
            root | {name: values[number] for name, values in named.items()},
            number=number + 1,
            stack=stacks[number],
            phase=phases[number],
            whole=whole or _text(dataset.get("SOPInstanceUID")),
            part=part,
            parts=parts,
            layout=layout,
        )


def _phases(dataset: Dataset, groups: FunctionalGroups) -> Iterator[tuple[int, ...]]:
    """Of each frame its time, and its indices in the dimensions that are no places (PS3.3, section C.7.6.17)."""
    pointers = [item.get("DimensionIndexPointer") for item in dataset.get("DimensionIndexSequence") or ()]
    wanted = [at for at, pointer in enumerate(pointers) if pointer is not None and int(pointer) not in _PLACES]
    times = groups.values(_CONTENT, "TemporalPositionIndex")
    for time, indices in zip(times, groups.values(_CONTENT, "DimensionIndexValues"), strict=True):
        listed = list(indices) if isinstance(indices, Iterable) else [indices]
        yield (_whole_number(time), *(_whole_number(listed[at]) for at in wanted if at < len(listed)))


def _layout(dataset: Dataset, begin: int, frames: int) -> PixelLayout | None:
    names = ("Rows", "Columns", "BitsAllocated", "BitsStored")
    rows, columns, bits, stored = (_whole_number(dataset.get(name)) for name in names)
    if not 0 < rows * columns <= _MOST_PIXELS or bits not in (8, 16, 32) or not 0 < stored <= bits:
        return None
    syntax = _text(dataset.file_meta.get("TransferSyntaxUID"))
    is_signed = _whole_number(dataset.get("PixelRepresentation")) == 1
    return PixelLayout(syntax, begin, frames, rows, columns, bits, stored, is_signed)


def _with_problem(file: Path, root: dict[str, str], sentence: str) -> Header:
    known = dict.fromkeys((*_ROOT, *_GROUPS), "") | {"modality": "CT"} | root
    return Header(file, (1, 1), 1, known, problem=sentence)


def _text(value: Any) -> str:
    """A value as DICOM writes it, those of several behind backslashes; empty for none."""
    if value is None:
        return ""
    several = not isinstance(value, str) and isinstance(value, Iterable)
    return printable_text("\\".join(map(str, value)) if several else str(value))


def _whole_number(value: Any) -> int:
    """A whole number; 0 for what is none."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0

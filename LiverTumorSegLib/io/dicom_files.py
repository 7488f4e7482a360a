"""DICOM files found in a folder: told apart by their kind (PS3.4, annex B.5) and grouped into series."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..core.errors import UserError
from . import dicom_header
from .dicom_frames import is_enhanced_ct, read_frames
from .dicom_header import UNREADABLE, Header
from .dicom_stacks import series_uid, split_series

_GROUPS = (b"\x02\x00", b"\x08\x00")
"""First bytes of files without DICOM's preamble: their first tag's group."""

_HEAD_BYTES = 2**16
_CT_IMAGE = re.compile(
    rb"(\x02\x00\x02\x00|\x08\x00\x16\x00)....1\.2\.840\.10008\.5\.1\.4\.1\.1\.2(\.[12])?\0", re.DOTALL
)
"""The SOP class of CT images of all kinds (PS3.4, annex B.5) as a file states it of itself."""


@dataclass(frozen=True)
class DicomScan:
    """The DICOM images among files.

    Args:
        series: images that can be read, by the UID of their series, in the order of the files; the frames of enhanced
            CTs one by one, by their stack where their series holds several, see :func:`.dicom_stacks.split_series`.
        damaged: files that begin as CT images do and cannot be read.
        strays: files that are empty, or called ``.dcm`` without beginning as DICOM does.
    """

    series: dict[str, list[Header]]
    damaged: tuple[Path, ...]
    strays: tuple[Path, ...]

    def refuse_damaged(self, series: str = "") -> None:
        """Refuse a series to which a damaged image belongs, or may belong as it names no other.

        Args:
            series: its UID; empty for any.

        Raises:
            UserError: there is one.
        """
        series = series_uid(series)
        others = [uid.encode() for uid in map(series_uid, self.series) if uid != series]
        for file in self.damaged:
            start = read_first_bytes(file, _HEAD_BYTES)
            if series.encode() in start or not any(uid in start for uid in others):
                raise UserError(UNREADABLE.format(file))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence on strays, where there are any; it names none, as reports repeat it and names may be patients'."""
        if not self.strays:
            return ()
        are = "are" if len(self.strays) > 1 else "is"
        such = f"{len(self.strays)} of its files {are} empty, or end in .dcm and are not DICOM"
        return (f"Slices may be missing at an end, as the folder was not copied whole: {such}.",)


def list_files(folder: Path) -> list[Path]:
    """Every file of a folder and the folders in it, but for hidden ones; no pipes, sockets and the like."""
    found = (path for path in sorted(folder.rglob("*")) if not is_hidden(path.relative_to(folder)))
    return [path for path in found if path.is_file()]


def scan_files(files: Iterable[Path]) -> DicomScan:
    """Read the headers of DICOM images; all else, such as reports, is passed by."""
    series: dict[str, list[Header]] = {}
    damaged, strays = [], []
    for file in files:
        if not looks_like_dicom(file):
            if not file.name.startswith(".") and _seems_lost(file):
                strays.append(file)
        elif headers := _headers(file):
            series.setdefault(headers[0]["series"], []).extend(headers)
        elif _CT_IMAGE.search(read_first_bytes(file, _HEAD_BYTES)):
            damaged.append(file)
    stacks = [split_series(uid, headers) for uid, headers in series.items()]
    return DicomScan({name: part for each in stacks for name, part in each.items()}, tuple(damaged), tuple(strays))


def _headers(file: Path) -> list[Header] | None:
    """Of a file's image, or of each of its frames; nothing where it holds no image that can be read."""
    if is_enhanced_ct(file):
        return read_frames(file)
    header = dicom_header.read_header(file)
    return [header] if header else None


def looks_like_dicom(file: Path) -> bool:
    """Whether a file begins as DICOM does (PS3.10, section 7.1), whatever it is called."""
    start = read_first_bytes(file, 132)
    return start[128:] == b"DICM" or start[:2] in _GROUPS


def _seems_lost(file: Path) -> bool:
    return file.suffix.lower() == ".dcm" or not read_first_bytes(file, 1)


def is_hidden(path: PurePath) -> bool:
    """Whether a relative path is of a hidden file, or one in a hidden folder."""
    return any(part.startswith(".") for part in path.parts)


def read_first_bytes(file: Path, count: int) -> bytes:
    """The first bytes; none of what cannot be read or is no file, as opening a pipe would wait for ever."""
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as content:
            return content.read(count)
    except OSError:
        return b""


_SOP_CLASS = re.compile(rb"(?:\x02\x00\x02\x00|\x08\x00\x16\x00)....([0-9.]{1,64})", re.DOTALL)
_SOP_CLASS_BYTES = 1 << 16
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_SEGMENTATIONS = (_STORAGE + "66.4", _STORAGE + "66.7")
"""SOP classes of segmentations: of segments, a bit each, and of label maps."""

_OTHER_OBJECTS = {
    _STORAGE + "2": "one CT image: give the folder of its series",
    _STORAGE + "4": "an MR image: give a CT, or its segmentation",
    _STORAGE + "11.": "a presentation state: give the segmentation itself",
    _STORAGE + "66.5": "a surface segmentation: export one of voxels",
    _STORAGE + "88.": "a structured report: give the segmentation beside it",
    _STORAGE + "481.3": "an RT structure set of contours: export a segmentation of voxels",
    "1.2.840.10008.1.3.10": "a DICOMDIR, a table of contents: give the folder of a series",
}
"""Beginnings of other kinds' UIDs, and what to do about them; the longest that fits counts."""


def is_segmentation(path: Path) -> bool:
    """Whether a file is a DICOM segmentation."""
    return looks_like_dicom(path) and _sop_class(path) in _SEGMENTATIONS


def refuse_non_segmentation(path: Path) -> None:
    """Refuse a DICOM file that is no segmentation.

    Raises:
        UserError: it is another kind of object, or no DICOM.
    """
    uid = _sop_class(path)
    if uid in _SEGMENTATIONS:
        return
    fitting = max((start for start in _OTHER_OBJECTS if uid.startswith(start)), key=len, default="")
    if fitting in (_STORAGE + "2", _STORAGE + "4") and uid[len(fitting) :][:1] not in ("", "."):
        fitting = ""  # 1.2.840.10008.5.1.4.1.1.20 is no 1.2.840.10008.5.1.4.1.1.2
    what = _OTHER_OBJECTS.get(
        fitting, "a DICOM file of a kind that cannot be read: give the folder of a CT series, or a SEG"
    )
    msg = (
        f"{path} is {what}." if uid else f"{path} is not a DICOM file that says what it holds: get or export it again."
    )
    raise UserError(msg)


def _sop_class(path: Path) -> str:
    found = _SOP_CLASS.search(read_first_bytes(path, _SOP_CLASS_BYTES))
    return found[1].decode() if found else ""

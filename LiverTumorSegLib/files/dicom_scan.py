"""Which DICOM series lie among files, and which files look as if they should be part of one and are not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import dicom_header
from .dicom_header import UNREADABLE, Header

_GROUPS = (b"\x02\x00", b"\x08\x00")
"""How files without DICOM's preamble begin: with their first tag's group."""

_HEAD_BYTES = 2**16
_CT_IMAGE = re.compile(
    rb"(\x02\x00\x02\x00|\x08\x00\x16\x00)....1\.2\.840\.10008\.5\.1\.4\.1\.1\.2(\.[12])?\0", re.DOTALL
)
"""The SOP class of CT images of all kinds (PS3.4, annex B.5) as a file states it of itself."""


@dataclass(frozen=True)
class Scan:
    """The DICOM images among files.

    Args:
        series: images that can be read, by the UID of their series, in the order of the files.
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
        others = [uid.encode() for uid in self.series if uid != series]
        for file in self.damaged:
            start = head(file, _HEAD_BYTES)
            if series.encode() in start or not any(uid in start for uid in others):
                raise UserError(UNREADABLE.format(file))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence on strays, where there are any; it names none, as reports repeat it and names may be patients'."""
        if not self.strays:
            return ()
        are = "are" if len(self.strays) > 1 else "is"
        such = f"{len(self.strays)} of its files {are} empty, or called .dcm without being so"
        return (f"Slices may be missing at an end, as the folder was not copied whole: {such}.",)


def files_in(folder: Path) -> list[Path]:
    """Every file of a folder and the folders in it, but for hidden ones; no pipes, sockets and the like."""
    found = (path for path in sorted(folder.rglob("*")) if not _is_hidden(path.relative_to(folder)))
    return [path for path in found if path.is_file()]


def scan(files: Iterable[Path]) -> Scan:
    """Read the headers of DICOM images; all else, such as reports, is passed by."""
    series: dict[str, list[Header]] = {}
    damaged, strays = [], []
    for file in files:
        if not looks_like_dicom(file):
            if not file.name.startswith(".") and _seems_lost(file):
                strays.append(file)
        elif header := dicom_header.read(file):
            series.setdefault(header["series"], []).append(header)
        elif _CT_IMAGE.search(head(file, _HEAD_BYTES)):
            damaged.append(file)
    return Scan(series, tuple(damaged), tuple(strays))


def looks_like_dicom(file: Path) -> bool:
    """Whether a file begins as DICOM does (PS3.10, section 7.1), whatever it is called."""
    start = head(file, 132)
    return start[128:] == b"DICM" or start[:2] in _GROUPS


def _seems_lost(file: Path) -> bool:
    return file.suffix.lower() == ".dcm" or not head(file, 1)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def head(file: Path, count: int) -> bytes:
    """The first bytes; none of what cannot be read or is no file, as opening a pipe would wait for ever."""
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as content:
            return content.read(count)
    except OSError:
        return b""

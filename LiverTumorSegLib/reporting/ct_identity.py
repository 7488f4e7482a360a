"""What tells one CT from another in a report, for users who allow it: reports are passed on, and names may tell who."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..core.errors import UserError
from ..core.native_stderr import silence_libraries
from ..core.volume import Volume

_DATES = ("0008|0022", "0008|0023", "0008|0021", "0008|0020")
"""Acquisition, content, series and study date (DICOM PS3.3, C.7.6.1, C.7.3.1 and C.7.2.1), the nearest first."""

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
"""DICOM's DA, also with the full stops of its retired form (PS3.5, section 6.2)."""


@dataclass(frozen=True)
class CTIdentity:
    """Name and day of a CT.

    Args:
        name: of the file or case, as the user knows it.
        date: ISO 8601 day on which it was taken; empty where that is not known.
    """

    name: str
    date: str = ""

    @property
    def in_words(self) -> str:
        """Both in one line."""
        return ", ".join(filter(None, (self.name, self.date)))


def identify_ct(volume: Volume, name: str, day: str = "") -> CTIdentity | None:
    """The identity of a CT under a name; None without one.

    Args:
        volume: the CT.
        name: of the file or case.
        day: on which it was taken, where it is known; else its DICOM images are asked.
    """
    return CTIdentity(name, day or find_ct_date(volume)) if name else None


def find_ct_date(volume: Volume) -> str:
    """Day on which a CT was taken, in ISO 8601, from its DICOM images; empty where it has none, or they do not say."""
    if not volume.images:
        return ""
    if volume.frames and volume.frames[0]:
        from ..io.dicom_frames import stated_days

        return next(filter(None, map(_iso_day, stated_days(volume.images[0]))), "")
    from ..io.dicom_header import make_image_reader

    reader = make_image_reader(volume.images[0])
    with silence_libraries(), suppress(RuntimeError):
        reader.ReadImageInformation()
        for tag in _DATES:
            if reader.HasMetaDataKey(tag) and (day := _iso_day(reader.GetMetaData(tag).strip(" \0"))):
                return day
    return ""


def _iso_day(stated: str) -> str:
    """A date of DICOM in ISO 8601; empty for what is none."""
    parts = _DATE.fullmatch(stated)
    with suppress(ValueError):
        return date(*map(int, parts.groups())).isoformat() if parts else ""
    return ""


def refuse_same(output: Path, source: Path | None) -> None:
    """Refuse to write over the CT.

    Args:
        output: that is to be written.
        source: the CT; None where it comes from no file.

    Raises:
        UserError: both are one.
    """
    if source is not None and output.exists() and source.exists() and output.samefile(source):
        msg = f"{output} is the CT itself: choose another name for the output."
        raise UserError(msg)


def refuse_images(outputs: Sequence[Path], volume: Volume) -> None:
    """Refuse to write over an image of a CT that was read.

    Args:
        outputs: that are to be written.
        volume: the CT.

    Raises:
        UserError: one of them is an image of it.
    """
    there = [path for path in outputs if path.exists()]
    for path in there:
        if any(path.samefile(image) for image in dict.fromkeys(volume.images)):
            msg = f"{path} is an image of the CT: choose another name for the output."
            raise UserError(msg)

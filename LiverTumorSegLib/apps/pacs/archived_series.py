"""CT series as an archive describes them, and what a watch asks of an archive, by whichever protocol it is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from pydicom.uid import RE_VALID_UID

_LONGEST_UID, _DAY_DIGITS, _TIME_DIGITS = 64, 8, 6


@dataclass(frozen=True)
class ArchivedSeries:
    """A CT series as an archive describes it.

    Args:
        study: its study instance UID.
        series: its series instance UID.
        images: how many the archive has; None where it does not say.
        description: of the series; None where it does not say.
        body_part: that was examined; None where it does not say.
        began: when its study began, in its place's time, as YYYYMMDDHHMMSS; shorter, or empty, where it says less.
    """

    study: str
    series: str
    images: int | None
    description: str | None
    body_part: str | None
    began: str = ""


class SeriesSource(Protocol):
    """An archive that is searched for series, and gives them."""

    @property
    def name(self) -> str:
        """Its name, as a log may have it."""

    @property
    def is_stopped(self) -> bool:
        """Whether no further image is got."""

    def stop(self) -> None:
        """Get no further image."""

    def ct_series(self, since: str) -> list[ArchivedSeries]:
        """The CT series of studies from a day on, as YYYYMMDD; raises ``Unreachable`` or ``Rejected``."""

    def ct_images(self, study: str, series: str) -> list[str]:
        """The SOP instance UIDs of a series' CT images; raises ``Unreachable`` or ``Rejected``."""

    def has_enhanced(self, study: str, series: str) -> bool:
        """Whether it says that images of a series hold many slices each; raises ``Unreachable`` or ``Rejected``."""

    def fetch(self, study: str, series: str) -> None:
        """Have the images of a series come that are not here; raises ``Unreachable`` or ``Rejected``."""


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 section 9.1), and so can stand in an address."""
    return len(text) <= _LONGEST_UID and re.fullmatch(RE_VALID_UID, text) is not None


def stated_time(day: str, time: str) -> str:
    """A date and a time of DICOM (PS3.5, table 6.2-1) as digits, as far as they are well-formed."""
    if not re.fullmatch(rf"[0-9]{{{_DAY_DIGITS}}}", day):
        return ""
    digits = re.match(r"([0-9]{2}){1,3}", time)
    return day + (digits[0][:_TIME_DIGITS] if digits else "")

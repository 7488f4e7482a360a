"""Series of an archive on their way into the session: a CT alone, or an earlier result with its CT."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ....core.errors import UserError
from ....io import dicom_header
from ..server.session_process import UPLOADS
from .archive_link import ArchiveLink

_MOST_REPORTS = 10
"""Of a study that are looked at for the one about a result."""

Series = dict[str, Any]
Told = Callable[[str], None]


class ArchiveFetcher:
    """Fetches series of one study into the session's uploads.

    Args:
        link: to the server.
        folder: of the session.
        at: place of the archive.
        study: its UID.
        told: hears how far it is.
    """

    def __init__(self, link: ArchiveLink, folder: Path, at: int, study: str, told: Told) -> None:
        self._link, self._folder, self._at, self._study, self._told = link, folder, at, study, told

    async def fetch(self, modality: str, series: str) -> Path:
        """Fetch a series; returns the folder of its files, which is the caller's to delete.

        Raises:
            UserError: the archive does not give it.
            Stopped: the user stopped it.
        """
        batch = secrets.token_hex(8)
        chosen = {"at": self._at, "study": self._study, "series": series, "modality": modality, "into": batch}
        place = self._folder / UPLOADS / batch
        try:
            await self._link.ask("fetch", self._told, **chosen)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return place

    async def fetch_result(self, series: str, listed: Sequence[Series]) -> FetchedResult:
        """Fetch a Segmentation, the reports of its study, and its CT.

        Raises:
            UserError: the archive does not give it, or it is of no CT series.
            Stopped: the user stopped it.
        """
        places: list[Path] = []
        try:
            await self._fetch_to("SEG", series, places)
            for report in [each for each in listed if each["modality"] == "SR"][:_MOST_REPORTS]:
                await self._fetch_to("SR", report["series"], places)
            ct = await asyncio.to_thread(series_of, min(places[0].iterdir()))
            await self._fetch_to("CT", ct, places)
        except BaseException:
            _delete(places)
            raise
        return FetchedResult(places)

    async def _fetch_to(self, modality: str, series: str, places: list[Path]) -> None:
        places.append(await self.fetch(modality, series))


class FetchedResult:
    """Files of an earlier result.

    Args:
        places: folders of the Segmentation, of reports, and last of the CT.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places

    @property
    def segmentation(self) -> Path:
        """Its file."""
        return min(self._places[0].iterdir())

    @property
    def reports(self) -> list[Path]:
        """All files of reports."""
        return [file for place in self._places[1:-1] for file in sorted(place.iterdir())]

    @property
    def ct(self) -> Path:
        """Folder of the CT's files."""
        return self._places[-1]

    def delete(self) -> None:
        """Delete all."""
        _delete(self._places)


def series_of(segmentation: Path) -> str:
    """The UID of the series that a DICOM Segmentation is of.

    Raises:
        UserError: it names none, or is damaged.
    """
    with dicom_header.explain_damage(segmentation):
        named = dicom_header.read_dicom_file(segmentation).get("ReferencedSeriesSequence") or ()
        series = str(named[0].get("SeriesInstanceUID", "")) if named else ""
    if not series:
        msg = "The result does not say which CT series it is of: open the CT alone."
        raise UserError(msg)
    return series


def _delete(places: Sequence[Path]) -> None:
    for place in places:
        shutil.rmtree(place, ignore_errors=True)

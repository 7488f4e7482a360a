"""A DICOMweb server as a source of series, which are fetched image by image."""

from __future__ import annotations

import logging
import uuid
from threading import Event

from ...io.dicom_frames import ENHANCED_KINDS
from .archived_series import ArchivedSeries
from .connection import Unreachable
from .dicomweb import AnswerTooLarge, DicomWeb
from .image_header import OUT_OF_RESOURCES, Refused
from .inbox import Inbox
from .queue import SeriesQueue
from .queue_reader import WITH_RESULT

_log = logging.getLogger(__name__)


class WebSource:
    """Searches an archive by QIDO-RS and fetches series from it by WADO-RS.

    Args:
        archive: the server; its longest answer is the largest image.
        large: the same, whose longest answer is the largest enhanced CT.
        inbox: what takes the images.
        queue: which knows those that were taken before.
    """

    def __init__(self, archive: DicomWeb, large: DicomWeb, inbox: Inbox, queue: SeriesQueue) -> None:
        self._archive, self._large, self._inbox, self._queue = archive, large, inbox, queue
        self._stopped = Event()

    @property
    def name(self) -> str:
        """Name of the server's machine, with its port."""
        return self._archive.name

    def ct_series(self, since: str) -> list[ArchivedSeries]:
        """The CT series of studies from a day on, as :meth:`DicomWeb.ct_series` has them."""
        return self._archive.ct_series(since)

    def ct_images(self, study: str, series: str) -> list[str]:
        """The SOP instance UIDs of a series' CT images, as :meth:`DicomWeb.ct_images` has them."""
        return self._archive.ct_images(study, series)

    def has_enhanced(self, study: str, series: str) -> bool:
        """Whether the server says that images of a series hold many slices each."""
        return not ENHANCED_KINDS.isdisjoint(self._archive.ct_kinds(study, series).values())

    def stop(self) -> None:
        """Get no further image."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether no further image is got."""
        return self._stopped.is_set()

    def fetch(self, study: str, series: str) -> None:
        """Get the images of a series that are not here, and say that it is whole.

        An image that is refused, being no CT or damaged or too large, is left out, as it is when it comes by C-STORE.

        Args:
            study: its study instance UID.
            series: its series instance UID.

        Raises:
            Unreachable: the server cannot be used, or there is no room here; what came is kept.
            Rejected: the server does not give the series.
        """
        for image, kind in self._archive.ct_kinds(study, series).items():
            if self.is_stopped:
                msg = "the service ends"
                raise Unreachable(msg)
            if not self._is_here(image):
                self._take(study, series, image, kind in ENHANCED_KINDS)
        self._inbox.whole(series)

    def _is_here(self, image: str) -> bool:
        """Whether an image is here, or was, and its series has a result."""
        known = self._queue.image(image)
        if known is None:
            return False
        series = self._queue.find(known.number)
        return known.file is not None or (series is not None and series.state in WITH_RESULT)

    def _take(self, study: str, series: str, image: str, is_enhanced: bool) -> None:
        archive = self._large if is_enhanced else self._archive
        file = self._inbox.arriving / f"{uuid.uuid4().hex}.dcm"
        try:
            file.write_bytes(archive.image(study, series, image))
            self._inbox.take(file, self._archive.name, asked=series)
        except AnswerTooLarge:
            self._log_refused(f"it is larger than [limits] {'enhanced_mb' if is_enhanced else 'image_mb'} allows.")
        except OSError as error:
            msg = f"an image cannot be kept here ({error.strerror})"
            raise Unreachable(msg) from error
        except Refused as refused:
            self._log_refused(refused.sentence)
            if refused.status == OUT_OF_RESOURCES:
                msg = "this service has no room for more now"
                raise Unreachable(msg) from refused
        finally:
            file.unlink(missing_ok=True)

    def _log_refused(self, why: str) -> None:
        _log.warning("an image from %s was refused: %s", self._archive.name, why)

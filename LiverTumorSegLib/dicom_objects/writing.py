"""The two objects as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from pydicom.dataset import Dataset

from .. import __version__
from ..inference import Segmentation
from ..lesions import LesionTable
from ..whole_files import refuse_existing, refuse_unwritable, whole_file
from . import maker, measurements, segmentation, source
from .parts import EACH, parts, pixels
from .uids import Uids
from .validation import as_stated

SEGMENTATION, MEASUREMENTS = "segmentation.dcm", "measurements.dcm"
NAMES = (SEGMENTATION, MEASUREMENTS)


def check(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        UserError: it holds one of the files, or cannot be written to.
    """
    for name in NAMES:
        refuse_existing(folder / name, overwrite=overwrite)
        refuse_unwritable(folder / name)


def write(
    folder: Path,
    segmented: Segmentation,
    table: LesionTable,
    *,
    made: datetime,
    lesion_segments: str = EACH,
    repeatable: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write ``segmentation.dcm`` and ``measurements.dcm`` into a folder.

    The same arguments give the same bytes, but for the time of day on machines in other time zones, see
    :func:`.maker.complete`.

    Args:
        folder: made where it is missing.
        segmented: labels on the grid of a volume that was read from a DICOM folder.
        table: its measures.
        made: when, with a time zone.
        lesion_segments: ``each`` lesion a segment of its own, or one for ``all``.
        repeatable: the objects have the same UIDs whenever they are made, and not others each time: an archive that
            gets them twice then holds them once.
        overwrite: replace files that are there.

    Raises:
        UserError: the images lack what objects about them need, a file exists, or the folder cannot be written to.
    """
    images = source.read(segmented.volume)
    uids = _uids(images, segmented, lesion_segments, None if repeatable else made)
    found = parts(segmented, table, lesion_segments)
    with as_stated():
        segments = segmentation.make(images, pixels(segmented, found), found, segmented.model, uids)
        report = measurements.make(images, segmented, segments, found, table, uids)
        maker.complete((segments, report), images[0], made)
        for name, made_object in zip(NAMES, (segments, report), strict=True):
            with whole_file(folder / name, overwrite=overwrite) as unfinished:
                made_object.save_as(unfinished, enforce_file_format=True)
    return [folder / name for name in NAMES]


def _uids(images: Sequence[Dataset], segmented: Segmentation, lesion_segments: str, made: datetime | None) -> Uids:
    """Of what the objects are made from, the labels themselves left out: another device may change a voxel."""
    return Uids(
        __version__,
        segmented.model.weights.sha256,
        repr(segmented.options),
        lesion_segments,
        made.astimezone(timezone.utc).isoformat() if made else "",
        *(image.SOPInstanceUID for image in images),
    )

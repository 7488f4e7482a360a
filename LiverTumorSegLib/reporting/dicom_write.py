"""The DICOM Segmentation and the Structured Report of a result, written as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ..core.about import __version__
from ..core.atomic_files import refuse_existing, refuse_unwritable, whole_group
from ..inference.segment import Segmentation, SegmentationOptions
from . import dicom_common, dicom_seg, dicom_sr, dicom_texts
from .dicom_common import UidMaker, without_validation
from .dicom_forms import BINARY, DEFLATED, LABEL_MAP, OVERLAPPING
from .dicom_label_map import as_label_map
from .dicom_revision import FIRST, Revision
from .dicom_seg import EACH_LESION, layer_pixels, list_segments, segment_pixels
from .lesions import LesionTable
from .source_frames import slice_identity

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
    lesion_segments: str = EACH_LESION,
    repeatable: bool = False,
    revision: Revision = FIRST,
    form: str = BINARY,
    tell: Callable[[str], object] = lambda _: None,
    overwrite: bool = False,
) -> list[Path]:
    """Write ``segmentation.dcm`` and ``measurements.dcm`` into a folder.

    The same arguments give the same bytes, but for the time of day on machines in other time zones, see
    :func:`.dicom_common.complete_objects`.

    Args:
        folder: made where it is missing.
        segmented: labels on the grid of a volume that was read from a DICOM folder.
        table: its measures.
        made: when, with a time zone.
        lesion_segments: ``each`` lesion a segment of its own, or one for ``all``.
        repeatable: the objects have the same UIDs whenever they are made, and not others each time: an archive that
            gets them twice then holds them once. What was corrected is never so.
        revision: which version of the result they hold.
        form: of the Segmentation, one of :data:`.dicom_forms.FORMS`; binary where it cannot have that one.
        tell: told a sentence where that is so.
        overwrite: replace files that are there.

    Raises:
        UserError: the images lack what objects about them need, a file exists, or the folder cannot be written to.
    """
    images = dicom_common.read_source_images(segmented.volume)
    is_fixed = repeatable and not revision.corrected
    uids = _uids(images, segmented, lesion_segments, None if is_fixed else made)
    found = list_segments(segmented, table, lesion_segments)
    with without_validation():
        own = [segment_pixels(segmented, table, found)] if any(not part.layer for part in found) else []
        pixels = [*own, *layer_pixels(segmented, found)]
        segments = dicom_seg.make_segmentation(images, pixels, found, segmented.model, uids)
        report = dicom_sr.make_report(images, segmented, segments, found, table, uids, revision.predecessor)
        for one in (segments, report):
            revision.describe(one)
        dicom_common.complete_objects((segments, report), images[0], made)
        dicom_texts.fit_texts(report)
        formed = in_form(segments, report, form)
        if formed is None:
            tell(OVERLAPPING)
        paths = [folder / name for name in NAMES]
        with whole_group(paths, overwrite=overwrite) as unfinished:
            for file, made_object in zip(unfinished, formed or (segments, report), strict=True):
                made_object.save_as(file, enforce_file_format=True)
    return paths


def in_form(segmentation: Dataset, report: Dataset, form: str) -> tuple[Dataset, Dataset] | None:
    """Both objects, which may be changed for it, with the segmentation in another form than the binary one it has.

    Args:
        segmentation: with its file's header.
        report: on it.
        form: one of :data:`.dicom_forms.FORMS`.

    Returns:
        None where it cannot have that form; nothing is changed then.
    """
    if form == LABEL_MAP:
        return as_label_map(segmentation, report)
    if form == DEFLATED:
        segmentation.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return segmentation, report


def _uids(images: Sequence[Dataset], segmented: Segmentation, lesion_segments: str, made: datetime | None) -> UidMaker:
    """UIDs from what the objects are made of but the labels themselves: another device may change a voxel."""
    return UidMaker(
        __version__,
        segmented.model.weights.sha256,
        *_of_other_models(segmented),
        named_values(segmented.options),
        lesion_segments,
        made.astimezone(timezone.utc).isoformat() if made else "",
        *map(slice_identity, images),
    )


def _of_other_models(segmented: Segmentation) -> Iterator[str]:
    """The weights of the other models, and what each of them marks."""
    if segmented.liver_model:
        yield f"liver {segmented.liver_model.weights.sha256}"
    for other in segmented.others:
        yield f"{' '.join(other.names)} {other.model.weights.sha256}"


def named_values(options: SegmentationOptions) -> str:
    """Options as text by their names, which no class's name and no order of fields changes: UIDs are made of it."""
    cleanup = options.postprocessing
    values = asdict(replace(options, postprocessing=None)) | {"postprocessing": cleanup and cleanup.model_dump()}
    return json.dumps(values, sort_keys=True)

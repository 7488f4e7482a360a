"""A comparison as a DICOM Structured Report (TID 1500 of PS3.16): each lesion at each visit, and what became of it.

It belongs to the study of the last CT, and names the images of all (Pertinent Other Evidence Sequence of PS3.3, section
C.17.2). One such report holds every visit, so that a lesion's identifier can be read back from it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from ..core.about import __version__
from ..core.atomic_files import whole_file
from ..core.errors import UserError
from ..core.labels import LESION, LIVER
from ..core.volume import Volume
from ..reporting import dicom_common, dicom_sr, dicom_texts
from ..reporting.dicom_common import UidMaker
from ..reporting.dicom_revision import DocumentReference
from ..reporting.dicom_seg import MOST_LESIONS, snomed_code
from ..reporting.source_frames import frame_numbers
from . import report, report_words
from .dicom_objects import EarlierObjects, Tracking, VisitImages, is_about, predecessors
from .scan import Scan
from .series import Series
from .tracking import track

SERIES_NUMBER = 9004
RELATION = Code("RELATION", dicom_sr.OWN_CODES, "What became of the lesion")
PAIRING = Code("PAIRING", dicom_sr.OWN_CODES, "How lesions of two visits were paired")
SUMMARY = Code("COMPARISON", dicom_sr.OWN_CODES, "Comparison of visits")

_MODEL = "Follow-up"
_BASELINE = Code("C1442488", "UMLS", "Baseline")


def read_visits(scans: Sequence[Scan]) -> tuple[VisitImages, ...]:
    """The scans with what their images state.

    Raises:
        UserError: as :func:`read_images`.
    """
    images = read_images([scan.name for scan in scans], [scan.volume for scan in scans])
    return tuple(VisitImages(scan, own) for scan, own in zip(scans, images, strict=True))


def read_images(names: Sequence[str], volumes: Sequence[Volume]) -> tuple[tuple[Dataset, ...], ...]:
    """What the images of CTs state, before any other work is done for a report.

    Args:
        names: of their files or folders.
        volumes: the CTs.

    Raises:
        UserError: a CT did not come as DICOM, its images lack what a report needs, or two are one series.
    """
    for name, volume in zip(names, volumes, strict=True):
        if not volume.images:
            msg = f"{name} is no DICOM series, which a report in DICOM needs of every CT: leave --dicom out."
            raise UserError(msg)
    images = tuple(dicom_common.read_source_images(volume) for volume in volumes)
    if len({own[0].SeriesInstanceUID for own in images}) < len(images):
        msg = "Two of the CTs are one DICOM series, of which DICOM has nothing to compare: leave --dicom out."
        raise UserError(msg)
    return images


def refuse_without_lesions(series: Series) -> None:
    """Raise :class:`UserError` where no CT has a lesion, of which a report in DICOM consists."""
    if not any(scan.table.lesions for scan in series.scans):
        msg = "No CT has a lesion, and a report in DICOM would say nothing: leave --dicom out."
        raise UserError(msg)


def write_report(
    path: Path,
    series: Series,
    visits: Sequence[VisitImages],
    earlier: EarlierObjects,
    *,
    made: datetime,
    overwrite: bool = False,
) -> Path:
    """Write the report; the same comparison has the same UIDs whenever it is made.

    Args:
        path: of the file.
        series: the comparisons.
        visits: their CTs, see :func:`read_visits`.
        earlier: objects of earlier readings. Lesions keep the identifiers that they have there, and where a report on
            these very CTs is among them that says anything else, it is named as the predecessor.
        made: when, with a time zone.
        overwrite: replace a file that is there.

    Raises:
        UserError: the file exists, its folder cannot be written to, or no CT has a lesion.
    """
    with dicom_common.without_validation():
        found = make_report(series, visits, earlier)
        dicom_common.complete_objects((found,), visits[-1].images[0], made)
        dicom_texts.fit_texts(found)
        with whole_file(path, overwrite=overwrite) as unfinished:
            found.save_as(unfinished, enforce_file_format=True)
    return path


def make_report(
    series: Series, visits: Sequence[VisitImages], earlier: EarlierObjects
) -> sr.ComprehensiveSR | sr.Comprehensive3DSR:
    """Make the object, see :func:`write_report`."""
    refuse_without_lesions(series)
    links = [each.links for each in series.comparisons]
    trackings = track(visits, links, [earlier.trackings(visit) for visit in visits])
    content = _content_of(series, trackings)
    before = next((one for one in earlier.reports if _is_ours(one) and is_about(one, visits)), None)
    uids, predecessor = _version(content, visits, before)
    lines = [dicom_sr.DiameterLines(visit.images, visit.scan.volume) for visit in visits]
    words = report_words.of_lesions(series, trackings)
    document = sr.MeasurementReport(
        observation_context=sr.ObservationContext(_observer()),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[
            group
            for number, (visit, drawn, named) in enumerate(zip(visits, lines, trackings, strict=True))
            for group in _groups(visit, drawn, named, words[number], _time_point(series, number))
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    said = dicom_texts.evaluations(report_words.doubts(series, [len(each) for each in trackings], MOST_LESIONS))
    summary = (dicom_texts.comment(text, SUMMARY) for text in report_words.summary(series, trackings))
    said.ContentSequence = sr.ContentSequence([*summary, *said.ContentSequence])
    document[0].ContentSequence.append(said)
    kind = sr.ComprehensiveSR if all(each.flat for each in lines) else sr.Comprehensive3DSR
    return kind(
        evidence=[image for visit in reversed(visits) for image in visit.images],  # the first one's study is its own
        content=document,
        series_instance_uid=uids("series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids("report"),
        is_complete=True,
        coding_schemes=[CodingSchemeIdentificationItem(dicom_sr.OWN_CODES, name=dicom_common.SOFTWARE)],
        previous_versions=[predecessor.as_dataset()] if predecessor else None,
        manufacturer=dicom_common.SOFTWARE,
        manufacturer_model_name=_MODEL,
        software_versions=__version__,
        device_serial_number=__version__,
        series_description=f"{dicom_common.SOFTWARE}, comparison: research only, not a medical device",
        instance_number=1,
        specific_character_set=None,
    )


def _content_of(series: Series, trackings: Sequence[Mapping[int, Tracking]]) -> str:
    """All that the report says, as text; the names of files are no part of it."""
    told: dict[str, Any] = report.facts(series)
    for scan in told["scans"]:
        del scan["name"]
    for comparison in told["comparisons"]:
        del comparison["registration"]  # which differs a little from machine to machine, and is not reported
    named = [{number: [each.uid, each.name] for number, each in visit.items()} for visit in trackings]
    return json.dumps([told, named, [list(map(str, each.notes)) for each in series.comparisons]], sort_keys=True)


def _version(
    content: str, visits: Sequence[VisitImages], before: Dataset | None
) -> tuple[UidMaker, DocumentReference | None]:
    """UIDs of the report, and the report that it replaces: none where that one says the same."""
    images = [uid for visit in visits for uid in visit.numbers]
    if before is None:
        return UidMaker("comparison", content, *images), None
    of_before = predecessors(before)
    same = UidMaker("comparison", content, *images, *of_before)
    if same("report") == before.SOPInstanceUID:
        return same, _first_predecessor(before) if of_before else None
    return UidMaker("comparison", content, *images, str(before.SOPInstanceUID)), DocumentReference.of(before)


def _first_predecessor(report_before: Dataset) -> DocumentReference:
    study = report_before.PredecessorDocumentsSequence[0]
    inside = study.ReferencedSeriesSequence[0]
    one = inside.ReferencedSOPSequence[0]
    uids = study.StudyInstanceUID, inside.SeriesInstanceUID, one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID
    return DocumentReference(*map(str, uids))


def _is_ours(found: Dataset) -> bool:
    return (found.get("Manufacturer"), found.get("ManufacturerModelName")) == (dicom_common.SOFTWARE, _MODEL)


def _observer() -> sr.ObserverContext:
    attributes = sr.DeviceObserverIdentifyingAttributes(
        uid=UidMaker("comparison", __version__)("device"),
        name=f"{dicom_common.SOFTWARE} ({dicom_common.NOTICE.lower()})",
        manufacturer_name=dicom_common.SOFTWARE,
        model_name=_MODEL,
        serial_number=__version__,
    )
    return sr.ObserverContext(codes.DCM.Device, attributes)


def _time_point(series: Series, number: int) -> sr.TimePointContext:
    """Which visit it is; the first CT is the baseline unless sums before it were given."""
    is_baseline = not series.comparisons[0].earlier_sums
    days = series.days[number]
    offset = None
    if is_baseline and days is not None:
        offset = sr.LongitudinalTemporalOffsetFromEvent(days, codes.UCUM.Day, _BASELINE)
    return sr.TimePointContext(
        time_point=str(number + 1),
        time_point_type=_BASELINE if is_baseline and not number else None,
        time_point_order=number + 1,
        temporal_offset_from_event=offset,
    )


def _groups(
    visit: VisitImages,
    lines: dicom_sr.DiameterLines,
    trackings: Mapping[int, Tracking],
    words: Mapping[int, Sequence[report_words.Said]],
    when: sr.TimePointContext,
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """A group of measurements (TID 1501) a lesion of one visit."""
    for lesion in visit.scan.table.largest(MOST_LESIONS):
        tracking, image, measures = trackings[lesion.number], lines.image_of(lesion), dicom_sr.measures_of(lesion)
        group = sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(tracking.uid, tracking.name),
            time_point_context=when,
            finding_type=snomed_code(LESION.kind),
            finding_sites=[sr.FindingSite(snomed_code(LIVER.kind))],
            algorithm_id=sr.AlgorithmIdentification(f"{dicom_common.SOFTWARE} {_MODEL}", __version__),
            measurements=measures,
            source_images=[
                sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID, frame_numbers(image))
            ],
        )
        dicom_sr.draw_diameters(measures, lesion, lines)
        said = group[0].ContentSequence
        for each in words[lesion.number]:
            said.append(dicom_texts.comment(each.relation, RELATION))
            said.append(dicom_texts.comment(each.pairing, PAIRING))
        if lesion.note:
            said.append(dicom_texts.comment(lesion.note))
        yield group

"""The Structured Report (TID 1500 of PS3.16): measures of the liver, and of each lesion with its diameters' lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from ..description import Description
from ..inference import Segmentation
from ..lesions import Lesion, LesionTable
from ..rounding import rounded
from ..segments import LESION, LIVER
from . import maker
from .lines import Lines
from .parts import MOST, Part
from .segmentation import code
from .uids import Uids

SERIES_NUMBER = 9002
_OWN = "99LIVERTUMORSEG"
VOLUME, LONG_AXIS, SHORT_AXIS = codes.SCT.Volume, codes.SCT.LongAxis, codes.SCT.ShortAxis
ATTENUATION = codes.DCM.AttenuationCoefficient
BURDEN = Code("BURDEN", _OWN, "Lesion burden, share of the liver with its lesions")

_ORGAN = "Liver with its lesions"
"""What the first group is about, where the segment “Liver” is without them."""

_ML = Code("ml", "UCUM", "ml")
_MM, _PERCENT, _HU = codes.UCUM.Millimeter, codes.UCUM.Percent, codes.UCUM.HounsfieldUnit
_DIGITS = 3

Group: TypeAlias = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations


def make(
    images: Sequence[Dataset],
    segmentation: Segmentation,
    segments: Dataset,
    parts: Sequence[Part],
    table: LesionTable,
    uids: Uids,
) -> sr.ComprehensiveSR | sr.Comprehensive3DSR:
    """Make the object; its numbers are rounded as those of the CSV files.

    Args:
        images: the source, see :func:`.source.read`.
        segmentation: what was measured.
        segments: the DICOM Segmentation of it.
        parts: its segments.
        table: the measures.
        uids: of all that is made.
    """
    lines = Lines(images, segmentation.volume)
    groups = _Groups(images[0], segmentation, segments, parts, uids)
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(_observer(segmentation.model)),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=list(groups.of(table, lines)),
        title=codes.DCM.ImagingMeasurementReport,
    )
    kind = sr.ComprehensiveSR if lines.flat else sr.Comprehensive3DSR
    return kind(
        evidence=[*images, segments],
        content=report,
        series_instance_uid=uids("measurements series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids("measurements"),
        is_complete=True,
        coding_schemes=[CodingSchemeIdentificationItem(_OWN, name=maker.SOFTWARE)],
        **maker.equipment(segmentation.model),
    )


def _observer(model: Description) -> sr.ObserverContext:
    attributes = sr.DeviceObserverIdentifyingAttributes(
        uid=maker.observer_uid(model),
        name=f"{maker.SOFTWARE} ({maker.NOTICE.lower()})",
        manufacturer_name=maker.SOFTWARE,
        model_name=model.name,
        serial_number=maker.serial_number(model),
    )
    return sr.ObserverContext(codes.DCM.Device, attributes)


class _Groups:
    """Makes groups of measurements.

    Args:
        image: of the source series.
        segmentation: what was measured.
        segments: the DICOM Segmentation.
        parts: its segments.
        uids: of all that is made.
    """

    def __init__(
        self, image: Dataset, segmentation: Segmentation, segments: Dataset, parts: Sequence[Part], uids: Uids
    ) -> None:
        self._series = sr.SourceSeriesForSegmentation(image.SeriesInstanceUID)
        self._algorithm = maker.algorithm_items(segmentation.model)
        self._segments, self._uids = segments, uids
        self._parts = {part.lesion: part for part in parts if part.segment is LESION}
        self._site = sr.FindingSite(code(LIVER.kind))

    def of(self, table: LesionTable, lines: Lines) -> Iterator[Group]:
        """One for each segment in their order, all beginning with the same measures.

        3D Slicer's QuantitativeReporting takes the first group for the first segment and so on, and shows what all of
        them state under the headings of the first one. Lesions without a segment of their own follow.
        """
        if table.liver_ml is not None:
            yield self._organ(table)
        if None in self._parts:
            yield self._lesions(table)
        for lesion in table.lesions[:MOST]:
            yield self._lesion(lesion, lines)

    def _organ(self, table: LesionTable) -> Group:
        """Of the liver with its lesions, which no segment is (TID 1501)."""
        return sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(self._uids(_ORGAN), _ORGAN),
            finding_type=code(LIVER.kind),
            measurements=list(_size(table.liver_ml, table.burden_percent)),
            algorithm_id=self._algorithm,
        )

    def _lesions(self, table: LesionTable) -> Group:
        """Of all lesions, which are one segment."""
        part = self._parts[None]
        return self._group(part.name, list(_size(table.lesion_ml, table.burden_percent)), part)

    def _lesion(self, lesion: Lesion, lines: Lines) -> Group:
        """Of one lesion, its diameters with their lines."""
        long = _number(LONG_AXIS, lesion.axial_diameter_mm, _MM)
        short = _number(SHORT_AXIS, lesion.short_axial_diameter_mm, _MM)
        measures = [*_size(lesion.volume_ml, lesion.burden_percent), long, short, *_density(lesion)]
        group = self._group(f"Lesion {lesion.number}", measures, self._parts.get(lesion.number))
        # TID 1411 is extensible, though highdicom allows no lines in it
        long[0].ContentSequence = [lines.draw(lesion, lesion.axial_line_mm)]
        short[0].ContentSequence = [lines.draw(lesion, lesion.short_axial_line_mm)]
        return group

    def _group(self, name: str, measures: list[sr.Measurement], part: Part | None) -> Group:
        """About a segment (TID 1411), or about none (TID 1501)."""
        content: dict[str, Any] = {
            "tracking_identifier": sr.TrackingIdentifier(self._uids(name), name),
            "finding_type": code(LESION.kind),
            "finding_sites": [self._site],
            "algorithm_id": self._algorithm,
            "measurements": measures,
        }
        if part is None:
            return sr.MeasurementsAndQualitativeEvaluations(**content)
        uids = self._segments.SOPClassUID, self._segments.SOPInstanceUID
        segment = sr.ReferencedSegment(*uids, part.number, source_series=self._series)
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **content)


def _size(volume_ml: float | None, burden_percent: float | None) -> Iterator[sr.Measurement]:
    """What is known of it; the model does not always tell the liver."""
    if volume_ml is not None:
        yield _number(VOLUME, volume_ml, _ML)
    if burden_percent is not None:
        yield _number(BURDEN, burden_percent, _PERCENT)


def _density(lesion: Lesion) -> Iterator[sr.Measurement]:
    yield _number(ATTENUATION, lesion.mean_hu, _HU, derivation=codes.SCT.Mean)
    yield _number(ATTENUATION, lesion.sd_hu, _HU, derivation=codes.SCT.StandardDeviation)


def _number(name: Code, value: float, unit: Code, **more: Any) -> sr.Measurement:
    return sr.Measurement(name=name, value=rounded(value, _DIGITS), unit=unit, **more)

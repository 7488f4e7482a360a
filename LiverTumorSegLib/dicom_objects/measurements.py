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
ATTENUATION, LESION_COUNT = codes.DCM.AttenuationCoefficient, Code("246206008", "SCT", "Number of lesions")
LESION_VOLUME = Code("LESION_VOLUME", _OWN, "Volume of all lesions of the liver")
BURDEN = Code("BURDEN", _OWN, "Share of the liver, its lesions included")

_ML = Code("ml", "UCUM", "ml")
_MM, _PERCENT, _HU, _ONE = codes.UCUM.Millimeter, codes.UCUM.Percent, codes.UCUM.HounsfieldUnit, codes.UCUM.NoUnits
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
    groups = _Groups(images[0], segmentation, segments, {part.lesion: part for part in parts if part.lesion}, uids)
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(_observer(segmentation.model)),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[
            groups.organ(table),
            *(each for lesion in table.lesions[:MOST] for each in groups.lesion(lesion, lines)),
        ],
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
        parts: its segments that are of one lesion, by the lesion's number.
        uids: of all that is made.
    """

    def __init__(
        self, image: Dataset, segmentation: Segmentation, segments: Dataset, parts: dict[int, Part], uids: Uids
    ) -> None:
        self._series = sr.SourceSeriesForSegmentation(image.SeriesInstanceUID)
        self._algorithm = maker.algorithm_items(segmentation.model)
        self._segments, self._parts, self._uids = segments, parts, uids
        self._site = sr.FindingSite(code(LIVER.kind))

    def organ(self, table: LesionTable) -> sr.MeasurementsAndQualitativeEvaluations:
        """Of the liver as a whole (TID 1501); what the model does not tell is left out."""
        measures = (
            (VOLUME, table.liver_ml, _ML),
            (LESION_VOLUME, table.lesion_ml, _ML),
            (BURDEN, table.burden_percent, _PERCENT),
            (LESION_COUNT, len(table.lesions), _ONE),
        )
        return sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(self._uids("Liver"), "Liver"),
            finding_type=code(LIVER.kind),
            measurements=[_number(name, value, unit) for name, value, unit in measures if value is not None],
            algorithm_id=self._algorithm,
        )

    def lesion(self, lesion: Lesion, lines: Lines) -> list[Group]:
        """Of one lesion: what its segment tells (TID 1411), and its diameters with their lines (TID 1501).

        A group of the first kind may refer to nothing but the segment. Both have the same tracking identifiers; of a
        lesion without a segment of its own there is one group of the second kind.
        """
        part = self._parts.get(lesion.number)
        of_segment, of_lines = list(_of_voxels(lesion)), list(_of_lines(lesion, lines))
        if part is None:
            return [sr.MeasurementsAndQualitativeEvaluations(measurements=of_segment + of_lines, **self._of(lesion))]
        uids = self._segments.SOPClassUID, self._segments.SOPInstanceUID
        segment = sr.ReferencedSegment(*uids, part.number, source_series=self._series)
        return [
            sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                referenced_segment=segment, measurements=of_segment, **self._of(lesion)
            ),
            sr.MeasurementsAndQualitativeEvaluations(measurements=of_lines, **self._of(lesion)),
        ]

    def _of(self, lesion: Lesion) -> dict[str, Any]:
        name = f"Lesion {lesion.number}"
        return {
            "tracking_identifier": sr.TrackingIdentifier(self._uids(name), name),
            "finding_type": code(LESION.kind),
            "finding_sites": [self._site],
            "algorithm_id": self._algorithm,
        }


def _of_voxels(lesion: Lesion) -> Iterator[sr.Measurement]:
    yield _number(VOLUME, lesion.volume_ml, _ML)
    yield _number(ATTENUATION, lesion.mean_hu, _HU, derivation=codes.SCT.Mean)
    yield _number(ATTENUATION, lesion.sd_hu, _HU, derivation=codes.SCT.StandardDeviation)
    if lesion.burden_percent is not None:
        yield _number(BURDEN, lesion.burden_percent, _PERCENT)


def _of_lines(lesion: Lesion, lines: Lines) -> Iterator[sr.Measurement]:
    long, short = lines.draw(lesion, lesion.axial_line_mm), lines.draw(lesion, lesion.short_axial_line_mm)
    yield _number(LONG_AXIS, lesion.axial_diameter_mm, _MM, referenced_coordinates=[long])
    yield _number(SHORT_AXIS, lesion.short_axial_diameter_mm, _MM, referenced_coordinates=[short])


def _number(name: Code, value: float, unit: Code, **more: Any) -> sr.Measurement:
    return sr.Measurement(name=name, value=rounded(value, _DIGITS), unit=unit, **more)

"""The Structured Report (TID 1500 of PS3.16): measures of the liver and of each lesion, their lines, and doubts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CoordinatesForMeasurement, CoordinatesForMeasurement3D, SourceImageForRegion
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from ..core.labels import LESION, LIVER
from ..core.text_files import round_floats
from ..core.volume import Volume
from ..inference.segment import Segmentation
from . import dicom_common, dicom_texts
from .dicom_common import UidMaker
from .dicom_revision import DocumentReference
from .dicom_seg import MOST_LESIONS, DicomSegment, snomed_code
from .lesion_origins import LesionOrigin
from .lesions import Lesion, LesionTable, Point
from .other_structures import measure_structures
from .source_frames import frame_numbers

_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


class DiameterLines:
    """Draws lines of lesions, on the images that were segmented where these are the axial slices.

    Args:
        images: one for each index ``k`` of the volume.
        volume: their place in the patient.
    """

    def __init__(self, images: Sequence[Dataset], volume: Volume) -> None:
        self._images, self._volume = images, volume
        self._to_voxels = np.linalg.inv(volume.affine)

    @property
    def flat(self) -> bool:
        """Whether lines lie on the images, not in space as in a coronal series."""
        return self._volume.axial.axes[0] == 0

    def draw(
        self, lesion: Lesion, line: tuple[Point, Point]
    ) -> CoordinatesForMeasurement | CoordinatesForMeasurement3D:
        """A polyline between the ends, in RAS mm, of a line in the lesion's axial slice."""
        if not self.flat:
            ends = np.array(line) * _RAS_TO_LPS
            return CoordinatesForMeasurement3D("POLYLINE", ends, self._images[0].FrameOfReferenceUID)
        image = self.image_of(lesion)
        reference = SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID, frame_numbers(image))
        return CoordinatesForMeasurement("POLYLINE", self._pixels(line, image), reference)

    def image_of(self, lesion: Lesion) -> Dataset:
        """The image that the longest diameter lies on; of series that are not axial, one through the lesion."""
        return self._images[self._at(lesion) if self.flat else lesion.inside_voxel[2]]

    def _at(self, lesion: Lesion) -> int:
        return len(self._images) - lesion.slice if self._volume.axial.flips[0] else lesion.slice - 1

    def _pixels(self, line: tuple[Point, Point], image: Dataset) -> np.ndarray:
        """``[end, (column, row)]``; the centre of the first pixel is at 0.5 (PS3.3, section C.18.6.1.1)."""
        ends = np.column_stack([line, np.ones(2)]) @ self._to_voxels.T
        pixels: np.ndarray = (ends[:, :2] + 0.5).clip(0, (image.Columns, image.Rows))
        return pixels


SERIES_NUMBER = 9002
OWN_CODES = "99LIVERTUMORSEG"
VOLUME, LONG_AXIS, SHORT_AXIS = codes.SCT.Volume, codes.SCT.LongAxis, codes.SCT.ShortAxis
ATTENUATION = codes.DCM.AttenuationCoefficient
BURDEN = Code("BURDEN", OWN_CODES, "Lesion burden, share of the liver with its lesions")
ORIGIN = Code("ORIGIN", OWN_CODES, "How the lesion was marked")

_ORGAN = "Liver with its lesions"
"""Subject of the first group, where the segment “Liver” is without them."""

_ML = Code("ml", "UCUM", "ml")
_MM, _PERCENT, _HU = codes.UCUM.Millimeter, codes.UCUM.Percent, codes.UCUM.HounsfieldUnit
_DIGITS = 3

Group: TypeAlias = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations


def make_report(
    images: Sequence[Dataset],
    segmentation: Segmentation,
    segments: Dataset,
    parts: Sequence[DicomSegment],
    table: LesionTable,
    uids: UidMaker,
    predecessor: DocumentReference | None = None,
) -> sr.ComprehensiveSR | sr.Comprehensive3DSR:
    """Make the object; its numbers are rounded as those of the CSV files, and its comments say what is doubtful.

    Args:
        images: the source, see :func:`.dicom_common.read_source_images`.
        segmentation: what was measured.
        segments: the DICOM Segmentation of it.
        parts: its segments.
        table: the measures.
        uids: of all that is made.
        predecessor: the report of this result before it was corrected; None for a first one.
    """
    lines = DiameterLines(images, segmentation.volume)
    groups = _Groups(images[0], segmentation, segments, parts, uids)
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(_observer(segmentation)),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=list(groups.of(table, lines)),
        title=codes.DCM.ImagingMeasurementReport,
    )
    if doubts := (*segmentation.warnings, *table.warnings):
        report[0].ContentSequence.append(dicom_texts.evaluations(doubts))
    kind = sr.ComprehensiveSR if lines.flat else sr.Comprehensive3DSR
    return kind(
        evidence=[*images, segments],
        content=report,
        series_instance_uid=uids("measurements series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids("measurements"),
        is_complete=True,
        coding_schemes=[CodingSchemeIdentificationItem(OWN_CODES, name=dicom_common.SOFTWARE)],
        previous_versions=[predecessor.as_dataset()] if predecessor else None,
        **dicom_common.equipment(segmentation.model),
    )


def _observer(segmentation: Segmentation) -> sr.ObserverContext:
    model = segmentation.model
    attributes = sr.DeviceObserverIdentifyingAttributes(
        uid=dicom_common.observer_uid(segmentation.models),
        name=f"{dicom_common.SOFTWARE} ({dicom_common.NOTICE.lower()})",
        manufacturer_name=dicom_common.SOFTWARE,
        model_name=model.name,
        serial_number=dicom_common.serial_number(model),
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
        self,
        image: Dataset,
        segmentation: Segmentation,
        segments: Dataset,
        parts: Sequence[DicomSegment],
        uids: UidMaker,
    ) -> None:
        self._series = sr.SourceSeriesForSegmentation(image.SeriesInstanceUID)
        self._model = segmentation.model
        self._segments, self._uids = segments, uids
        self._parts = {part.lesion: part for part in parts if part.segment is LESION}
        self._others = [part for part in parts if part.layer]
        self._structures = measure_structures(segmentation)
        self._liver_model = segmentation.liver_model or segmentation.model
        self._site = sr.FindingSite(snomed_code(LIVER.kind))

    def of(self, table: LesionTable, lines: DiameterLines) -> Iterator[Group]:
        """One for each segment in their order, all beginning with the same measures.

        3D Slicer's QuantitativeReporting takes the first group for the first segment and so on, and shows what all of
        them state under the headings of the first one. Lesions without a segment of their own follow.
        """
        if table.liver_ml is not None:
            yield self._organ(table)
        if None in self._parts:
            yield self._lesions(table)
        for lesion in table.largest(MOST_LESIONS):
            yield self._lesion(lesion, lines)
        volumes = {(each.title[:64].lower(), each.model): each.volume_ml for each in self._structures}
        for part in self._others:
            yield self._structure(part, volumes[part.name.lower(), part.model.name])

    def _organ(self, table: LesionTable) -> Group:
        """Group of the liver with its lesions, which no segment is (TID 1501)."""
        return sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(self._uids(_ORGAN), _ORGAN),
            finding_type=snomed_code(LIVER.kind),
            measurements=list(_size(table.liver_ml, table.burden_percent)),
            algorithm_id=dicom_common.algorithm_for_report(self._liver_model),
        )

    def _lesions(self, table: LesionTable) -> Group:
        """Group of all lesions, which are one segment."""
        part = self._parts[None]
        return self._group(part.name, list(_size(table.lesion_ml, table.burden_percent)), part, part.origin)

    def _lesion(self, lesion: Lesion, lines: DiameterLines) -> Group:
        """Group of one lesion, its diameters with their lines, how it came about, and its note as a comment."""
        part, measures = self._parts.get(lesion.number), measures_of(lesion)
        group = self._group(f"Lesion {lesion.number}", measures, part, lesion.origin)
        draw_diameters(measures, lesion, lines)
        said = group[0].ContentSequence  # to which highdicom itself adds codes alone
        if lesion.origin:
            said.append(dicom_texts.comment(lesion.origin.in_words, ORIGIN))
        if lesion.note:
            said.append(dicom_texts.comment(lesion.note))
        return group

    def _structure(self, part: DicomSegment, volume_ml: float) -> Group:
        """Group of a structure beside liver and lesions, by its own model."""
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(self._uids(part.name), part.name),
            finding_type=snomed_code(part.segment.kind),
            finding_sites=[sr.FindingSite(snomed_code(region))] if (region := part.segment.region) else None,
            algorithm_id=dicom_common.algorithm_for_report(part.model),
            measurements=list(_size(volume_ml, None)),
            referenced_segment=self._reference(part),
        )

    def _reference(self, part: DicomSegment) -> sr.ReferencedSegment:
        uids = self._segments.SOPClassUID, self._segments.SOPInstanceUID
        return sr.ReferencedSegment(*uids, part.number, source_series=self._series)

    def _group(
        self, name: str, measures: list[sr.Measurement], part: DicomSegment | None, origin: LesionOrigin | None
    ) -> Group:
        """About a segment (TID 1411), or about none (TID 1501)."""
        content: dict[str, Any] = {
            "tracking_identifier": sr.TrackingIdentifier(self._uids(name), name),
            "finding_type": snomed_code(LESION.kind),
            "finding_sites": [self._site],
            "algorithm_id": dicom_common.algorithm_for_report(self._model, origin),
            "measurements": measures,
        }
        if part is None:
            return sr.MeasurementsAndQualitativeEvaluations(**content)
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=self._reference(part), **content
        )


def measures_of(lesion: Lesion) -> list[sr.Measurement]:
    """Volume, burden, both diameters and density of one lesion."""
    long = _number(LONG_AXIS, lesion.axial_diameter_mm, _MM)
    short = _number(SHORT_AXIS, lesion.short_axial_diameter_mm, _MM)
    return [*_size(lesion.volume_ml, lesion.burden_percent), long, short, *_density(lesion)]


def draw_diameters(measures: Sequence[sr.Measurement], lesion: Lesion, lines: DiameterLines) -> None:
    """Give the diameters among a group's measures their lines, in place, once the group is made.

    TID 1411 of PS3.16 is extensible, though highdicom allows no lines in it.
    """
    for measure in measures:
        if measure.name == LONG_AXIS:
            measure[0].ContentSequence = [lines.draw(lesion, lesion.axial_line_mm)]
        elif measure.name == SHORT_AXIS:
            measure[0].ContentSequence = [lines.draw(lesion, lesion.short_axial_line_mm)]


def _size(volume_ml: float | None, burden_percent: float | None) -> Iterator[sr.Measurement]:
    """Measurements of size that are known; the model does not always tell the liver."""
    if volume_ml is not None:
        yield _number(VOLUME, volume_ml, _ML)
    if burden_percent is not None:
        yield _number(BURDEN, burden_percent, _PERCENT)


def _density(lesion: Lesion) -> Iterator[sr.Measurement]:
    yield _number(ATTENUATION, lesion.mean_hu, _HU, derivation=codes.SCT.Mean)
    yield _number(ATTENUATION, lesion.sd_hu, _HU, derivation=codes.SCT.StandardDeviation)


def _number(name: Code, value: float, unit: Code, **more: Any) -> sr.Measurement:
    return sr.Measurement(name=name, value=round_floats(value, _DIGITS), unit=unit, **more)

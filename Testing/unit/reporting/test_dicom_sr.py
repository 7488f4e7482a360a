import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pytest
from highdicom.spatial import ImageToReferenceTransformer
from pydicom.sr.codedict import codes
from scipy.spatial import ConvexHull
from support.dicom_object_cases import CASES, dciodvfy, need, written

from LiverTumorSegLib.reporting import dicom_sr as names
from LiverTumorSegLib.reporting.lesions import number_lesions
from LiverTumorSegLib.reporting.other_structures import measure_structures


def read(case):
    return highdicom.sr.srread(case.folder / "measurements.dcm")


def groups(report):
    """Measurements of each tracking identifier, whichever kind of group they are in."""
    content = report.content
    found = {}
    for group in [
        *content.get_image_measurement_groups(),
        *content.get_volumetric_roi_measurement_groups(),
    ]:
        assert group.tracking_identifier not in found
        found[group.tracking_identifier] = group.get_measurements()
    return found


def values(measurements):
    return {
        (measurement.name.value, getattr(measurement.derivation, "value", None)): (
            measurement.value,
            measurement.unit.value,
        )
        for measurement in measurements
    }


def row(cells, keys):
    """Cells of a CSV by concept, without empty ones."""
    return {concept: (float(cells[column]), unit) for column, concept, unit in keys if cells[column]}


OF_LESION = (
    ("volume_ml", ("118565006", None), "ml"),
    ("axial_diameter_mm", ("103339001", None), "mm"),
    ("short_axial_diameter_mm", ("103340004", None), "mm"),
    ("mean_hu", ("112031", "373098007"), "[hnsf'U]"),
    ("sd_hu", ("112031", "386136009"), "[hnsf'U]"),
    ("burden_percent", ("BURDEN", None), "%"),
)
OF_LIVER = (
    ("liver_ml", ("118565006", None), "ml"),
    ("burden_percent", ("BURDEN", None), "%"),
)
OF_ALL_LESIONS = (
    ("lesion_ml", ("118565006", None), "ml"),
    ("burden_percent", ("BURDEN", None), "%"),
)


@pytest.mark.parametrize("name", CASES)
def test_dciodvfy_finds_no_error(name):
    assert dciodvfy(written(name).folder / "measurements.dcm") == []


@pytest.mark.parametrize("name", CASES)
def test_highdicom_reads_what_the_csv_files_say(name):
    case = written(name)
    found = groups(read(case))
    (patient,) = csv.DictReader(io.StringIO(case.table.patient_csv()))
    assert values(found.pop("Liver with its lesions", [])) == row(patient, OF_LIVER)
    if "Lesions" in found:
        assert values(found.pop("Lesions")) == row(patient, OF_ALL_LESIONS)
    for other in measure_structures(case.segmentation):
        found.pop(f"{other.title[:1].upper()}{other.title[1:]}", None)
    lesions = list(csv.DictReader(io.StringIO(case.table.to_csv())))
    assert list(found) == [f"Lesion {lesion['number']}" for lesion in lesions]
    for measured, lesion in zip(found.values(), lesions, strict=True):
        assert values(measured) == row(lesion, OF_LESION)


def lines(measurements):
    for measurement in measurements:
        if measurement.name in (names.LONG_AXIS, names.SHORT_AXIS):
            (coordinates,) = measurement.referenced_coordinates
            yield measurement.value, coordinates


def in_patient(coordinates, case):
    """Ends of a line in LPS mm, from what it and the image that it lies on state."""
    if coordinates.ValueType == "SCOORD3D":
        assert coordinates.ReferencedFrameOfReferenceUID == "1.2.8"
        return coordinates.value
    (item,) = coordinates.ContentSequence
    uid = item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    (image,) = (image for image in case.images if image.SOPInstanceUID == uid)
    return ImageToReferenceTransformer.for_image(image)(coordinates.value.astype(float))


@pytest.mark.parametrize("name", ["plain", "tilted", "coronal", "upside down", "many lesions", "one segment"])
def test_the_lines_have_the_length_they_state_and_lie_on_their_lesion(name):
    case = written(name)
    found = groups(read(case))
    for lesion in case.table.lesions[:20]:
        of_lesion = list(lines(found[f"Lesion {lesion.number}"]))
        assert len(of_lesion) == 2
        for (length, coordinates), line in zip(
            of_lesion, (lesion.axial_line_mm, lesion.short_axial_line_mm), strict=True
        ):
            ends = in_patient(coordinates, case)
            assert coordinates.GraphicType == "POLYLINE"
            assert np.linalg.norm(np.diff(ends, axis=0)) == pytest.approx(length, abs=2e-3)
            assert ends * (-1, -1, 1) == pytest.approx(np.array(line), abs=2e-3)
    lesion = case.table.lesions[0]
    rows, columns = np.nonzero(case.segmentation.volume.axial.of(largest(case))[lesion.slice - 1])
    if case.segmentation.volume.axial.axes[0] == 0 and not any(case.segmentation.volume.axial.flips):
        corners = np.array([(c + x, r + y) for r, c in zip(rows, columns, strict=True) for x in (0, 1) for y in (0, 1)])
        for _length, coordinates in lines(found["Lesion 1"]):
            hull = ConvexHull(corners).equations
            assert (hull @ np.column_stack([coordinates.value, np.ones(2)]).T).max() < 1e-4


def largest(case):
    return number_lesions(case.segmentation.labels, case.segmentation.volume) == 2


def test_lesions_refer_to_their_segments_by_number_and_tracking_identifiers():
    case = written("plain")
    segments = {item.SegmentNumber: item for item in case.segments.SegmentSequence}
    rois = read(case).content.get_volumetric_roi_measurement_groups()
    assert len(rois) == len(case.table.lesions) > 1
    for roi in rois:
        reference = roi.referenced_segment
        segment = segments[int(reference.referenced_segment_numbers[0])]
        assert reference.referenced_sop_instance_uid == case.segments.SOPInstanceUID
        assert (roi.tracking_identifier, roi.tracking_uid) == (segment.TrackingID, segment.TrackingUID)
        assert roi.finding_type == codes.SCT.Mass


def test_without_segments_of_their_own_lesions_refer_to_none():
    content = read(written("one segment")).content
    (lesions,) = content.get_volumetric_roi_measurement_groups()
    assert (lesions.tracking_identifier, lesions.referenced_segment.referenced_segment_numbers) == ("Lesions", [2])
    assert len(content.get_image_measurement_groups()) == 1 + len(written("one segment").table.lesions)


def test_there_is_a_group_for_each_segment_in_their_order():
    """As 3D Slicer's QuantitativeReporting takes them."""
    for name in ("plain", "many lesions", "lesions alone", "nothing", "nothing of lesions alone"):
        labels = [item.SegmentLabel for item in written(name).segments.SegmentSequence]
        named = [group.partition(" with its lesions")[0] for group in groups(read(written(name)))]
        assert named == labels


@pytest.mark.parametrize("name", ["plain", "notes", "origins"])
def test_dcmqi_reads_the_same_measures_and_notes_and_nothing_else(name, tmp_path):
    program = shutil.which("tid1500reader", path=str(Path(sys.executable).parent)) or shutil.which("tid1500reader")
    if program is None:
        pytest.skip("needs dcmqi: pip install dcmqi")
    case = written(name)
    words = [program, "--inputDICOM", case.folder / "measurements.dcm", "--outputMetadata", tmp_path / "read.json"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    by_dcmqi = json.loads((tmp_path / "read.json").read_text(encoding="utf-8"))["Measurements"]
    by_highdicom = groups(read(case))
    assert [group["TrackingIdentifier"] for group in by_dcmqi] == list(by_highdicom)
    words = {f"Lesion {one.number}": [one.origin and one.origin.in_words, one.note] for one in case.table.lesions}
    for group in by_dcmqi:
        said = [evaluation["conceptValue"] for evaluation in group.get("qualitativeEvaluations", ())]
        assert said == [word for word in words.get(group["TrackingIdentifier"], []) if word]
        stated = [(item["quantity"]["CodeValue"], float(item["value"])) for item in group["measurementItems"]]
        assert stated == [(one.name.value, one.value) for one in by_highdicom[group["TrackingIdentifier"]]]
    assert [group.get("ReferencedSegment") for group in by_dcmqi] == [None, 2, 3, 4]


def test_a_note_is_a_comment_in_the_group_of_its_lesion():
    case = written("notes")
    (container,) = (item for item in case.report.ContentSequence if "126010" in str(item.ConceptNameCodeSequence[0]))
    said = {}
    for group in container.ContentSequence:
        (name,) = (item.TextValue for item in group.ContentSequence if "112039" in str(item.ConceptNameCodeSequence[0]))
        texts = [item for item in group.ContentSequence if "121106" in str(item.ConceptNameCodeSequence[0])]
        assert all((item.ValueType, item.RelationshipType) == ("TEXT", "CONTAINS") for item in texts)
        said[name] = [item.TextValue for item in texts]
    noted = {f"Lesion {lesion.number}": [lesion.note] if lesion.note else [] for lesion in case.table.lesions}
    assert said == noted | {"Liver with its lesions": []}
    assert sum(map(len, said.values())) == 2


def test_each_lesion_says_how_it_came_about_and_what_marked_or_measured_it():
    case = written("origins")
    rois = read(case).content.get_volumetric_roi_measurement_groups()
    said = [
        [item.TextValue for item in roi[0].ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "ORIGIN"]
        for roi in rois
    ]
    assert said == [["automatic"], ["painted"], ["3 clicks, corrected by hand"]]
    algorithms = [
        [item.TextValue for item in roi[0].ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "111001"]
        for roi in rois
    ]
    assert algorithms == [["LiverTumorSeg tiny"], ["LiverTumorSeg"], ["LiverTumorSeg clicks"]]
    assert b"ORIGIN" not in (written("plain").folder / "measurements.dcm").read_bytes()


def test_the_report_refers_to_every_image_and_is_nobodys_verified_reading():
    case = written("plain")
    report = case.report
    evidence = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert evidence == {image.SOPInstanceUID for image in case.images} | {case.segments.SOPInstanceUID}
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "not a medical device" in report.SeriesDescription
    (observer,) = read(case).content.get_observer_contexts()
    assert observer.observer_type == codes.DCM.Device
    assert observer.observer_identifying_attributes.model_name == "tiny"


@pytest.mark.parametrize("name", CASES)
def test_dsrdump_opens_it(name):
    words = [need("storescu").with_name("dsrdump"), written(name).folder / "measurements.dcm"]
    said = subprocess.run(words, capture_output=True, text=True, errors="replace", check=True, timeout=60)
    assert "Imaging Measurement Report" in said.stdout
    assert not re.search("^[EF]:", said.stderr, re.MULTILINE)

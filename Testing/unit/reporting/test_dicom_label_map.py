"""Label maps hold what binary segmentations hold, as other libraries read them too."""

import shutil
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.uid import RLELossless
from support.dicom_object_cases import CASES, MADE, written

from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import dicom_label_map, dicom_seg, dicom_write
from LiverTumorSegLib.reporting.dicom_common import UidMaker, read_source_images
from LiverTumorSegLib.reporting.dicom_forms import LABEL_MAP, OVERLAPPING
from LiverTumorSegLib.reporting.dicom_label_map import LABEL_MAP_STORAGE

NAMES = ("plain", "tilted", "upside down", "nothing", "no lesion", "one segment")


def as_map(folder, case, name, **more):
    """Both files of a case as a label map, and what was told."""
    told = []
    options = CASES[name].options | {"made": MADE, "form": LABEL_MAP, "tell": told.append} | more
    return *dicom_write.write(folder, case.segmentation, case.table, **options), told


@pytest.mark.parametrize("name", NAMES)
def test_a_label_map_is_read_back_as_the_binary_form_is(tmp_path, name):
    case = written(name)
    file, _, told = as_map(tmp_path, case, name)
    content = dcmread(file)
    assert (content.SOPClassUID, content.file_meta.TransferSyntaxUID, told) == (LABEL_MAP_STORAGE, RLELossless, [])
    assert content.file_meta.MediaStorageSOPClassUID == LABEL_MAP_STORAGE
    ours, usual = volumes.read_stored(file), volumes.read_stored(case.folder / dicom_write.SEGMENTATION)
    np.testing.assert_array_equal(ours.values, usual.values)
    np.testing.assert_allclose(ours.affine, usual.affine)
    labels, doubt = read_labels(file, case.segmentation.volume)
    np.testing.assert_array_equal(labels, case.segmentation.labels)
    assert doubt == ""


def test_the_report_refers_to_the_label_map_and_both_have_uids_of_their_own(tmp_path):
    case = written("plain")
    file, report, _ = as_map(tmp_path, case, "plain")
    made, said = dcmread(file), dcmread(report)
    references = [item for item in said.iterall() if item.keyword == "ReferencedSOPInstanceUID"]
    assert made.SOPInstanceUID in {item.value for item in references}
    assert case.segments.SOPInstanceUID not in {item.value for item in references}
    assert case.report.SOPInstanceUID != said.SOPInstanceUID == said.file_meta.MediaStorageSOPInstanceUID
    classes = {item.value for item in said.iterall() if item.keyword == "ReferencedSOPClassUID"}
    assert LABEL_MAP_STORAGE in classes
    assert case.segments.SOPClassUID not in classes
    assert len(highdicom.sr.srread(report).content.get_volumetric_roi_measurement_groups()) == len(case.table.lesions)
    assert dcmread(case.folder / dicom_write.SEGMENTATION).SegmentationType == "BINARY"
    again, _, _ = as_map(tmp_path / "again", case, "plain")
    assert again.read_bytes() == file.read_bytes()


def test_it_has_the_attributes_of_the_one_that_highdicom_makes(tmp_path):
    case = written("plain")
    images = read_source_images(case.segmentation.volume)
    parts = dicom_seg.list_segments(case.segmentation, case.table, "each")
    uids = UidMaker("a test")
    other = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=dicom_seg.segment_pixels(case.segmentation, case.table, parts),
        segmentation_type="LABELMAP",
        segment_descriptions=list(dicom_seg._descriptions(parts, uids)),
        series_instance_uid=uids("series"),
        series_number=1,
        sop_instance_uid=uids("object"),
        instance_number=1,
        manufacturer="",
        manufacturer_model_name="",
        software_versions="",
        device_serial_number="",
    )
    file, _, _ = as_map(tmp_path, case, "plain")
    ours = dcmread(file)
    for name in ("BitsAllocated", "HighBit", "PixelPaddingValue", "PhotometricInterpretation", "NumberOfFrames"):
        assert ours[name].value == other[name].value
    assert ours.SegmentationType == other.SegmentationType
    lacking = {element.keyword for element in other} - {element.keyword for element in ours}
    assert lacking <= {"ContributingEquipmentSequence", "DimensionOrganizationType"}, (
        "the scanner, and what is optional"
    )
    assert [part.SegmentNumber for part in ours.SegmentSequence] == [
        part.SegmentNumber for part in other.SegmentSequence
    ]
    np.testing.assert_array_equal(highdicom.seg.segread(file).pixel_array, other.pixel_array)
    pointers = [[int(item.DimensionIndexPointer) for item in one.DimensionIndexSequence] for one in (ours, other)]
    assert pointers[0] == pointers[1]


def test_dcmqi_reads_the_same_voxels(tmp_path):
    name, own = "segimage2itkimage", str(Path(sys.executable).parent)
    program, case = shutil.which(name, path=own) or shutil.which(name), written("plain")
    if program is None:
        pytest.skip("needs dcmqi: pip install dcmqi")
    file, _, _ = as_map(tmp_path, case, "plain")
    words = ["--inputDICOM", file, "--outputDirectory", tmp_path, "--outputType", "nrrd", "--mergeSegments"]
    subprocess.run([program, *words], check=True, capture_output=True, timeout=60)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "1.nrrd")))
    np.testing.assert_array_equal(theirs, volumes.read_stored(file).values)


def test_more_segments_than_a_byte_counts_have_two(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom_label_map, "_MOST_OF_A_BYTE", 2)
    case = written("plain")
    file, _, _ = as_map(tmp_path, case, "plain")
    assert dcmread(file).BitsAllocated == 16
    usual = volumes.read_stored(case.folder / dicom_write.SEGMENTATION)
    np.testing.assert_array_equal(volumes.read_stored(file).values, usual.values)


def test_structures_that_overlap_are_written_in_the_usual_form_and_told(tmp_path):
    case = written("other structures")
    file, report, told = as_map(tmp_path, case, "other structures")
    assert told == [OVERLAPPING]
    assert file.read_bytes() == (case.folder / dicom_write.SEGMENTATION).read_bytes()
    assert report.read_bytes() == (case.folder / dicom_write.MEASUREMENTS).read_bytes()

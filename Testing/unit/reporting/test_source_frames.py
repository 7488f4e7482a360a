"""DICOM objects of an enhanced CT refer to its one image, and to its frames by their numbers."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from pydicom import dcmread
from support.dicom_object_cases import MADE, dciodvfy, segmented, some_lesions
from support.dicom_slices import SLICE_MM, plain
from support.enhanced_dicom import enhanced, legacy, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import dicom_seg, volumes
from LiverTumorSegLib.io.dicom_points import points_of_report
from LiverTumorSegLib.io.raw_image import align_to_grid, fill_grid
from LiverTumorSegLib.reporting import dicom_common, dicom_rtstruct, dicom_write
from LiverTumorSegLib.reporting.dicom_read import read_objects
from LiverTumorSegLib.reporting.lesions import measure_lesions

_PLACE = TemporaryDirectory()
SHUFFLED = (3, 0, 5, 1, 4, 2)


def _two_stacks():
    slices = [*plain(), *plain(seed=8)]
    for one in slices[6:]:
        one.ImagePositionPatient[2] += 20 * SLICE_MM
    return enhanced(slices, ["1"] * 6 + ["2"] * 6)


def _part(number):
    one = enhanced(plain()[3 * number : 3 * number + 3], number=number + 1)
    one.ConcatenationUID, one.InConcatenationNumber, one.InConcatenationTotalNumber = "1.2.33", number + 1, 2
    return one


CASES = {
    "converted": (lambda: [legacy(plain())], ""),
    "shuffled": (lambda: [enhanced([plain()[number] for number in SHUFFLED])], ""),
    "second of two stacks": (lambda: [_two_stacks()], "stack2"),
    "in two files": (lambda: [_part(0), _part(1)], ""),
}
FRAMES = {
    "converted": (6, 5, 4, 3, 2, 1),
    "shuffled": (2, 4, 6, 1, 5, 3),
    "second of two stacks": (7, 8, 9, 10, 11, 12),
    "in two files": (1, 2, 3, 1, 2, 3),
}


class Objects:
    """What is written of one case."""

    def __init__(self, name: str) -> None:
        make, series = CASES[name]
        place = Path(_PLACE.name) / name
        self.files = [write(one, place / "ct" / f"{number}.dcm") for number, one in enumerate(make())]
        plain_one = segmented(place / "ct", some_lesions) if not series else None
        if plain_one is None:
            volume = volumes.read_volume(place / "ct", series=series, force=True)
            labels = np.zeros(volume.voxels.shape, np.uint8)
            some_lesions(labels)
            plain_one = replace(_of("shuffled").segmentation, labels=labels, volume=volume)
        self.segmentation = plain_one
        self.table = measure_lesions(plain_one.labels, plain_one.volume, plain_one.marks)
        dicom_write.write(place, plain_one, self.table, made=MADE, repeatable=True)
        dicom_rtstruct.write(place / "structures.dcm", plain_one, self.table, made=MADE)
        self.paths = [place / name for name in (*dicom_write.NAMES, "structures.dcm")]
        self.segments, self.report, self.structures = map(dcmread, self.paths)

    @property
    def images(self):
        """UID of the image and number of the frame of each slice."""
        uids = [str(dcmread(file).SOPInstanceUID) for file in self.segmentation.volume.images]
        return list(zip(uids, self.segmentation.volume.frames, strict=True))


@cache
def _of(name):
    return Objects(name)


every = pytest.mark.parametrize("name", CASES)


@every
def test_dciodvfy_finds_no_error(name):
    for path in _of(name).paths:
        assert dciodvfy(path) == []


@every
def test_frames_of_the_segmentation_name_the_frames_that_they_lie_on(name):
    case = _of(name)
    assert case.segmentation.volume.frames == FRAMES[name]
    places = {
        tuple(image.ImagePositionPatient): k
        for k, image in enumerate(dicom_common.read_source_images(case.segmentation.volume))
    }
    seen = set()
    for frame in case.segments.PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        k = places[tuple(frame.PlanePositionSequence[0].ImagePositionPatient)]
        assert (source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber) == case.images[k]
        assert source.ReferencedSOPClassUID == dcmread(case.files[0]).SOPClassUID
        seen.add(k)
    assert seen == {1, 2, 3, 4}


@every
def test_each_image_is_named_once_with_its_frames_where_these_are_not_all(name):
    case = _of(name)
    uids = list(dict.fromkeys(uid for uid, _ in case.images))
    (series,) = case.segments.ReferencedSeriesSequence
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence] == uids
    (evidence,) = case.report.CurrentRequestedProcedureEvidenceSequence
    of_ct = next(
        each for each in evidence.ReferencedSeriesSequence if each.SeriesInstanceUID == series.SeriesInstanceUID
    )
    assert [item.ReferencedSOPInstanceUID for item in of_ct.ReferencedSOPSequence] == uids
    study = case.structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    named = study.RTReferencedSeriesSequence[0].ContourImageSequence
    for items in (named, case.segments.SourceImageSequence):
        assert [item.ReferencedSOPInstanceUID for item in items] == uids
        some = list(range(7, 13)) if name == "second of two stacks" else None
        assert [item.get("ReferencedFrameNumber") for item in items] == [some] * len(uids)


@every
def test_labels_are_read_back_onto_the_ct(name):
    case = _of(name)
    opened = read_objects(case.paths[0], [case.paths[1]], case.segmentation.volume)
    np.testing.assert_array_equal(opened.labels, case.segmentation.labels)
    assert opened.report is not None
    stored = dicom_seg.read(case.paths[0])
    found = align_to_grid(stored, case.segmentation.volume.affine)
    np.testing.assert_array_equal(fill_grid(*found, case.segmentation.labels.shape) > 0, case.segmentation.labels > 0)


@every
def test_lines_of_the_report_lie_in_the_middle_of_their_lesions(name):
    case = _of(name)
    found = points_of_report(case.paths[1], case.segmentation.volume)
    middles = [np.mean(lesion.axial_line_mm, axis=0) for lesion in case.table.lesions]
    np.testing.assert_allclose([each.point for each in found], middles, atol=0.01)
    with pytest.raises(UserError, match="has no such image"):
        points_of_report(case.paths[1], replace(case.segmentation.volume, frames=()))


@every
def test_contours_name_the_frames_that_they_lie_on(name):
    case = _of(name)
    images = dicom_common.read_source_images(case.segmentation.volume)
    contours = [one for region in case.structures.ROIContourSequence for one in region.ContourSequence]
    assert contours
    for contour in contours:
        (item,) = contour.ContourImageSequence
        k = case.images.index((item.ReferencedSOPInstanceUID, item.ReferencedFrameNumber))
        assert float(contour.ContourData[2]) == pytest.approx(float(images[k].ImagePositionPatient[2]))


def test_stacks_of_one_image_have_objects_of_their_own(tmp_path):
    case = _of("second of two stacks")
    first = volumes.read_volume(case.files[0], series="stack1", force=True)
    other = replace(case.segmentation, volume=first)
    dicom_write.write(tmp_path, other, measure_lesions(other.labels, first, other.marks), made=MADE, repeatable=True)
    assert dcmread(tmp_path / dicom_write.SEGMENTATION).SOPInstanceUID != case.segments.SOPInstanceUID


def test_patient_and_study_are_those_of_the_enhanced_ct():
    case = _of("converted")
    source = dcmread(case.files[0])
    for made in (case.segments, case.report, case.structures):
        for name in ("PatientID", "PatientName", "StudyInstanceUID"):
            assert made[name].value == source[name].value
        assert "UnassignedSharedConvertedAttributesSequence" not in made

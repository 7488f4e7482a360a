import numpy as np
import pytest
from pydicom import dcmread
from support.dicom_object_cases import written

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io.dicom_points import points_of_report


@pytest.mark.parametrize("name", ["plain", "coronal", "upside down", "tilted", "lesions alone"])
def test_each_lesion_of_a_report_has_a_point_in_the_middle_of_its_diameter(name):
    case = written(name)
    found = points_of_report(case.folder / "measurements.dcm", case.segmentation.volume)
    middles = [np.mean(lesion.axial_line_mm, axis=0) for lesion in case.table.lesions]
    np.testing.assert_allclose([each.point for each in found], middles, atol=0.01)
    assert all(each.inside for each in found)
    assert len({each.lesion for each in found}) == len(found)
    assert found[0].place.startswith("measurements.dcm, Lesion 1")


def test_points_on_images_of_another_series_are_refused():
    case = written("plain")
    volume = case.segmentation.volume
    elsewhere = Volume(volume.voxels, volume.affine)
    with pytest.raises(UserError, match="Lesion 1 lies on an image .* read from no DICOM series: give the folder"):
        points_of_report(case.folder / "measurements.dcm", elsewhere)
    with pytest.raises(UserError, match="has no such image"):
        points_of_report(case.folder / "measurements.dcm", Volume(volume.voxels, volume.affine, (), volume.images[:1]))


def test_points_and_lines_in_space_need_no_images():
    case = written("coronal")
    volume = Volume(case.segmentation.volume.voxels, case.segmentation.volume.affine)
    assert len(points_of_report(case.folder / "measurements.dcm", volume)) == len(case.table.lesions)


def test_what_is_no_report_is_refused(tmp_path):
    case = written("plain")
    with pytest.raises(UserError, match="no Structured Report"):
        points_of_report(case.folder / "segmentation.dcm", case.segmentation.volume)
    (tmp_path / "notes.txt").write_text("Lesion in segment 7")
    with pytest.raises(UserError, match="notes.txt is no DICOM report"):
        points_of_report(tmp_path / "notes.txt", case.segmentation.volume)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_report_that_was_cut_short_is_no_report_with_fewer_lesions(tmp_path, share):
    case = written("plain")
    content = (case.folder / "measurements.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="cut.dcm ends too early"):
        points_of_report(tmp_path / "cut.dcm", case.segmentation.volume)


def test_points_in_the_space_of_other_images_are_refused(tmp_path):
    case, report = written("coronal"), written("coronal").folder / "measurements.dcm"
    volume = case.segmentation.volume
    image = dcmread(volume.images[0])
    image.FrameOfReferenceUID = "1.2.3.4"
    image.save_as(tmp_path / "other.dcm")
    other = Volume(volume.voxels, volume.affine, (), (tmp_path / "other.dcm", *volume.images[1:]))
    with pytest.raises(UserError, match="Lesion 1 lies in the space of other images than the CT's"):
        points_of_report(report, other)

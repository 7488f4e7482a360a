from dataclasses import replace

import numpy as np
import pytest
from support import dicom_slices, enhanced_dicom
from support.dicom_object_cases import segmented, some_lesions

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting.dicom_objects import DicomObjects
from LiverTumorSegLib.reporting.dicom_read import read_objects
from LiverTumorSegLib.reporting.lesions import measure_lesions
from LiverTumorSegLib.reporting.structure_set import StructureSet


@pytest.mark.parametrize("rounded", [1e-8, 1e-6, 9e-4])
def test_orientations_that_differ_by_rounding_are_one(tmp_path, rounded):
    images = dicom_slices.plain()
    for number, image in enumerate(images):
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, rounded * (number % 2)]
    dicom_slices.write(images, tmp_path / "series")
    found = segmented(tmp_path / "series", some_lesions)
    target = DicomObjects(tmp_path / "out")
    target.check(found.marks, tmp_path / "series")
    target.check_volume(found.volume)
    target.write(found, measure_lesions(found.labels, found.volume, found.marks))
    back = read_labels(tmp_path / "out" / "segmentation.dcm", found.volume)[0]
    assert np.array_equal(back, np.minimum(found.labels, 2))


@pytest.mark.parametrize("kind", [StructureSet, DicomObjects])
@pytest.mark.parametrize("as_folder", [True, False])
def test_the_ct_itself_is_never_written_over(tmp_path, kind, as_folder):
    ct = enhanced_dicom.write(
        enhanced_dicom.enhanced(dicom_slices.plain()), tmp_path / "study" / "a" / "segmentation.dcm"
    )
    source, before = ct.parent.parent if as_folder else ct, ct.read_bytes()
    target = kind(ct if kind is StructureSet else ct.parent, overwrite=True)
    with pytest.raises(UserError, match="is an image of the CT" if as_folder else "is the CT itself"):
        target.check(("background", "liver", "lesion"), source)
        target.check_volume(volumes.read_volume(source, force=True))
    assert ct.read_bytes() == before


def _in_part(labels):
    count = len(labels)
    labels[count // 4 : count // 2 + 1, 3:14, 2:18] = 1
    labels[count // 3, 8:11, 5:9] = 2


@pytest.mark.parametrize("uneven", ["one gap", "each a little", "rounded"])
def test_objects_of_a_ct_that_is_not_quite_even_are_read_back(tmp_path, uneven):
    even = 4.96 * np.arange(40)
    places = {
        "one gap": even + 0.2 * (np.arange(40) >= 20),
        "each a little": even + np.random.default_rng(0).uniform(-0.1, 0.1, 40),
        "rounded": np.round(even, 1),
    }[uneven]
    images = dicom_slices.plain(count=len(places))
    for image, place in zip(images, places, strict=True):
        image.ImagePositionPatient = [-5.0, -7.0, float(place)]
    dicom_slices.write(images, tmp_path / "series")
    found = segmented(tmp_path / "series", _in_part)
    DicomObjects(tmp_path / "out").write(found, measure_lesions(found.labels, found.volume, found.marks))
    files = [tmp_path / "out" / name for name in ("segmentation.dcm", "measurements.dcm")]
    assert np.array_equal(read_labels(files[0], found.volume)[0], np.minimum(found.labels, 2))
    assert np.array_equal(read_objects(files[0], files[1:], found.volume).labels, np.minimum(found.labels, 2))
    moved = replace(found.volume, affine=found.volume.affine + np.eye(4, k=1) @ np.diag([0, 0, 0, 2.5]))
    with pytest.raises(UserError, match="does not lie on this CT's voxels"):
        read_objects(files[0], files[1:], moved)

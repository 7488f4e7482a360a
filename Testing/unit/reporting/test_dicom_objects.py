import numpy as np
import pytest
from support import dicom_slices, enhanced_dicom
from support.dicom_object_cases import segmented, some_lesions

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting.dicom_objects import DicomObjects
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

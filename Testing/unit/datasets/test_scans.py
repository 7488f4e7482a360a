import numpy as np
import pytest
from support.dataset_cases import ct, labels, write_lits
from support.evaluation_cases import affine_of

from LiverTumorSegLib.core.ct_quality import DamageReason
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import layouts


def only(folder):
    (scan,) = layouts.find_lits(folder)[0]
    return scan


def test_a_doubt_about_the_labels_place_is_a_warning_of_the_volume(tmp_path):
    write_lits(tmp_path, 1)
    write_lits(tmp_path / "moved", 1, affine=affine_of((3.0, 0.9, 0.8)))
    (tmp_path / "moved" / "segmentation-1.nii").replace(tmp_path / "segmentation-1.nii")
    (tmp_path / "moved" / "volume-1.nii").unlink()
    volume, marked = only(tmp_path).read()
    assert "CT and labels state different places or spacings; they were taken voxel by voxel." in volume.warnings
    assert np.array_equal(marked, labels())


def test_nan_is_refused_when_read_and_told_of_when_examined(tmp_path):
    voxels = ct(1).astype(np.float32)
    voxels[3, 2, 2] = np.nan
    write_lits(tmp_path, 1, voxels)
    with pytest.raises(UserError, match="NaN or infinite"):
        only(tmp_path).read()
    examined = only(tmp_path).examine()
    assert examined.damage.reasons == {3: DamageReason.NOT_FINITE}
    assert examined.volume.voxels[3, 2, 2] == pytest.approx((voxels[2, 2, 2] + voxels[4, 2, 2]) / 2, abs=0.51)
    assert examined.unit == "HU"


def test_what_does_not_look_like_hu_is_read_with_a_warning(tmp_path):
    write_lits(tmp_path, 1, np.random.default_rng(0).integers(100, 1000, labels().shape).astype(np.int16))
    volume, _ = only(tmp_path).read()
    assert any("does not look like a CT in Hounsfield units" in words for words in volume.warnings)

import numpy as np
import pytest
from support.dataset_cases import ct, labels, write_msd

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.datasets.dump import LeftOut


@pytest.mark.parametrize("inside", ["", "Task03_Liver"])
def test_images_are_paired_with_labels_by_number(tmp_path, inside):
    for number in (10, 2):
        write_msd(tmp_path / inside, number)
    scans, left_out = layouts.find_msd(tmp_path)
    assert [(scan.name, scan.patient) for scan in scans] == [("liver_2", "volume-2"), ("liver_10", "volume-10")]
    assert left_out == ()
    volume, marked = scans[1].read()
    assert np.array_equal(volume.voxels, ct(10))
    assert np.array_equal(marked, labels())


def test_what_has_no_partner_is_named_and_what_macos_adds_is_not(tmp_path):
    write_msd(tmp_path, 1)
    (tmp_path / "imagesTr" / "liver_5.nii.gz").touch()
    (tmp_path / "labelsTr" / "liver_7.nii.gz").touch()
    (tmp_path / "imagesTr" / "._liver_1.nii.gz").touch()
    (tmp_path / "imagesTs").mkdir()
    (tmp_path / "imagesTs" / "liver_140.nii.gz").touch()
    scans, left_out = layouts.find_msd(tmp_path)
    assert [scan.name for scan in scans] == ["liver_1"]
    assert left_out == (
        LeftOut(name="liver_5", reason="it has no labelsTr"),
        LeftOut(name="liver_7", reason="it has no imagesTr"),
    )


def test_a_folder_without_images_holds_nothing(tmp_path):
    assert layouts.find_msd(tmp_path) == ((), ())


def test_one_number_twice_is_refused(tmp_path):
    write_msd(tmp_path, 1)
    write_msd(tmp_path, "01", ct(1))
    with pytest.raises(UserError, match=r"liver_01\.nii\.gz and .*liver_1\.nii\.gz have the same name"):
        layouts.find_msd(tmp_path)

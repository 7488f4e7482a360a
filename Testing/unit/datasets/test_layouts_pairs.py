from pathlib import Path

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.dump import LeftOut
from LiverTumorSegLib.datasets.layouts import ScanFiles, pair_in_folder, pair_in_order


@pytest.fixture
def folder(tmp_path):
    """Pairs 2 and 10, in two folders; 3 and 7 are alone, and there are other things."""
    names = ("volume-10.nii.gz", "volume-2.nii", "volume-3.nii", "volume-2.json", "notes-4.nii", "volume-x.nii")
    masks = ("segmentation-2.nii", "segmentation-10.nii", "segmentation-7.nii.gz")
    (tmp_path / "masks").mkdir()
    for path in (*(tmp_path / name for name in names), *(tmp_path / "masks" / name for name in masks)):
        path.touch()
    (tmp_path / "volume-5.nii").mkdir()
    return tmp_path


def test_volumes_are_paired_by_number_and_those_alone_are_named(folder):
    pairs, left_out = pair_in_folder(folder)
    assert pairs == [
        ScanFiles("volume-2", folder / "volume-2.nii", folder / "masks" / "segmentation-2.nii"),
        ScanFiles("volume-10", folder / "volume-10.nii.gz", folder / "masks" / "segmentation-10.nii"),
    ]
    assert left_out == (
        LeftOut(name="volume-3", reason="it has no segmentation"),
        LeftOut(name="segmentation-7", reason="it has no volume"),
    )


def test_a_volume_that_is_there_twice_is_refused(folder):
    (folder / "volume-10.nii").touch()
    with pytest.raises(UserError, match=r"volume-10\.nii .*volume-10\.nii\.gz have the same name"):
        pair_in_folder(folder)


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no volume-N\.nii with its segmentation-N\.nii"):
        pair_in_folder(tmp_path)


def test_listed_files_are_paired_in_their_order_and_called_by_the_cts_name():
    cts, masks = [Path("a.b.nii.gz"), Path("folder/")], [Path("y.nrrd"), Path("x.nrrd")]
    assert pair_in_order(cts, masks) == [ScanFiles("a.b", cts[0], masks[0]), ScanFiles("folder", cts[1], masks[1])]


def test_as_many_labels_as_cts_are_needed():
    with pytest.raises(UserError, match="2 CTs and 1 segmentations were given"):
        pair_in_order([Path("a.nii"), Path("b.nii")], [Path("c.nii")])


def test_two_cts_of_one_name_are_refused():
    with pytest.raises(UserError, match="Several CTs are called ct"):
        pair_in_order([Path("a/ct.nii"), Path("b/ct.nii.gz")], [Path("a/s.nii"), Path("b/s.nii")])

import numpy as np
from support.dataset_cases import ct, labels, write_lits

from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.datasets.dump import LeftOut
from LiverTumorSegLib.datasets.scans import FileScan


def test_scans_are_found_in_folders_too_and_sorted_by_number(tmp_path):
    write_lits(tmp_path / "Training Batch 2", 10)
    write_lits(tmp_path / "Training Batch 1", 2, ending=".nii.gz")
    (tmp_path / "volume-3.nii").touch()
    (tmp_path / "._volume-2.nii").touch()
    scans, left_out = layouts.find_lits(tmp_path)
    batches = [("volume-2", "Training Batch 1", ".nii.gz"), ("volume-10", "Training Batch 2", ".nii")]
    assert scans == tuple(
        FileScan(name, place / f"{name}{ending}", place / f"{name.replace('volume', 'segmentation')}{ending}")
        for name, place, ending in ((name, tmp_path / batch, ending) for name, batch, ending in batches)
    )
    assert left_out == (LeftOut(name="volume-3", reason="it has no segmentation"),)


def test_a_scan_is_read_as_it_was_written(tmp_path):
    write_lits(tmp_path, 2)
    volume, marked = layouts.find_lits(tmp_path)[0][0].read()
    assert np.array_equal(volume.voxels, ct(2))
    assert np.array_equal(marked, labels())


def test_a_folder_of_other_things_holds_nothing(tmp_path):
    (tmp_path / "notes-1.nii").touch()
    assert layouts.find_lits(tmp_path) == ((), ())

"""Few bytes that claim many voxels are refused in one sentence, before memory is taken for them."""

import tracemalloc

import pytest
import SimpleITK
from support.dicom_slices import SHAPE, plain, write
from support.seg_cases import made, saved

from LiverTumorSegLib.apps.web import inputs
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import probability_maps, volumes
from LiverTumorSegLib.io.limits import MOST, VARIABLE, refuse_too_many_voxels, voxel_limit

SIZE = (400, 400, 100)
BYTES = 2 * 400 * 400 * 100
ALLOWED = 400 * 400 * 100 - 1


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha"])
def test_a_volume_of_too_many_voxels_takes_no_memory(tmp_path, monkeypatch, name):
    path = tmp_path / name
    SimpleITK.WriteImage(SimpleITK.Image(SIZE, SimpleITK.sitkInt16), str(path), useCompression=True)
    assert volumes.read_stored(path).values.size == ALLOWED + 1
    monkeypatch.setenv(VARIABLE, str(ALLOWED))
    refused(lambda: volumes.read_stored(path), rf"{name} has 400 x 400 x 100 voxels")
    (found,) = inputs.find_candidates(path, tmp_path)
    refused(lambda: inputs.read_candidate(found), rf"^{name} has 400 x 400 x 100 voxels")


def refused(read, words):
    tracemalloc.start()
    try:
        with pytest.raises(
            UserError, match=rf"{words}, more than 15,999,999: crop it, or allow more \({VARIABLE}\)\.$"
        ):
            read()
        assert tracemalloc.get_traced_memory()[1] < BYTES / 4
    finally:
        tracemalloc.stop()


def test_a_dicom_series_a_segmentation_and_probabilities_of_too_many_are_refused(tmp_path, monkeypatch, ct):
    write(plain(), tmp_path / "ct")
    segmentation = saved(made(), tmp_path / "seg.dcm")
    paths = probability_maps.paths(tmp_path, "ct", ["liver"])
    probability_maps.write(paths, {"liver": ct.voxels.astype("u2")}, 1000, ct)
    monkeypatch.setenv(VARIABLE, "50")
    for path in (tmp_path / "ct", segmentation, *paths.values()):
        with pytest.raises(UserError, match=rf"{path.name} has \d+ x \d+ x \d+ voxels, more than 50: crop it"):
            volumes.read_stored(path)
    monkeypatch.delenv(VARIABLE)
    assert volumes.read_stored(tmp_path / "ct").values.shape == SHAPE


def test_the_number_is_that_of_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert voxel_limit() == MOST
    refuse_too_many_voxels((1024, 1024, 2000), tmp_path)
    monkeypatch.setenv(VARIABLE, "8")
    refuse_too_many_voxels((2, 2, 2), tmp_path)
    for wrong in ("x", "-1", "1e9", "9" * 20):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(UserError, match=rf"{VARIABLE} is '{wrong}', not a number of voxels: set it to one such as"):
            voxel_limit()

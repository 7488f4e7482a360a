import numpy as np
import pytest

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.core.errors import UserError

_SHEARED = np.array([[-0.7, 0.1, 0.3, 12.3], [0.05, -0.8, 0.2, -7.7], [0, 0.1, 1.5, 3.1], [0, 0, 0, 1.0]])
_LEFT = np.diag([0.7, 0.8, -2.5, 1.0])


@pytest.mark.parametrize("affine", [_SHEARED, _LEFT], ids=["sheared", "left-handed"])
@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.uint16, np.float32])
def test_an_array_and_its_place_come_back_equal(tmp_path, affine, kind):
    array = np.arange(60).reshape(3, 4, 5).astype(kind)
    arrays.write(tmp_path / "x.nrrd", array, affine)
    back, placed = arrays.read(tmp_path / "x.nrrd")
    assert back.dtype == kind
    assert np.array_equal(back, array)
    assert np.array_equal(placed, affine)


def test_voxels_stand_uncompressed_in_the_file(tmp_path):
    array = np.zeros((10, 20, 30), np.int16)
    arrays.write(tmp_path / "x.nrrd", array, np.eye(4))
    assert (tmp_path / "x.nrrd").stat().st_size >= array.nbytes


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be written: free some space"):
        arrays.write(tmp_path / "none" / "x.nrrd", np.zeros((1, 2, 3), np.int16), np.eye(4))


def test_a_file_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="x.nrrd"):
        arrays.read(tmp_path / "x.nrrd")

import numpy as np
import pytest
import SimpleITK as sitk
from support.volumes import affine_of_image

from LiverTumorSegLib.io import nrrd_metaimage, nrrd_output

OBLIQUE = np.array([[-0.6, 0, -1.6, 12.3], [0, 0.7, 0, -7.7], [-0.8, 0, 1.2, 3.1], [0, 0, 0, 1.0]])
KINDS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]


@pytest.mark.parametrize("kind", KINDS)
def test_itk_reads_the_same_voxels_in_the_same_place(tmp_path, kind):
    array = np.arange(60).reshape(3, 4, 5).astype(kind)
    nrrd_output.write_uncompressed(tmp_path / "x.nrrd", array, OBLIQUE)
    image = sitk.ReadImage(str(tmp_path / "x.nrrd"))
    back = sitk.GetArrayFromImage(image)
    assert back.dtype == kind
    assert np.array_equal(back, array)
    assert np.allclose(affine_of_image(image), OBLIQUE, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "seen",
    [
        lambda a: a[::-1, :, ::-1],
        lambda a: a.transpose(2, 0, 1),
        lambda a: a[1:, 2:, 3:],
        lambda a: a.astype(">i2"),
    ],
)
def test_an_array_in_any_order_is_written_as_it_is_seen(tmp_path, seen):
    array = seen(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    nrrd_output.write_uncompressed(tmp_path / "x.nrrd", array, np.eye(4))
    back = nrrd_metaimage.read(tmp_path / "x.nrrd")
    assert np.array_equal(back.values, array)
    assert np.array_equal(back.affine, np.eye(4))

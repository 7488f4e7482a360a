import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, TRANSFORMS, make_volume, transform, under
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.core.errors import UserError

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", TRANSFORMS)
def test_voxels_lie_where_the_scene_shows_them(geometry, kind):
    from LiverTumorSegLib.apps.panel import mrml_volumes

    node = under(make_volume(GEOMETRIES[geometry]), transform(kind))
    voxels = np.array([[0, 0, 0], [49, 39, 19], [10.5, 12, 5]])
    seen = mrml_volumes.to_world(node, voxels)
    chained = voxels @ GEOMETRIES[geometry][:3, :3].T + GEOMETRIES[geometry][:3, 3]
    assert np.allclose(seen, mrml_volumes.transform_points(chained, node.GetParentTransformNode(), None))
    assert np.allclose(mrml_volumes.from_world(node, seen), voxels, atol=0.02)  # VTK inverts a grid by iteration
    if kind != "grid":
        affine = mrml_volumes.volume_of(node).affine
        assert np.allclose(voxels @ affine[:3, :3].T + affine[:3, 3], seen)


def test_a_linear_transform_is_not_left_out():
    from LiverTumorSegLib.apps.panel import mrml_volumes

    node = under(make_volume(GEOMETRIES["plain"]), transform("rotated"))
    assert not np.allclose(mrml_volumes.world_affine(node), mrml_volumes.ijk_to_local(node))
    assert np.allclose(
        mrml_volumes.world_affine(node), mrml_volumes.local_to_world(node) @ mrml_volumes.ijk_to_local(node)
    )


def test_voxels_are_those_of_the_scene_in_hounsfield_units():
    from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of

    array = np.random.default_rng(0).normal(0, 300, (20, 40, 50))
    assert np.array_equal(volume_of(make_volume(np.eye(4), array)).voxels, np.rint(array))
    short = array.astype(np.int16)
    node = make_volume(np.eye(4), short)
    voxels = volume_of(node).voxels
    assert np.array_equal(voxels, short)
    import slicer

    assert np.shares_memory(voxels, slicer.util.arrayFromVolume(node))


def test_a_transform_that_deforms_is_said_and_the_nearest_straight_grid_is_measured():
    from LiverTumorSegLib.apps.panel import mrml_volumes

    node = under(make_volume(GEOMETRIES["oblique"]), transform("grid"))
    volume = mrml_volumes.volume_of(node)
    assert "deforms it" in volume.warnings[-1]
    middle = np.array([24.5, 19.5, 9.5])
    placed = volume.affine[:3, :3] @ middle + volume.affine[:3, 3]
    seen = mrml_volumes.to_world(node, middle[None])[0]
    assert 0.01 < np.linalg.norm(placed - seen) < 8


def test_a_stretch_along_the_slices_stretches_the_spacing_that_is_measured():
    from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of

    node = under(make_volume(np.diag([1, 1, 2.5, 1.0])), transform("irregular"))
    assert volume_of(node).spacing[0] == pytest.approx(3.75, rel=0.02)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5, 6, 3), np.int16), "several numbers a voxel"),
        (np.full((4, 5, 6), np.nan), "NaN or infinite"),
        (None, "holds no image"),
    ],
)
def test_what_is_no_ct_is_one_sentence_with_its_name(array, words):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of

    if array is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ct")
    elif array.ndim == 4:
        node = slicer.util.addVolumeFromArray(array, name="ct", nodeClassName="vtkMRMLVectorVolumeNode")
    else:
        node = make_volume(np.eye(4), array)
    with pytest.raises(UserError, match=words) as raised:
        volume_of(node)
    assert "ct" in str(raised.value)

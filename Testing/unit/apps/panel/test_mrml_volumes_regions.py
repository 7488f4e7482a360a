import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_roi, make_volume, transform, under
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.core.errors import UserError

pytestmark = pytest.mark.usefixtures("mrml")


def places(node):
    """World RAS of every voxel, ``[k, j, i, axis]``."""
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    voxels = np.argwhere(np.ones(SHAPE))[:, ::-1].astype(float)
    return to_world(node, voxels).reshape(*SHAPE, 3)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", ["none", "shifted", "rotated", "nested"])
def test_a_region_holds_exactly_the_voxels_inside(geometry, kind):
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of

    node = under(make_volume(GEOMETRIES[geometry]), transform(kind))
    world = places(node)
    centre, size = world[9, 18, 22], np.array([13.0, 9, 17])
    expected = (np.abs(world - centre) <= size / 2 + 1e-6).all(axis=-1)
    assert np.array_equal(region_of(make_roi(centre, size), node), expected)
    assert 0 < expected.sum() < expected.size


def test_a_turned_region_is_followed():
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of, transform_points

    node, turn = make_volume(GEOMETRIES["plain"]), transform("rotated")
    world = places(node)
    roi = make_roi(world[9, 18, 22], (14, 8, 20), turn)
    local = transform_points(world.reshape(-1, 3), None, turn).reshape(*SHAPE, 3)
    expected = (np.abs(local - np.array(roi.GetCenter())) <= np.array([7, 4, 10]) + 1e-6).all(axis=-1)
    assert np.array_equal(region_of(roi, node), expected)


def test_under_a_deforming_transform_the_region_is_a_box_of_voxels():
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of

    node = under(make_volume(GEOMETRIES["plain"]), transform("grid"))
    world = places(node)
    inside = region_of(make_roi(world[9, 18, 22], (13, 9, 17)), node)
    expected = (np.abs(world - world[9, 18, 22]) <= [6, 4, 8]).all(axis=-1)
    assert inside[expected].all()
    box = tuple(slice(at.min(), at.max() + 1) for at in np.nonzero(inside))
    assert inside[box].all()
    assert not inside.all()


def test_a_region_that_holds_the_whole_volume_leaves_nothing_out():
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of

    assert region_of(make_roi((0, 0, 0), (900, 900, 900)), make_volume(GEOMETRIES["plain"])).all()


@pytest.mark.parametrize("centre", [(500, 0, 0), (0, 0, -500)])
def test_a_region_beside_the_volume_is_one_sentence(centre):
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of

    with pytest.raises(UserError, match="“roi” lies outside “ct”"):
        region_of(make_roi(centre, (10, 10, 10)), make_volume(GEOMETRIES["plain"]))


def new_region():
    import slicer

    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "new")
    assert np.abs(roi.GetSize()).max() == 0
    return roi


@pytest.mark.parametrize("kind", ["none", "rotated"])
def test_a_new_region_gets_the_size_of_the_ct(kind):
    from LiverTumorSegLib.apps.panel.mrml_volumes import fit_region, region_of

    node = under(make_volume(GEOMETRIES["plain"]), transform(kind))
    roi = new_region()
    fit_region(roi, node)
    assert region_of(roi, node).all()
    assert roi.GetDisplayNode().GetHandlesInteractive()


def test_a_new_region_gets_the_size_of_the_liver_where_there_is_one():
    from support.mrml_cases import labels

    from LiverTumorSegLib.apps.panel.mrml_segmentations import create, write
    from LiverTumorSegLib.apps.panel.mrml_volumes import fit_region, region_of

    node = make_volume(GEOMETRIES["plain"])
    segmentation = create(node)
    write(labels(), node, segmentation)
    roi = new_region()
    fit_region(roi, node, segmentation)
    inside = region_of(roi, node)
    assert inside[labels() > 0].all()
    assert not inside.all()


def test_a_region_that_has_a_size_keeps_it():
    from LiverTumorSegLib.apps.panel.mrml_volumes import fit_region

    node = make_volume(GEOMETRIES["plain"])
    roi = make_roi((1, 2, 3), (14, 8, 20))
    fit_region(roi, node)
    assert tuple(roi.GetSize()) == (14, 8, 20)

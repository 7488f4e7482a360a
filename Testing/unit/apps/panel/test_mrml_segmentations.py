import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, TRANSFORMS, labels, make_volume, transform, under
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import LESION, LIVER

pytestmark = pytest.mark.usefixtures("mrml")


def write(volume, found, node=None, **how):
    from LiverTumorSegLib.apps.panel import mrml_segmentations

    node = node or mrml_segmentations.create(volume)
    return node, mrml_segmentations.write(found, volume, node, mrml_segmentations.SegmentOutput(**how))


def read(node, name, volume):
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume) > 0


def seen(node, name):
    """Mean place of a segment's voxels in the world, from the node alone."""
    import slicer
    import vtk

    from LiverTumorSegLib.apps.panel.mrml_volumes import transform_points

    image, matrix = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4()
    node.GetBinaryLabelmapRepresentation(name, image)
    image.GetImageToWorldMatrix(matrix)
    from vtk.util.numpy_support import vtk_to_numpy

    first = np.array(image.GetExtent()[::2])
    grid = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    voxels = np.argwhere(grid > 0)[:, ::-1] + first
    affine = slicer.util.arrayFromVTKMatrix(matrix)
    local = voxels @ affine[:3, :3].T + affine[:3, 3]
    return transform_points(local, node.GetParentTransformNode(), None).mean(axis=0)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", TRANSFORMS)
def test_segments_are_the_labels_and_lie_where_the_ct_does(geometry, kind):
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    found, volume = labels(), under(make_volume(GEOMETRIES[geometry]), transform(kind))
    node, made = write(volume, found, one_each=True)
    assert list(made.values()) == [LIVER.label, LESION.label, LESION.label]
    for value, name in enumerate(made, start=1):
        assert np.array_equal(read(node, name, volume), found == value)
        truth = to_world(volume, np.argwhere(found == value)[:, ::-1].astype(float)).mean(axis=0)
        assert np.allclose(seen(node, name), truth, atol=1e-4)


@pytest.mark.parametrize("geometry", ["left-handed", "sheared"])
@pytest.mark.parametrize("kind", ["none", "rotated", "grid"])
def test_the_surface_lies_where_the_ct_does(geometry, kind):
    import vtk

    from LiverTumorSegLib.apps.panel.mrml_display import show_surface
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world, transform_points

    found, volume = labels(), under(make_volume(GEOMETRIES[geometry]), transform(kind))
    node, made = write(volume, found)
    show_surface(node)
    surface = vtk.vtkPolyData()
    assert node.GetClosedSurfaceRepresentation(list(made)[0], surface)
    middle = transform_points(np.array([surface.GetCenter()]), node.GetParentTransformNode(), None)[0]
    truth = to_world(volume, np.array([[26.5, 17, 8.5]]))[0]
    assert np.linalg.norm(middle - truth) < 1.0
    assert node.GetDisplayNode().GetSegmentOpacity3D(list(made)[0]) < 1


def test_lesions_are_one_segment_or_one_each():
    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, labels())
    names = [node.GetSegmentation().GetSegment(name).GetName() for name in made]
    assert names == ["liver", "liver lesion"]
    assert np.array_equal(read(node, list(made)[1], volume), labels() > 1)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")
    node, made = write(volume, labels(), one_each=True)
    segments = [node.GetSegmentation().GetSegment(name) for name in made]
    assert [segment.GetName() for segment in segments] == ["liver", "liver lesion 1", "liver lesion 2"]
    assert segments[1].GetColor() != segments[2].GetColor()
    assert node.GetSegmentation().GetNumberOfLayers() == 1


def test_segments_carry_coded_terms_and_colours():
    import vtk

    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, labels())
    for name, kind in zip(made, (LIVER, LESION), strict=True):
        segment, terms = node.GetSegmentation().GetSegment(name), vtk.reference("")
        assert segment.GetTag("TerminologyEntry", terms)
        assert str(terms) == kind.terminology
        assert segment.GetColor() == pytest.approx([part / 255 for part in kind.rgb])


def test_the_ct_is_the_reference_geometry_and_the_neighbour_in_the_tree():
    import slicer

    volume = make_volume(GEOMETRIES["oblique"])
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "study")
    tree.SetItemParent(tree.GetItemByDataNode(volume) or tree.CreateItem(study, volume), study)
    node, _ = write(volume, labels())
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study


def test_other_segments_stay_and_an_earlier_result_goes_only_when_told():
    volume = make_volume(GEOMETRIES["plain"])
    node, first = write(volume, labels())
    mine = node.GetSegmentation().AddEmptySegment("mine", "mine")
    import slicer

    slicer.util.updateSegmentBinaryLabelmapFromArray((labels() > 0).astype(np.uint8), node, mine, volume)
    _, second = write(volume, np.roll(labels(), 2, axis=0), node)
    assert len({*first, *second, mine}) == 5
    assert np.array_equal(read(node, list(first)[0], volume), labels() == 1)
    names = [node.GetSegmentation().GetSegment(name).GetName() for name in second]
    assert names == ["liver (2)", "liver lesion (2)"]
    _, third = write(volume, labels(), node, replace=True)
    assert set(node.GetSegmentation().GetSegmentIDs()) == {mine, *third}
    assert np.array_equal(read(node, mine, volume), labels() > 0)


def test_a_segmentation_under_another_transform_gets_the_labels_in_place():
    import slicer

    volume = under(make_volume(GEOMETRIES["oblique"]), transform("shifted"))
    other = make_volume(GEOMETRIES["oblique"])
    node, _ = write(under(other, transform("rotated")), labels())
    parent = node.GetTransformNodeID()
    _, made = write(volume, labels(), node)
    assert node.GetTransformNodeID() == parent
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    truth = to_world(volume, np.argwhere(labels() == 1)[:, ::-1].astype(float)).mean(axis=0)
    assert np.allclose(seen(node, list(made)[0]), truth, atol=1e-4)
    assert slicer.mrmlScene.IsNodePresent(node)


def test_a_segmentation_under_another_deforming_transform_is_refused_and_kept():
    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, labels())
    under(node, transform("grid"))
    with pytest.raises(UserError, match="choose a new segmentation"):
        write(make_volume(GEOMETRIES["plain"]), labels(), node)
    assert set(node.GetSegmentation().GetSegmentIDs()) == set(made)


def test_an_empty_segmentation_follows_the_ct():
    import slicer

    volume = under(make_volume(GEOMETRIES["plain"]), transform("shifted"))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    write(volume, labels(), node)
    assert node.GetTransformNodeID() == volume.GetTransformNodeID()


@pytest.mark.parametrize("one_each", [False, True])
def test_where_nothing_is_found_the_segments_are_empty(one_each):
    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, np.zeros_like(labels()), one_each=one_each)
    assert len(made) == (1 if one_each else 2)
    assert node.GetSegmentation().GetNumberOfSegments() == len(made)


def test_a_single_voxel_is_kept():
    volume, found = make_volume(GEOMETRIES["sheared"]), np.zeros_like(labels())
    found[7, 8, 9] = 1
    found[19, 39, 49] = 2
    node, made = write(volume, found)
    for value, name in enumerate(made, start=1):
        assert np.array_equal(read(node, name, volume), found == value)


def test_more_lesions_than_a_byte_counts():
    found = np.zeros((20, 40, 50), np.uint16)
    found[::2, ::2, ::4][:5, :10, :6] = np.arange(300).reshape(5, 10, 6) + 1
    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, found, one_each=True)
    assert len(made) == 300
    assert read(node, list(made)[299], volume).sum() == 1


def test_segments_that_the_user_added_count_by_their_terms():
    from LiverTumorSegLib.apps.panel.mrml_segmentations import added_segments

    volume = make_volume(GEOMETRIES["plain"])
    node, made = write(volume, labels())
    for name, term in (("own lesion", LESION.terminology), ("own liver", LIVER.terminology), ("kidney", "x~y~z")):
        node.GetSegmentation().AddEmptySegment(name, name)
        node.GetSegmentation().GetSegment(name).SetTag("TerminologyEntry", term)
    assert added_segments(node, made) == {"own lesion": 2, "own liver": 1}
    write(volume, labels(), node)  # another result is not the user's
    assert added_segments(node, made) == {"own lesion": 2, "own liver": 1}


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="not on the grid"):
        write(make_volume(GEOMETRIES["plain"]), np.zeros((1, 2, 3), np.uint8))


def test_slicers_own_measure_of_a_segment_is_ours():
    """The volume that the closed surface encloses, against voxels times their volume."""
    import vtk

    from LiverTumorSegLib.apps.panel.mrml_display import show_surface

    found = np.zeros((60, 80, 80), np.uint8)
    k, j, i = np.indices(found.shape)
    found[((k - 30) / 20.0) ** 2 + ((j - 40) / 30.0) ** 2 + ((i - 40) / 25.0) ** 2 < 1] = 1
    volume = make_volume(GEOMETRIES["oblique"], np.zeros(found.shape, np.int16))
    node, made = write(volume, found)
    show_surface(node)
    surface, measure = vtk.vtkPolyData(), vtk.vtkMassProperties()
    node.GetClosedSurfaceRepresentation(list(made)[0], surface)
    measure.SetInputData(surface)
    assert measure.GetVolume() == pytest.approx(found.sum() * 0.8 * 0.7 * 2.5, rel=0.02)


def test_a_lesion_with_a_segment_of_its_own_has_its_number_in_the_name_also_where_numbers_have_gaps():
    from LiverTumorSegLib.apps.panel import mrml_segmentations
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    volume, found = make_volume(GEOMETRIES["plain"]), labels()
    node, made = write(volume, found, one_each=True)
    _, owners = labels_of(node, volume, made)
    changed = np.where(found == 2, 1, found)
    changed[1, 1, 1] = 1 + 7
    now = mrml_segmentations.rewrite(changed, volume, node, made, True, owners)
    segments = node.GetSegmentation()
    assert [segments.GetSegment(name).GetName() for name in now] == ["liver", "liver lesion 2", "liver lesion 7"]
    assert read(node, list(now)[-1], volume).sum() == 1

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, labels, make_volume
from support.slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")


def test_every_slice_view_goes_to_the_point():
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_display import center_slice_views

    center_slice_views((12.0, -34.0, 56.0))
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    assert len(nodes) == 3
    for node in nodes:
        matrix = node.GetSliceToRAS()
        assert [matrix.GetElement(row, 3) for row in range(3)] == pytest.approx([12, -34, 56])


def test_one_segment_is_lit_and_the_others_of_the_result_are_dimmed():
    from LiverTumorSegLib.apps.panel.mrml_display import highlight_segment
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput, create, write

    volume = make_volume(GEOMETRIES["plain"])
    node = create(volume)
    liver, first, second = write(labels(), volume, node, SegmentOutput(one_each=True))
    mine = node.GetSegmentation().AddEmptySegment("mine", "mine")
    highlight_segment(node, [liver, first, second, "gone"], second)
    display = node.GetDisplayNode()
    assert display.GetSegmentOpacity2DFill(second) == 1
    assert display.GetSegmentOpacity2DFill(first) == display.GetSegmentOpacity2DOutline(liver) < 0.5
    assert display.GetSegmentOpacity2DFill(mine) == 1
    highlight_segment(node, [liver, first, second], first)
    assert display.GetSegmentOpacity2DFill(first) == 1
    assert display.GetSegmentOpacity2DFill(second) < 0.5


def test_the_users_own_opacities_come_back(tmp_path):
    from LiverTumorSegLib.apps.panel.mrml_display import highlight_segment
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput, create, write

    volume = make_volume(GEOMETRIES["plain"])
    node = create(volume)
    liver, first, second = names = list(write(labels(), volume, node, SegmentOutput(one_each=True)))
    display = node.GetDisplayNode()
    display.SetSegmentOpacity2DFill(liver, 0.2)
    display.SetSegmentOpacity2DOutline(liver, 0.6)
    display.SetSegmentOpacity2DFill(second, 0.4)
    for lit in (second, first, second):
        highlight_segment(node, names, lit)
    assert display.GetSegmentOpacity2DFill(liver) == pytest.approx(0.07)
    assert display.GetSegmentOpacity2DFill(second) == 0.4
    highlight_segment(node, names, None)
    fills = [display.GetSegmentOpacity2DFill(name) for name in names]
    assert fills == pytest.approx([0.2, 1, 0.4])
    assert display.GetSegmentOpacity2DOutline(liver) == pytest.approx(0.6)
    highlight_segment(node, names, None)
    assert display.GetSegmentOpacity2DFill(liver) == pytest.approx(0.2)


def test_a_segmentation_that_is_not_shown_is_left_alone():
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_display import highlight_segment, make_translucent

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    highlight_segment(node, ["a"], "a")
    make_translucent(node, "a")
    assert node.GetDisplayNode() is None


def test_lesions_are_seen_through_the_liver():
    from LiverTumorSegLib.apps.panel.mrml_segmentations import create, write

    volume = make_volume(GEOMETRIES["plain"])
    node = create(volume)
    liver, lesion = write(labels(), volume, node)
    assert node.GetDisplayNode().GetSegmentOpacity3D(liver) < 0.6
    assert node.GetDisplayNode().GetSegmentOpacity3D(lesion) == 1


@pytest.fixture
def shown(mrml):  # noqa: F811
    """A segmentation of liver and one lesion, with what its result is known by."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_segmentations import create, write

    labels = np.zeros((6, 8, 10), np.uint8)
    labels[1:5, 1:7, 1:9], labels[2:4, 3:5, 4:6] = 1, 2
    volume = slicer.util.addVolumeFromArray(np.zeros(labels.shape, np.int16), name="CT")
    node = create(volume)
    return node, list(write(labels, volume, node))


def test_the_overlay_goes_and_comes_in_slices_alone(shown):
    from LiverTumorSegLib.apps.panel import mrml_display

    node, _names = shown
    mrml_display.show_surface(node)
    mrml_display.show_2d(node, False)
    assert not mrml_display.is_shown_2d(node)
    assert mrml_display.is_shown_3d(node)
    mrml_display.show_2d(node, True)
    assert mrml_display.is_shown_2d(node)


def test_showing_in_3d_makes_the_surface_where_there_is_none(shown):
    from LiverTumorSegLib.apps.panel import mrml_display

    node, _names = shown
    assert not mrml_display.is_shown_3d(node)
    mrml_display.show_3d(node, True)
    assert mrml_display.has_surface(node)
    mrml_display.show_3d(node, False)
    assert not mrml_display.is_shown_3d(node)
    assert mrml_display.is_shown_2d(node)


def test_opacity_is_set_for_some_segments_and_ends_the_dimming(shown):
    from LiverTumorSegLib.apps.panel import mrml_display

    node, (liver, lesion) = shown
    mrml_display.set_fill_opacity(node, [liver], 0.2)
    mrml_display.highlight_segment(node, [liver, lesion], lesion)
    assert mrml_display.fill_opacity(node, [liver]) == pytest.approx(0.2)
    assert node.GetDisplayNode().GetSegmentOpacity2DFill(liver) < 0.1
    mrml_display.set_fill_opacity(node, [lesion], 0.6)
    assert node.GetDisplayNode().GetSegmentOpacity2DFill(liver) == pytest.approx(0.2)
    assert mrml_display.fill_opacity(node, ["gone", lesion]) == pytest.approx(0.6)

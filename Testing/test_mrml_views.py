import pytest
from mrml_cases import GEOMETRIES, labels, make_volume
from slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")


def test_every_slice_view_goes_to_the_point():
    import slicer

    from LiverTumorSegLib.mrml.views import jump

    jump((12.0, -34.0, 56.0))
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    assert len(nodes) == 3
    for node in nodes:
        matrix = node.GetSliceToRAS()
        assert [matrix.GetElement(row, 3) for row in range(3)] == pytest.approx([12, -34, 56])


def test_one_segment_is_lit_and_the_others_of_the_result_are_dimmed():
    from LiverTumorSegLib.mrml.segmentations import Output, create, write
    from LiverTumorSegLib.mrml.views import light

    volume = make_volume(GEOMETRIES["plain"])
    node = create(volume)
    liver, first, second = write(labels(), volume, node, Output(one_each=True))
    mine = node.GetSegmentation().AddEmptySegment("mine", "mine")
    light(node, [liver, first, second, "gone"], second)
    display = node.GetDisplayNode()
    assert display.GetSegmentOpacity2DFill(second) == 1
    assert display.GetSegmentOpacity2DFill(first) == display.GetSegmentOpacity2DOutline(liver) < 0.5
    assert display.GetSegmentOpacity2DFill(mine) == 1
    light(node, [liver, first, second], first)
    assert display.GetSegmentOpacity2DFill(first) == 1
    assert display.GetSegmentOpacity2DFill(second) < 0.5


def test_a_segmentation_that_is_not_shown_is_left_alone():
    import slicer

    from LiverTumorSegLib.mrml.views import light, show_through

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    light(node, ["a"], "a")
    show_through(node, "a")
    assert node.GetDisplayNode() is None


def test_lesions_are_seen_through_the_liver():
    from LiverTumorSegLib.mrml.segmentations import create, write

    volume = make_volume(GEOMETRIES["plain"])
    node = create(volume)
    liver, lesion = write(labels(), volume, node)
    assert node.GetDisplayNode().GetSegmentOpacity3D(liver) < 0.6
    assert node.GetDisplayNode().GetSegmentOpacity3D(lesion) == 1

"""Both CTs are shown side by side in Slicer's layouts, and what was shown before comes back."""

import numpy as np
import pytest
from support.slicer_harness import available
from support.small_follow_up import add_comparison

mrml = available.load("fixtures").mrml

NAMES = ("Red", "Green", "Yellow", "Red+", "Green+", "Yellow+")


@pytest.fixture
def layout(mrml):
    """The layout of an application, with a logic for each slice view that a comparison uses."""
    import slicer
    import vtk
    from support.slicer_harness import scene

    manager = slicer.vtkMRMLLayoutLogic()
    manager.SetMRMLScene(slicer.mrmlScene)
    node = manager.GetLayoutNode()
    node.SetViewArrangement(node.SlicerLayoutThreeOverThreeView)  # makes the lower row
    node.SetViewArrangement(node.SlicerLayoutFourUpView)
    logics = vtk.vtkCollection()
    for name in NAMES:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.AddSliceNode(name)
        logics.AddItem(logic)
    scene.application_logic().SetSliceLogics(logics)
    yield node
    scene.application_logic().SetSliceLogics(None)


@pytest.fixture
def nodes(layout, tmp_path):
    return add_comparison(tmp_path)


def shown():
    import slicer

    return {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}


def views():
    import slicer

    return {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}


def centre(view):
    import slicer

    return slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:3, 3]


def state():
    import slicer

    told = {
        name: (
            each.GetBackgroundVolumeID(),
            each.GetLinkedControl(),
            views()[name].GetViewGroup(),
            views()[name].GetOrientation(),
            slicer.util.arrayFromVTKMatrix(views()[name].GetSliceToRAS()).round(6).tolist(),
        )
        for name, each in shown().items()
    }
    return told, [list(each.GetViewNodeIDs()) for each in slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode")]


@pytest.mark.parametrize("kind", ["side by side", "three over three"])
def test_both_cts_stand_side_by_side_linked_and_at_one_place_and_all_comes_back(layout, nodes, kind):
    from LiverTumorSegLib.apps.panel import mrml_comparison_views

    for name, composite in shown().items():
        composite.SetBackgroundVolumeID(nodes.volumes[1].GetID() if "+" not in name else None)
    views()["Red"].SetSliceOffset(33.0)
    nodes.segmentations[1].GetDisplayNode().AddViewNodeID("vtkMRMLSliceNodeGreen")
    before, arrangement = state(), layout.GetViewArrangement()
    mrml_comparison_views.open_views(nodes, kind)

    number, sides = mrml_comparison_views.LAYOUTS[kind]
    assert layout.GetViewArrangement() == number
    for side, names in enumerate(sides):
        display = nodes.segmentations[side].GetDisplayNode()
        assert set(display.GetViewNodeIDs()) == {views()[name].GetID() for name in names}
        for name in names:
            assert shown()[name].GetBackgroundVolumeID() == nodes.volumes[side].GetID()
            assert shown()[name].GetLinkedControl()
            assert views()[name].GetViewGroup() == 0
    for one, other in zip(*sides, strict=True):
        assert np.allclose(centre(views()[one]), centre(views()[other]))
        assert views()[one].GetFieldOfView() == views()[other].GetFieldOfView()
        assert views()[one].GetOrientation() == views()[other].GetOrientation()
    assert nodes.is_registered

    mrml_comparison_views.open_views(nodes)  # again, in the other layout too
    mrml_comparison_views.close_views(nodes)
    assert not nodes.is_registered
    assert layout.GetViewArrangement() == arrangement
    assert state() == before


def test_a_row_brings_both_sides_to_its_lesion_registered_or_as_scanned(nodes):
    from LiverTumorSegLib.apps.panel import mrml_comparison_views

    mrml_comparison_views.open_views(nodes)
    rows = nodes.facts["rows"]
    for registered in (True, False):
        mrml_comparison_views.show_registered(nodes, registered)
        assert nodes.is_registered is registered
        assert bool(shown()["Red"].GetLinkedControl()) is registered
        for row in range(len(rows)):
            mrml_comparison_views.go_to(nodes, row)
            places = [centre(views()[name]) for name in ("Red", "Yellow")]
            assert np.allclose(places, [nodes.place(row, side) for side in (0, 1)], atol=1e-6)
            gap = np.linalg.norm(places[0] - places[1])
            assert gap < 4 if registered else gap > 10


def test_the_earlier_ct_is_shown_in_the_later_ones_window_until_the_comparison_is_left(nodes):
    from LiverTumorSegLib.apps.panel import mrml_comparison_views

    for volume, window in zip(nodes.volumes, (300, 150), strict=True):
        volume.CreateDefaultDisplayNodes()
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevel(window, 40)
    mrml_comparison_views.open_views(nodes)
    assert nodes.volumes[0].GetDisplayNode().GetWindow() == 150
    mrml_comparison_views.close_views(nodes)
    assert nodes.volumes[0].GetDisplayNode().GetWindow() == 300

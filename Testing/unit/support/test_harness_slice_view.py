import numpy as np
import pytest
from support.slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.fixture
def view():
    from support.slicer_harness.slice_view import SliceView

    made = SliceView()
    yield made
    made.close()


@pytest.fixture
def points():
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    node.CreateDefaultDisplayNodes()
    slicer.modules.markups.logic().SetActiveList(node)
    return node


def start(lasting):
    import slicer

    slicer.modules.markups.logic().StartPlaceMode(lasting)


def mode():
    import slicer

    return slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")


def statuses(node):
    return [node.GetNthControlPointPositionStatus(n) for n in range(node.GetNumberOfControlPoints())]


def test_a_point_follows_the_mouse_until_it_is_clicked(view, points):
    start(lasting=True)
    heard = []
    points.AddObserver(points.PointPositionDefinedEvent, lambda *_: heard.append(True))
    view.move((10, 20, 30))
    assert statuses(points) == [points.PositionPreview]
    assert not heard
    view.click((10, 20, 30))
    assert statuses(points) == [points.PositionDefined]
    assert len(heard) == 1
    assert np.allclose(points.GetNthControlPointPositionWorld(0), (10, 20, 30), atol=0.6)


def test_one_click_or_a_right_click_ends_place_mode(view, points):
    start(lasting=False)
    view.click((10, 20, 30))
    assert mode().GetCurrentInteractionMode() == mode().ViewTransform
    start(lasting=True)
    view.click((40, 20, 30))
    view.right_click((50, 20, 30))
    assert mode().GetCurrentInteractionMode() == mode().ViewTransform
    assert statuses(points) == [points.PositionDefined] * 2


def test_a_point_is_dragged(view, points):
    points.AddControlPointWorld(10, 20, 30)
    heard = []
    points.AddObserver(points.PointEndInteractionEvent, lambda *_: heard.append(True))
    mode().SwitchToViewTransformMode()
    view.drag((10, 20, 30), (25, 30, 30))
    assert len(heard) == 1
    assert np.allclose(points.GetNthControlPointPositionWorld(0), (25, 30, 30), atol=1.1)

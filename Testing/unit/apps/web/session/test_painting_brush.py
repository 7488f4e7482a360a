import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume
from support.web_scene import drag, drag_pixels, result_of, web_app, web_views  # noqa: F401

CENTRE = (26.0, -6.0, 55.0)


@pytest.fixture
def brush(web_app):  # noqa: F811
    """The active brush, and the strokes that it told of."""
    from LiverTumorSegLib.apps.web.session.painting import BrushEffect

    labels = np.ones(SHAPE, np.uint8)
    nodes, _ = result_of(labels, make_volume(GEOMETRIES["plain"]))
    editor, strokes = web_app.segmentation_editor, []
    editor.set_active_segmentation(nodes.segmentation, nodes.volume)
    effect = editor.set_active_effect_type(BrushEffect)
    effect.drawn = lambda points, normal: strokes.append((points, normal))
    yield effect, strokes, nodes
    effect.drawn = None
    editor.clear()


@pytest.mark.parametrize(("view_name", "axis"), [("axial", 2), ("coronal", 1)])
def test_a_stroke_is_told_with_its_points_and_the_normal_of_its_slice(brush, web_views, view_name, axis):  # noqa: F811
    _, strokes, nodes = brush
    view = getattr(web_views, view_name)
    view.set_background_volume_id(nodes.volume.GetID())
    view.fit_view_to_content()
    view.get_view_node().JumpSliceByCentering(*CENTRE)
    view.render()
    end = np.array(CENTRE) + np.where(np.arange(3) == axis, 0, 4)
    drag(view, [CENTRE, end])
    ((points, normal),) = strokes
    assert np.allclose(points[0], CENTRE, atol=0.5)
    assert np.allclose(points[-1], end, atol=0.5)
    assert np.array_equal(np.abs(normal), np.eye(3)[axis])


def test_in_3d_the_mouse_goes_on_turning_the_patient(brush, web_views):  # noqa: F811
    _, strokes, _ = brush
    view = web_views.three
    view.reset_view()
    before = view.renderer().GetActiveCamera().GetPosition()
    drag_pixels(view, [(100, 100), (120, 100), (140, 100)])
    assert view.renderer().GetActiveCamera().GetPosition() != before
    assert not strokes


def test_a_brush_that_nobody_listens_to_is_quiet(brush, web_views):  # noqa: F811
    effect, strokes, _ = brush
    effect.drawn = None
    drag(web_views.axial, [CENTRE])
    assert not strokes


@pytest.mark.parametrize(("change", "end"), [("increase_brush_size", 60), ("decrease_brush_size", 1)])
def test_no_wheel_makes_the_brush_endless(brush, change, end):
    effect, _, _ = brush
    for _ in range(100):
        getattr(effect, change)()
    assert effect.get_brush_diameter() == end


@pytest.mark.parametrize(("given", "used"), [(1e308, 60), (-5, 1), (float("nan"), 1), (20, 20)])
def test_a_diameter_is_the_nearest_that_may_be(brush, given, used):
    effect, _, _ = brush
    effect.set_brush_diameter(given)
    assert effect.get_brush_diameter() == used


def test_brush_and_stroke_are_seen_in_slices_and_not_as_balls_in_3d(brush):
    import slicer

    models = [slicer.util.getFirstNodeByName(name) for name in ("BrushModel", "FeedbackModel")]
    for display in (model.GetDisplayNode() for model in models):
        assert display.GetVisibility2D()
        assert not display.GetVisibility3D()

import numpy as np
import pytest
from support.web_scene import drag, world_positions
from support.web_session import LABELS, SIZE, offsets, segmented, session, web_page, with_ct  # noqa: F401

SPACING = (0.8, 0.7, 2.5)


@pytest.fixture
def slices(with_ct):  # noqa: F811
    """The slice views by name."""
    return {view.get_orientation(): view for view in with_ct.scene.view_manager.get_slice_views()}


def test_a_ct_stands_in_every_slice_view_windowed_for_the_liver(with_ct, slices):  # noqa: F811
    assert sorted(slices) == ["Axial", "Coronal", "Sagittal"]
    assert {view.get_background_volume_id() for view in slices.values()} == {with_ct.volume.GetID()}
    display = with_ct.volume.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (200, 80)
    assert not display.GetAutoWindowLevel()


@pytest.mark.parametrize(("preset", "window"), [("lung", (1500, -600)), ("bone", (1800, 400)), ("abdomen", (400, 40))])
def test_a_preset_sets_window_and_level(with_ct, preset, window):  # noqa: F811
    with_ct.views.window(with_ct.volume, preset)
    display = with_ct.volume.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == window


def test_dragging_with_the_left_button_changes_window_and_level(with_ct, slices):  # noqa: F811
    places = offsets(with_ct)
    r, a, s = world_positions(with_ct.volume).reshape(-1, 3).mean(axis=0)
    drag(slices["Axial"], [(r, a, s), (r + 5, a, s), (r + 5, a + 5, s)])
    display = with_ct.volume.GetDisplayNode()
    assert display.GetWindow() != 200
    assert display.GetLevel() != 30
    assert offsets(with_ct) == places


@pytest.mark.parametrize(("name", "step"), [("Axial", SPACING[2]), ("Coronal", SPACING[1]), ("Sagittal", SPACING[0])])
def test_the_wheel_goes_one_slice_on_in_its_view_alone(with_ct, slices, name, step):  # noqa: F811
    before = offsets(with_ct)
    slices[name].interactor().SetEventInformation(100, 100, 0, 0, chr(0), 0, None)
    slices[name].interactor().InvokeEvent("MouseMoveEvent")
    slices[name].interactor().InvokeEvent("MouseWheelForwardEvent")
    moved = {view: abs(at - before[view]) for view, at in offsets(with_ct).items()}
    assert moved == pytest.approx(dict.fromkeys(moved, 0.0) | {name: step}, abs=1e-3)


def test_every_slice_view_goes_to_a_place_and_marks_it(with_ct):  # noqa: F811
    import slicer

    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    with_ct.views.go_to((20.0, -5.0, 41.0))
    assert offsets(with_ct) == pytest.approx({"Sagittal": 20.0, "Coronal": -5.0, "Axial": 41.0})
    assert crosshair.GetCrosshairRAS() == (20.0, -5.0, 41.0)
    assert crosshair.GetCrosshairMode() != crosshair.NoCrosshair
    with_ct.views.leave()
    assert crosshair.GetCrosshairMode() == crosshair.NoCrosshair


def test_a_ct_that_is_shown_anew_has_no_crosshair(with_ct):  # noqa: F811
    import slicer

    with_ct.views.go_to((20.0, -5.0, 41.0))
    with_ct.views.show(with_ct.volume)
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    assert crosshair.GetCrosshairMode() == crosshair.NoCrosshair


def test_3d_has_axes_and_no_box(with_ct):  # noqa: F811
    (view,) = with_ct.scene.view_manager.get_threed_views()
    node = view.get_view_node()
    assert not node.GetBoxVisible()
    assert not node.GetAxisLabelsVisible()
    assert node.GetOrientationMarkerType() == node.OrientationMarkerTypeAxes


def test_3d_looks_at_the_liver_once_its_surface_is_there(with_ct):  # noqa: F811
    segmented(with_ct)
    (view,) = with_ct.scene.view_manager.get_threed_views()
    liver = world_positions(with_ct.volume)[LABELS > 0]
    middle = (liver.min(axis=0) + liver.max(axis=0)) / 2
    assert np.array(view.get_camera_node().GetFocalPoint()) == pytest.approx(middle, abs=3)


def test_nothing_translucent_is_lost_to_multisampling(with_ct):  # noqa: F811
    assert {view.render_window().GetMultiSamples() for view in with_ct.scene.view_manager.get_views()} == {0}


@pytest.mark.parametrize("tag", ["Red", "ThreeD"])
def test_no_browser_makes_a_view_larger_than_a_screen(web_page, tag):  # noqa: F811
    (factory,) = [each for each in web_page.app.view_manager._factories if each.has_view(tag)]
    made = factory.get_factory_view(tag)
    made.view_adapter.update_size("a browser", {"w": 16000, "h": 8000, "p": 2})
    width, height = made.slicer_view.render_window().GetSize()
    made.view_adapter.update_size("a browser", {"w": SIZE, "h": SIZE, "p": 1})
    assert width * height <= 3840 * 2160 * 1.02
    assert width / height == pytest.approx(2, rel=0.01)

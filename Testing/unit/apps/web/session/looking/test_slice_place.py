import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume
from support.web_scene import web_app, web_views, world_positions  # noqa: F401

LEFT_RIGHT_TOP_BOTTOM = {"Axial": "RLAP", "Coronal": "RLSI", "Sagittal": "APSI"}
"""As radiologists look at a patient: from the feet, from the front, and from the left side."""


@pytest.fixture
def at(web_app):  # noqa: F811
    """A function that gives a slice node of an orientation through a point."""
    import slicer

    def make(orientation, point=(0, 0, 0)):
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSliceNode")  # as the views do: it brings orientations
        node.UnRegister(None)
        node.SetLayoutName(f"test-{len(made)}")
        made.append(slicer.mrmlScene.AddNode(node))
        node.SetOrientation(orientation)
        node.JumpSliceByCentering(*point)
        return node

    made = []
    yield make
    for node in made:
        slicer.mrmlScene.RemoveNode(node)


@pytest.mark.parametrize("orientation", LEFT_RIGHT_TOP_BOTTOM)
def test_edges_carry_the_sides_of_the_patient(at, orientation):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import edge_letters

    found = edge_letters(at(orientation))
    assert "".join(found[edge] for edge in ("left", "right", "top", "bottom")) == LEFT_RIGHT_TOP_BOTTOM[orientation]


@pytest.mark.parametrize(
    ("orientation", "point", "said"),
    [
        ("Axial", (5, 6, 7.25), "S 7.2 mm"),
        ("Axial", (5, 6, -70), "I 70.0 mm"),
        ("Coronal", (5, 6, 7), "A 6.0 mm"),
        ("Coronal", (5, -6, 7), "P 6.0 mm"),
        ("Sagittal", (5, 6, 7), "R 5.0 mm"),
        ("Sagittal", (-5, 6, 7), "L 5.0 mm"),
        ("Sagittal", (-0.01, 0, 0), "R 0.0 mm"),
    ],
)
def test_the_place_is_told_on_the_side_of_the_patient(at, orientation, point, said):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import position_text

    assert position_text(at(orientation, point)) == said


@pytest.mark.parametrize("geometry", ["plain", "left-posterior", "feet-first", "sagittal", "oblique"])
@pytest.mark.parametrize(("orientation", "axis"), [("Sagittal", 0), ("Coronal", 1), ("Axial", 2)])
def test_slices_are_counted_upwards_from_one(at, geometry, orientation, axis):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import slice_number

    volume = make_volume(GEOMETRIES[geometry])
    world = world_positions(volume)
    voxel = (7, 12, 31)
    # the array's axis along which the patient's coordinate changes most, one voxel after the other
    along = [abs(np.diff(world[..., axis], axis=each).mean() / _spacing(world, each)) for each in range(3)]
    counted = int(np.argmax(along))
    line = np.moveaxis(world[..., axis], counted, 0)[:, 0, 0]
    index = voxel[counted] if line[-1] > line[0] else SHAPE[counted] - 1 - voxel[counted]
    assert slice_number(at(orientation, world[voxel]), volume) == (index + 1, SHAPE[counted])


def _spacing(world, axis):
    return np.linalg.norm(np.diff(world, axis=axis).reshape(-1, 3)[0])


def test_outside_the_ct_there_is_no_number(at):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import slice_number

    volume = make_volume(GEOMETRIES["plain"])
    world = world_positions(volume)
    assert slice_number(at("Axial", world[-1, 0, 0] + [0, 0, 1.0]), volume) == (SHAPE[0], SHAPE[0])
    assert slice_number(at("Axial", world[-1, 0, 0] + [0, 0, 1.5]), volume) is None
    assert slice_number(at("Axial", world[0, 0, 0] - [0, 0, 1.5]), volume) is None


def test_the_image_of_a_slice_is_said_in_the_views_that_show_the_series_images(at):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import keep_image_numbers, slice_text

    volume = make_volume(GEOMETRIES["feet-first"])
    keep_image_numbers(volume, [100 + k for k in range(SHAPE[0])])
    place = world_positions(volume)[7, 12, 31]
    assert slice_text(at("Axial", place), volume).endswith(f", slice {SHAPE[0] - 7} of {SHAPE[0]}, image 107")
    assert "image" not in slice_text(at("Coronal", place), volume)
    assert slice_text(at("Axial", [0, 0, 900.0]), volume) == "S 900.0 mm"


def test_where_numbers_of_images_are_not_known_none_is_said(at):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import keep_image_numbers, slice_text

    volume = make_volume(GEOMETRIES["plain"])
    keep_image_numbers(volume, [])
    assert slice_text(at("Axial", (0, 0, 30.0)), volume) == f"S 30.0 mm, slice 1 of {SHAPE[0]}"


@pytest.mark.parametrize(
    ("width", "said", "percent"), [(400, "100 mm", 25), (399, "50 mm", 12.531), (90, "20 mm", 22.222)]
)
def test_the_scale_bar_is_a_round_length_of_at_most_a_quarter_of_the_picture(width, said, percent):
    from LiverTumorSegLib.apps.web.session.looking.slice_place import scale_bar
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    plane = ViewPlane(np.diag([width / 200, width / 200, 1.0, 1.0]), (200, 100), 1.0)
    assert scale_bar(plane) == {"percent": pytest.approx(percent, abs=1e-3), "words": said}


def test_a_place_is_told_by_its_sides():
    from LiverTumorSegLib.apps.web.session.looking.slice_place import place_words

    assert place_words((10, -3.5, -12.04)) == "R 10.0 P 3.5 I 12.0 mm"

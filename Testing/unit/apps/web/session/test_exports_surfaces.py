import zipfile

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume, transform, under
from support.web_scene import balls, result_of, web_app, web_views, world_positions  # noqa: F401

from LiverTumorSegLib.core.errors import UserError


@pytest.fixture
def result(web_app):  # noqa: F811
    def make(geometry="plain", kind="none", labels=None, **options):
        node = under(make_volume(GEOMETRIES[geometry]), transform(kind))
        return result_of(balls() if labels is None else labels, node, **options)[0]

    return make


def surfaces_in(path, folder):
    import vtk

    with zipfile.ZipFile(path) as zipped:
        zipped.extractall(folder)
    found = {}
    for file in folder.iterdir():
        reader = vtk.vtkSTLReader()
        reader.SetFileName(str(file))
        reader.Update()
        found[file.stem] = reader.GetOutput()
    return found


@pytest.mark.parametrize(("geometry", "kind"), [("plain", "none"), ("left-handed", "none"), ("sagittal", "scaled")])
@pytest.mark.parametrize("one_each", [False, True])
def test_surfaces_have_the_place_and_volume_of_the_voxels(result, tmp_path, geometry, kind, one_each):
    from LiverTumorSegLib.apps.web.session.exports import write_surfaces

    labels = balls()
    nodes = result(geometry, kind, labels, one_each=one_each)
    write_surfaces(tmp_path / "made.zip", nodes.segmentation, nodes.segments)
    found = surfaces_in(tmp_path / "made.zip", tmp_path / "stl")
    assert set(found) == {"liver", "liver lesion"}
    world = world_positions(nodes.volume)
    voxel = abs(
        np.linalg.det(
            [world[1, 0, 0] - world[0, 0, 0], world[0, 1, 0] - world[0, 0, 0], world[0, 0, 1] - world[0, 0, 0]]
        )
    )
    for name, value in (("liver", 1), ("liver lesion", 2)):
        assert signed_volume(found[name]) == pytest.approx(voxel * (labels == value).sum(), rel=0.05)
        points = world[labels == value] * [-1, -1, 1]
        bounds = np.reshape(found[name].GetBounds(), (3, 2))
        assert np.allclose(bounds[:, 0], points.min(axis=0), atol=2.5)
        assert np.allclose(bounds[:, 1], points.max(axis=0), atol=2.5)


def signed_volume(surface):
    """Positive where the triangles' corners run anticlockwise seen from outside."""
    from vtk.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(surface.GetPoints().GetData()).astype(float)
    corners = points[vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    return np.linalg.det(corners).sum() / 6


def test_a_surface_says_how_its_axes_run_and_an_empty_segment_has_none(result, tmp_path):
    from LiverTumorSegLib.apps.web.session.exports import write_surfaces

    nodes = result(labels=np.minimum(balls(), 1))
    write_surfaces(tmp_path / "made.zip", nodes.segmentation, nodes.segments)
    with zipfile.ZipFile(tmp_path / "made.zip") as zipped:
        assert zipped.namelist() == ["liver.stl"]
        assert b"SPACE=LPS" in zipped.read("liver.stl")[:80]
    assert [path.name for path in tmp_path.iterdir()] == ["made.zip"]


def test_surfaces_that_are_not_shown_are_made_for_the_file_alone(result, tmp_path):
    from LiverTumorSegLib.apps.web.session.exports import write_surfaces

    nodes = result("left-posterior", "rotated", one_each=True)
    write_surfaces(tmp_path / "shown.zip", nodes.segmentation, nodes.segments)
    nodes.segmentation.RemoveClosedSurfaceRepresentation()
    write_surfaces(tmp_path / "hidden.zip", nodes.segmentation, nodes.segments)
    assert (tmp_path / "hidden.zip").read_bytes() == (tmp_path / "shown.zip").read_bytes()
    assert not nodes.segmentation.GetSegmentation().ContainsRepresentation("Closed surface")


def test_a_segment_that_is_gone_or_of_another_result_is_left_out(result, tmp_path):
    from LiverTumorSegLib.apps.web.session.exports import write_surfaces

    nodes = result()
    nodes.segmentation.GetSegmentation().RemoveSegment(list(nodes.segments)[0])
    write_surfaces(tmp_path / "made.zip", nodes.segmentation, nodes.segments)
    with zipfile.ZipFile(tmp_path / "made.zip") as zipped:
        assert zipped.namelist() == ["liver lesion.stl"]


def test_a_result_without_any_voxel_has_no_surfaces(result, tmp_path):
    from LiverTumorSegLib.apps.web.session.exports import write_surfaces

    nodes = result(labels=np.zeros(SHAPE, np.uint8))
    with pytest.raises(UserError, match="no surface"):
        write_surfaces(tmp_path / "made.zip", nodes.segmentation, nodes.segments)

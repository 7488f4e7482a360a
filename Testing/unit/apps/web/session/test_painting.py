import numpy as np
import pytest
from scipy import ndimage
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume, transform, under
from support.mrml_cases import labels as numbered_labels
from support.web_scene import drag, labels_in, result_of, web_app, web_views, world_of, world_positions  # noqa: F401

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.labels import LESION, LIVER
from LiverTumorSegLib.reporting.lesions import measure_lesions

LABELS = np.minimum(numbered_labels(), 2)
IN_LIVER, IN_LESION, IN_BACKGROUND = (37, 16, 8), (24, 12, 7), (47, 36, 17)


@pytest.fixture
def correcting(web_app):  # noqa: F811
    """A function that makes a result and takes it up: corrections, its nodes, its jobs, and the list of changes."""
    from LiverTumorSegLib.apps.web.session.painting import Corrections

    def begin(geometry="plain", kind="none", labels=LABELS, one_each=False, **options):
        node = under(make_volume(GEOMETRIES[geometry]), transform(kind))
        nodes, jobs = result_of(labels, node, one_each)
        changes = []
        corrections = Corrections(web_app.segmentation_editor, lambda: changes.append(1), **options)
        corrections.begin(nodes)
        begun.append(corrections)
        return corrections, nodes, jobs, changes

    begun = []
    yield begin
    for corrections in begun:
        corrections.end()


def stroke(web_app, points, normal=(0, 0, 1)):  # noqa: F811
    """What a view calls once the mouse button was let go; the mouse itself has a test below."""
    import vtk

    from LiverTumorSegLib.apps.web.session.painting import BrushEffect

    moved = vtk.vtkPoints()
    for point in points:
        moved.InsertNextPoint(*point)
    effect = web_app.segmentation_editor.get_effect(BrushEffect)
    effect.normal = normal
    effect.paint_glyph_at_world_coordinates(vtk.vtkPolyData(), moved)


def at(nodes, voxel):
    i, j, k = voxel
    return world_positions(nodes.volume)[k, j, i]


def ball(nodes, voxel, diameter):
    """Voxels whose centres lie in a ball about another's, over the whole volume."""
    distances = np.linalg.norm(world_positions(nodes.volume) - at(nodes, voxel), axis=-1)
    return distances <= diameter / 2


def use(corrections, tool, kind=LESION, diameter=7.1, *, sphere=True):
    from LiverTumorSegLib.apps.web.session.painting import Tool

    corrections.use(Tool(tool), kind)
    corrections.set_brush(diameter, sphere=sphere)


@pytest.mark.parametrize(
    ("geometry", "kind"),
    [("plain", "none"), ("left-handed", "rotated"), ("sagittal", "scaled"), ("sheared", "nested")],
)
def test_a_lesion_is_painted_where_the_brush_is_in_the_patient(correcting, web_app, geometry, kind):  # noqa: F811
    corrections, nodes, _, changes = correcting(geometry, kind)
    use(corrections, "paint")
    stroke(web_app, [at(nodes, IN_LIVER)])
    painted = ball(nodes, IN_LIVER, 7.1)
    assert 30 < painted.sum() < 2000
    assert np.array_equal(labels_in(nodes), np.where(painted, 2, LABELS))
    assert changes == [1]


def test_under_a_transform_that_deforms_the_brush_still_hits_where_it_is(correcting, web_app):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    corrections, nodes, _, _ = correcting(kind="grid")
    use(corrections, "paint", diameter=0.1)
    stroke(web_app, [to_world(nodes.volume, np.array([IN_LIVER], float))[0]])
    i, j, k = IN_LIVER
    assert [tuple(voxel) for voxel in np.argwhere(labels_in(nodes) != LABELS)] == [(k, j, i)]


def test_erasing_a_lesion_gives_its_voxels_back_to_the_liver(correcting, web_app):  # noqa: F811
    corrections, nodes, _, _ = correcting("left-posterior", "rotated")
    use(corrections, "erase")
    stroke(web_app, [at(nodes, IN_LESION)])
    erased = ball(nodes, IN_LESION, 7.1) & (LABELS == 2)
    assert erased.any()
    assert np.array_equal(labels_in(nodes), np.where(erased, 1, LABELS))


def test_what_was_painted_outside_the_liver_is_nothing_once_erased(correcting, web_app):  # noqa: F811
    corrections, nodes, _, _ = correcting()
    for tool in ("paint", "erase"):
        use(corrections, tool)
        stroke(web_app, [at(nodes, IN_BACKGROUND)])
    assert np.array_equal(labels_in(nodes), LABELS)


def test_a_model_that_marks_no_liver_gets_none_from_erased_lesions(correcting, web_app):  # noqa: F811
    corrections, nodes, _, _ = correcting(labels=np.where(LABELS == 2, 2, 0).astype(np.uint8))
    use(corrections, "erase")
    stroke(web_app, [at(nodes, IN_LESION)])
    assert set(np.unique(labels_in(nodes))) == {0, 2}


@pytest.mark.parametrize(("tool", "becomes"), [("paint", 1), ("erase", 0)])
def test_the_liver_is_corrected_beside_its_lesions(correcting, web_app, tool, becomes):  # noqa: F811
    corrections, nodes, _, _ = correcting()
    edge = (10, 5, 6)
    use(corrections, tool, LIVER, 20.1)
    stroke(web_app, [at(nodes, edge)])
    stroke(web_app, [at(nodes, IN_LESION)])
    brushed = ball(nodes, edge, 20.1) | ball(nodes, IN_LESION, 20.1)
    assert (brushed & (LABELS == 2)).any()
    assert np.array_equal(labels_in(nodes), np.where(brushed & (LABELS != 2), becomes, LABELS))


def test_a_flat_brush_covers_one_slice_and_a_round_one_several(correcting, web_app):  # noqa: F811
    corrections, nodes, _, _ = correcting(kind="rotated")
    normal = world_positions(nodes.volume)[1, 0, 0] - world_positions(nodes.volume)[0, 0, 0]
    use(corrections, "paint", sphere=False)
    stroke(web_app, [at(nodes, IN_LIVER) + 0.4 * normal], normal)
    painted = np.argwhere(labels_in(nodes) != LABELS)
    assert set(painted[:, 0]) == {IN_LIVER[2]}
    across = np.linalg.norm(world_positions(nodes.volume) - at(nodes, IN_LIVER), axis=-1)[IN_LIVER[2]] <= 3.55
    assert len(painted) == across.sum()


def test_volumes_follow_when_it_is_measured_again(correcting, web_app):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of

    corrections, nodes, jobs, _ = correcting("sagittal", "rotated")
    before = nodes.facts
    use(corrections, "paint")
    stroke(web_app, [at(nodes, IN_LIVER)])
    jobs.measure(nodes, lambda _: None)
    assert nodes.facts["liver_ml"] == before["liver_ml"]
    assert nodes.facts["lesion_count"] == before["lesion_count"] + 1
    expected = measure_lesions(np.where(ball(nodes, IN_LIVER, 7.1), 2, LABELS), volume_of(nodes.volume)).to_dict()
    assert nodes.facts["lesion_ml"] == expected["lesion_ml"] > before["lesion_ml"]
    rows = mrml_tables.rows(nodes.table)
    assert sorted(row["volume_ml"] for row in rows) == sorted(row["volume_ml"] for row in expected["lesions"])
    assert [row["number"] for row in rows] == [1, 2, 3]  # the new one is the last, whatever its size
    assert rows[0]["volume_ml"] < rows[2]["volume_ml"]


@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize(("row", "number"), [(0, 2), (1, 3)])
def test_a_row_of_the_table_is_removed_and_comes_back(correcting, one_each, row, number):
    corrections, nodes, jobs, changes = correcting("feet-first", "rotated", one_each=one_each)
    corrections.remove(row)
    without = np.where(numbered_labels() == number, 1, LABELS)
    assert np.array_equal(labels_in(nodes), without)
    corrections.undo()
    assert np.array_equal(labels_in(nodes), LABELS)
    corrections.redo()
    assert np.array_equal(labels_in(nodes), without)
    assert len(changes) == 3
    jobs.measure(nodes, lambda _: None)
    assert nodes.facts["lesion_count"] == 1


def test_a_lesion_that_has_changed_since_it_was_measured_is_not_removed(correcting, web_app):  # noqa: F811
    corrections, nodes, jobs, _ = correcting()
    use(corrections, "erase")
    stroke(web_app, [at(nodes, (20, 10, 6))])
    erased = labels_in(nodes)
    with pytest.raises(UserError, match="Measure again"):
        corrections.remove(0)
    with pytest.raises(UserError, match="Lesion 9"):
        corrections.remove(8)
    assert np.array_equal(labels_in(nodes), erased)
    jobs.measure(nodes, lambda _: None)
    corrections.remove(0)
    assert ndimage.label(labels_in(nodes) == 2)[1] == 1


def test_strokes_are_undone_and_redone_one_by_one(correcting, web_app):  # noqa: F811
    corrections, nodes, _, changes = correcting("sagittal")
    states = [labels_in(nodes)]
    for tool, kind, voxel in (("paint", LESION, IN_LIVER), ("erase", LESION, IN_LESION), ("erase", LIVER, IN_LIVER)):
        use(corrections, tool, kind, 11.0)
        stroke(web_app, [at(nodes, voxel), at(nodes, np.add(voxel, [2, 0, 0]))])
        states.append(labels_in(nodes))
    assert len({state.tobytes() for state in states}) == 4
    for state in states[2::-1]:
        corrections.undo()
        assert np.array_equal(labels_in(nodes), state)
    assert not corrections.can_undo
    corrections.undo()
    for state in states[1:]:
        corrections.redo()
        assert np.array_equal(labels_in(nodes), state)
    assert not corrections.can_redo
    assert len(changes) == 9


def test_a_stroke_that_changes_nothing_is_no_change(correcting, web_app):  # noqa: F811
    corrections, nodes, _, changes = correcting()
    use(corrections, "erase")
    stroke(web_app, [at(nodes, IN_BACKGROUND), (900, 900, 900)])
    stroke(web_app, [(900, 900, 900)])
    assert not changes
    assert not corrections.can_undo


def test_with_a_segment_a_lesion_a_stroke_goes_on_with_the_one_it_touches_or_begins_another(correcting, web_app):  # noqa: F811
    corrections, nodes, jobs, _ = correcting(one_each=True)
    use(corrections, "paint", diameter=3.0)
    stroke(web_app, [at(nodes, (31, 12, 7))])
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 3
    stroke(web_app, [at(nodes, (38, 26, 10))])
    segments = nodes.segmentation.GetSegmentation()
    assert [segments.GetNthSegment(n).GetName() for n in range(4)] == [
        "liver",
        "liver lesion 1",
        "liver lesion 2",
        "liver lesion 3",
    ]
    jobs.measure(nodes, lambda _: None)
    assert nodes.facts["lesion_count"] == 3
    assert set(nodes.facts["rows"]) == {name for name, kind in nodes.segments.items() if kind == 2}
    assert len(nodes.segments) == 4


def test_surfaces_are_made_anew_later_and_are_those_of_the_voxels(correcting, web_app):  # noqa: F811
    import vtk

    waiting = []
    corrections, nodes, _, _ = correcting(later=waiting.append)
    assert nodes.segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    use(corrections, "erase", diameter=200.0)
    stroke(web_app, [at(nodes, IN_LESION)])
    assert len(waiting) == 1
    waiting.pop()()
    lesion, surface = list(nodes.segments)[1], vtk.vtkPolyData()
    nodes.segmentation.GetClosedSurfaceRepresentation(lesion, surface)
    assert surface.GetNumberOfPoints() == 0
    corrections.undo()
    corrections.end()
    nodes.segmentation.GetClosedSurfaceRepresentation(lesion, surface)
    assert surface.GetNumberOfPoints() > 0


@pytest.mark.parametrize("view_name", ["axial", "coronal"])
def test_the_mouse_paints_in_a_slice_view_only_while_a_tool_is_chosen(correcting, web_views, view_name):  # noqa: F811
    view = getattr(web_views, view_name)
    corrections, nodes, _, changes = correcting("left-posterior")
    view.set_background_volume_id(nodes.volume.GetID())
    view.fit_view_to_content()
    centre = at(nodes, IN_LIVER)
    view.get_view_node().JumpSliceByCentering(*centre)
    view.render()
    drag(view, [centre])
    assert not changes
    for _ in range(2):  # taken up again, the brush still works
        corrections.begin(nodes)
        use(corrections, "paint", diameter=6.1)
        drag(view, [centre, centre + 0.5])
        assert changes == [1]
        corrections.undo()
        changes.clear()
    drag(view, [centre])
    found = labels_in(nodes) != LABELS
    expected = np.linalg.norm(world_positions(nodes.volume) - world_of(view, centre), axis=-1) <= 3.05
    assert np.array_equal(found, expected & (LABELS != 2))
    corrections.use(None)
    drag(view, [at(nodes, IN_BACKGROUND)])
    assert changes == [1]


def test_a_result_is_not_touched_before_a_tool_is_chosen(correcting, web_app):  # noqa: F811
    corrections, nodes, _, _ = correcting()
    segments = nodes.segmentation.GetSegmentation()
    nodes.segmentation.RemoveClosedSurfaceRepresentation()
    corrections.begin(nodes)
    corrections.use(None)
    assert not segments.ContainsRepresentation("Closed surface")
    use(corrections, "paint")
    assert segments.ContainsRepresentation("Closed surface")


def test_nothing_happens_to_a_result_that_was_removed_or_put_away(correcting, web_app):  # noqa: F811
    import slicer

    corrections, nodes, _, changes = correcting()
    use(corrections, "paint")
    stroke(web_app, [at(nodes, IN_LIVER)])
    slicer.mrmlScene.RemoveNode(nodes.segmentation)
    corrections.undo()
    stroke(web_app, [at(nodes, IN_LESION)])
    corrections.end()
    corrections.undo()
    assert changes == [1]
    with pytest.raises(RuntimeError, match="begin first"):
        corrections.remove(0)


def test_the_shape_of_the_test_scene_holds_what_the_tests_point_at():
    voxels = {"liver": IN_LIVER, "lesion": IN_LESION, "background": IN_BACKGROUND}
    values = {name: int(LABELS[k, j, i]) for name, (i, j, k) in voxels.items()}
    assert values == {"liver": 1, "lesion": 2, "background": 0}
    assert LABELS.shape == SHAPE

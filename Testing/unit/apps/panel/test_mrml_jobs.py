from pathlib import Path

import numpy as np
import pytest
from support.lesion_scores import model_with_scores
from support.mrml_cases import make_roi, placed, transform, under
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.reporting.lesions import measure_lesions

pytestmark = pytest.mark.usefixtures("mrml")
CPU = PanelSettings(device="cpu")


@pytest.fixture
def node(small_phantom, mrml):  # noqa: F811
    import slicer

    affine = slicer.util.vtkMatrixFromArray(small_phantom.volume.affine)
    return slicer.util.addVolumeFromArray(small_phantom.volume.voxels, affine, "CT")


def run(jobs, job, *arguments, **options):
    got = []
    job(*arguments, got.append, **options)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def request(node, **fields):
    from LiverTumorSegLib.apps.panel.mrml_jobs import Request

    return Request(node, **{"settings": CPU} | fields)


def labels_in(nodes):
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    return labels_of(nodes.segmentation, nodes.volume, nodes.segments)[0]


def test_a_ct_becomes_segments_and_a_table(jobs, node, small_phantom):
    from LiverTumorSegLib.apps.panel import mrml_tables

    nodes = run(jobs, jobs.segment, request(node))
    found = labels_in(nodes)
    assert dice(found > 0, small_phantom.labels > 0) > 0.9
    table = measure_lesions(found, small_phantom.volume).to_dict()
    assert nodes.facts["liver_ml"] == table["liver_ml"]
    assert [row["volume_ml"] for row in mrml_tables.rows(nodes.table)] == [x["volume_ml"] for x in table["lesions"]]
    assert nodes.facts["run"]["model"] == "unet-lits"
    assert nodes.segmentation.GetName() == "CT liver and lesions"


@pytest.mark.parametrize("kind", ["rotated", "grid"])
def test_the_table_says_where_lesions_lie_in_the_world(jobs, node, kind):
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    under(node, transform(kind))
    nodes = run(jobs, jobs.segment, request(node))
    rows = mrml_tables.rows(nodes.table)
    assert rows
    lesions = np.argwhere(labels_in(nodes) == 2)[:, ::-1].astype(float)
    weights = [row["volume_ml"] for row in rows]
    middle = np.average([[row["r"], row["a"], row["s"]] for row in rows], axis=0, weights=weights)
    assert np.allclose(middle, to_world(node, lesions).mean(axis=0), atol=0.6)  # a bent lesion's mean bends too


def test_any_place_and_order_of_the_ct_gives_the_same_patient(jobs, node, small_phantom):
    """A mirrored and transposed array under a turned transform, undone by its own geometry."""
    import slicer

    first = run(jobs, jobs.segment, request(node))
    turn = placed(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (1, 1, 1), (9, 8, 7))
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
    flipped = np.ascontiguousarray(small_phantom.volume.voxels.transpose(2, 0, 1)[:, ::-1])
    affine = small_phantom.volume.affine[:, [1, 2, 0, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (flipped.shape[1] - 1)
    affine[:3, 1] *= -1
    inverse = slicer.util.vtkMatrixFromArray(np.linalg.inv(turn) @ affine)
    other = under(slicer.util.addVolumeFromArray(flipped, inverse, "other"), parent)
    second = run(jobs, jobs.segment, request(other))
    assert np.array_equal(labels_in(second)[:, ::-1].transpose(1, 2, 0), labels_in(first))
    assert second.facts["lesion_ml"] == pytest.approx(first.facts["lesion_ml"], abs=1e-3)


def lesion_roi(small_phantom, parent=None):
    """A region of the user's around the phantom's largest lesion, no larger than that."""
    lesion = measure_lesions(small_phantom.labels, small_phantom.volume).lesions[0]
    return make_roi(lesion.centroid_mm, [1.5 * lesion.diameter_mm] * 3, parent)


@pytest.mark.parametrize("kind", ["none", "rotated"])
def test_a_region_shows_what_the_whole_shows_there(jobs, node, small_phantom, kind):
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_volumes import region_of

    whole = run(jobs, jobs.segment, request(node))
    roi = lesion_roi(small_phantom, transform(kind))
    nodes = run(jobs, jobs.segment, request(node, roi=roi))
    inside, found = region_of(roi, node), labels_in(nodes)
    assert not found[~inside].any()
    assert (found == 2).any()
    assert dice(found == 2, inside & (labels_in(whole) == 2)) > 0.95
    assert dice(found > 0, inside & (labels_in(whole) > 0)) > 0.95
    assert any("Only a region" in warning for warning in nodes.facts["warnings"])
    assert nodes.facts["liver_ml"] == pytest.approx((found > 0).sum() * small_phantom.volume.voxel_ml, abs=1e-3)
    before = mrml_tables.rows(nodes.table)
    assert str(mrml_tables.rows(run(jobs, jobs.measure, nodes).table)) == str(before)  # NaN is not itself
    in_whole = {row["slice"] for row in mrml_tables.rows(whole.table)}
    assert any(abs(before[0]["slice"] - number) <= 1 for number in in_whole)


def test_a_row_leads_to_its_lesion_and_segment_wherever_the_ct_is_moved(jobs, node):
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput
    from LiverTumorSegLib.apps.panel.mrml_volumes import from_world

    nodes = run(jobs, jobs.segment, request(node, output=SegmentOutput(one_each=True)))
    rows = mrml_tables.rows(nodes.table)
    assert nodes.facts["rows"] == list(nodes.segments)[1:]
    voxel = from_world(node, np.array([nodes.place(0)]))
    for row, measured in enumerate(rows):  # its slice, and not between two
        place = from_world(node, np.array([nodes.place(row)]))[0]
        assert place[2] == pytest.approx(measured["slice"] - 1, abs=1e-6)
        assert np.linalg.norm(np.subtract(nodes.place(row), [measured[axis] for axis in "ras"])) < 10
    parent = transform("shifted")
    for moved in (node, nodes.segmentation):
        under(moved, parent)
    assert from_world(node, np.array([nodes.place(0)]))[0] == pytest.approx(voxel[0])
    assert from_world(node, np.array([nodes.place(0)])) == pytest.approx(voxel)


def test_a_ct_moved_while_it_is_segmented_has_its_table_in_the_new_place(jobs, node):
    from LiverTumorSegLib.apps.panel import mrml_tables

    still = run(jobs, jobs.segment, request(node))
    got = []
    jobs.segment(request(node), got.append)
    under(node, transform("shifted"))
    settle(jobs.panel)
    moved = mrml_tables.rows(got[0].table)[0]
    assert moved["r"] == pytest.approx(mrml_tables.rows(still.table)[0]["r"] + 100)


def test_after_corrections_a_row_still_names_the_segment_that_holds_it(jobs, node, small_phantom):
    import slicer

    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    nodes = run(jobs, jobs.segment, request(node, output=SegmentOutput(one_each=True)))
    _liver, first, second, *_ = nodes.segments
    small = np.zeros(slicer.util.arrayFromVolume(node).shape, np.uint8)
    small[tuple(np.argwhere(slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, first, node))[0])] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(small, nodes.segmentation, first, node)
    measured = run(jobs, jobs.measure, nodes)
    assert measured.facts["rows"][:2] == [first, second]
    row, *others = mrml_tables.rows(measured.table)
    assert row["volume_ml"] == pytest.approx(small_phantom.volume.voxel_ml, abs=1e-3)
    assert row["number"] == 1  # though it is the smallest now
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros_like(small), nodes.segmentation, first, node)
    measured = run(jobs, jobs.measure, nodes)
    assert measured.facts["rows"][0] == second
    assert measured.row_numbers == [other["number"] for other in others] == list(range(2, 2 + len(others)))


def test_corrections_by_hand_are_measured(jobs, node, small_phantom):
    nodes = run(jobs, jobs.segment, request(node))
    _liver, *lesions = nodes.segments
    for name in lesions:
        nodes.segmentation.GetSegmentation().RemoveSegment(name)
    measured = run(jobs, jobs.measure, nodes)
    assert measured.facts["lesion_count"] == 0
    assert measured.facts["liver_ml"] == pytest.approx(
        (labels_in(nodes) > 0).sum() * small_phantom.volume.voxel_ml, abs=1e-3
    )
    assert measured.facts["run"] == nodes.facts["run"]
    assert measured.table.GetNumberOfRows() == 0


@pytest.mark.parametrize("kind", ["none", "nested", "scaled"])
def test_segments_that_were_changed_by_hand_are_called_so_in_table_and_report(jobs, node, kind, tmp_path):
    nodes = run(jobs, jobs.segment, request(under(node, transform(kind))))
    untouched = run(jobs, jobs.measure, nodes).facts["run"]["notes"]
    assert not any("changed afterwards" in note for note in untouched)
    nodes.segmentation.GetSegmentation().RemoveSegment(list(nodes.segments)[-1])
    for _ in range(2):
        notes = run(jobs, jobs.measure, nodes).facts["run"]["notes"]
        assert sum("changed afterwards" in note for note in notes) == 1
    files = run(jobs, jobs.report, nodes, tmp_path / "report", overwrite=False)
    (page,) = [file for file in files if file.endswith(".html")]
    assert "changed afterwards" in Path(page).read_text(encoding="utf-8")


def test_the_report_follows_the_scene(jobs, node, tmp_path):
    nodes = run(jobs, jobs.segment, request(node))
    files = run(jobs, jobs.report, nodes, tmp_path / "report", overwrite=False)
    assert sorted(files) == sorted(str(path) for path in (tmp_path / "report").iterdir())


def test_the_preview_is_a_volume_beside_the_ct(jobs, node):
    import slicer

    shown = run(jobs, jobs.preview, node, "unet-lits")
    array = slicer.util.arrayFromVolume(shown)
    assert shown.GetName() == "CT preprocessed"
    assert 0 <= array.min() < array.max() <= 1
    ours, theirs = [0.0] * 6, [0.0] * 6
    node.GetRASBounds(ours)
    shown.GetRASBounds(theirs)
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize("gone", ["volume", "segmentation"])
def test_a_node_that_is_removed_meanwhile_is_one_sentence(jobs, node, gone):
    import slicer

    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    jobs.segment(request(node, segmentation=target), pytest.fail)
    slicer.mrmlScene.RemoveNode({"volume": node, "segmentation": target}[gone])
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.FAILED
    assert "was removed from the scene meanwhile" in jobs.panel.error
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_segments_that_are_gone_cannot_be_measured(jobs, node):
    import slicer

    nodes = run(jobs, jobs.segment, request(node))
    slicer.mrmlScene.RemoveNode(nodes.segmentation)
    with pytest.raises(UserError, match="was removed from the scene"):
        jobs.measure(nodes, pytest.fail)


@pytest.fixture
def scored(jobs, node, tmp_path):
    """A result of a model with lesion scores, when many false lesions are put up with, a segment a lesion."""
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    settings = PanelSettings(model=str(model_with_scores(tmp_path)), device="cpu", postprocessing={"sensitivity": 5})
    return run(jobs, jobs.segment, request(node, settings=settings, output=SegmentOutput(one_each=True)))


def chosen(jobs, nodes, sensitivity):
    got = []
    jobs.choose(nodes, sensitivity, got.append)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def test_other_candidates_change_segments_and_table_and_come_back(jobs, scored):
    from LiverTumorSegLib.apps.panel import mrml_tables

    labels, rows = labels_in(scored), mrml_tables.rows(scored.table)
    assert [point["false_per_patient"] for point in scored.points] == [0, 0.5, 2]
    fewer = chosen(jobs, scored, 0)
    left = mrml_tables.rows(fewer.table)
    assert 0 < len(left) < len(rows)
    assert {row["probability"] for row in left} < {row["probability"] for row in rows}
    assert len(fewer.segments) == 1 + len(left)
    assert fewer.facts["rows"] == list(fewer.segments)[1:]
    assert np.array_equal(labels_in(fewer) > 0, labels > 0)
    again = chosen(jobs, fewer, 5)
    assert np.array_equal(labels_in(again), labels)
    assert mrml_tables.rows(again.table) == rows
    assert fewer.facts["run"]["notes"] == scored.facts["run"]["notes"]  # nothing was changed by hand


def test_what_was_painted_stays_when_other_candidates_are_taken(jobs, scored):
    import slicer

    name = list(scored.segments)[1]
    held = slicer.util.arrayFromSegmentBinaryLabelmap(scored.segmentation, name, scored.volume)
    at = tuple(np.argwhere(held)[0])
    held[at] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, scored.segmentation, name, scored.volume)
    fewer = chosen(jobs, scored, 0)
    assert labels_in(fewer)[at] != 2
    assert labels_in(chosen(jobs, fewer, 5))[at] != 2


def test_a_segment_that_the_user_added_stays_theirs(jobs, scored):
    import slicer

    from LiverTumorSegLib.core.labels import LESION

    segments = scored.segmentation.GetSegmentation()
    mine = segments.AddEmptySegment("mine", "mine")
    segments.GetSegment(mine).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), LESION.terminology)
    drawn = np.zeros(slicer.util.arrayFromVolume(scored.volume).shape, np.uint8)
    liver = np.argwhere(labels_in(scored) == 1)
    drawn[tuple(liver[len(liver) // 2])] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, scored.segmentation, mine, scored.volume)
    fewer = chosen(jobs, scored, 0)
    assert segments.GetSegment(mine).GetName() == "mine"
    held = slicer.util.arrayFromSegmentBinaryLabelmap(scored.segmentation, mine, scored.volume)
    assert np.array_equal(held, drawn)
    assert "mine" in fewer.facts["rows"]
    again = chosen(jobs, fewer, 5)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(again.segmentation, mine, again.volume), drawn)


def test_what_the_user_gave_the_segments_stays_with_them(jobs, scored):
    from LiverTumorSegLib.apps.panel.mrml_display import highlight_segment

    segments, display = scored.segmentation.GetSegmentation(), scored.segmentation.GetDisplayNode()
    liver, first, *_ = scored.segments
    segments.GetSegment(first).SetName("segment VII")
    segments.GetSegment(first).SetColor(0.1, 0.2, 0.3)
    display.SetSegmentVisibility(liver, False)
    display.SetSegmentOpacity2DFill(liver, 0.3)
    highlight_segment(scored.segmentation, list(scored.segments), first)
    chosen(jobs, scored, 0)
    assert segments.GetSegment(first).GetName() == "segment VII"
    assert segments.GetSegment(first).GetColor() == pytest.approx((0.1, 0.2, 0.3))
    assert not display.GetSegmentVisibility(liver)
    assert display.GetSegmentOpacity2DFill(liver) == pytest.approx(0.3)


def test_segments_that_were_changed_meanwhile_are_left_alone(jobs, scored):
    import slicer

    name = list(scored.segments)[1]
    jobs.choose(scored, 0, lambda _: None)
    held = slicer.util.arrayFromSegmentBinaryLabelmap(scored.segmentation, name, scored.volume)
    held[tuple(np.argwhere(held)[0])] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, scored.segmentation, name, scored.volume)
    settle(jobs.panel)
    assert jobs.panel.error == "The segments were changed meanwhile, so nothing else was done: try it again."
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(scored.segmentation, name, scored.volume), held)


def test_a_result_without_candidates_has_nothing_to_choose(jobs, node, model_folder):
    settings = PanelSettings(model=str(model_folder), device="cpu")
    nodes = run(jobs, jobs.segment, request(node, settings=settings))
    assert nodes.points == []


def test_a_saved_scene_keeps_the_choice(jobs, scored):
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    again = ResultNodes(scored.volume, scored.segmentation, scored.table)
    assert again.points == scored.points
    assert 0 < len(again.candidates) < 1 << 20

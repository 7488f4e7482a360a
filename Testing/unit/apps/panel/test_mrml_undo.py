import numpy as np
import pytest
from support.lesion_scores import model_with_scores
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.errors import UserError

pytestmark = pytest.mark.usefixtures("mrml")


@pytest.fixture
def nodes(jobs, small_phantom, tmp_path):
    """A result with several candidates for lesions, a segment a lesion."""
    return segmented(jobs, small_phantom, tmp_path)


def model_in(folder):
    made = folder / "scored"
    return str(made if made.is_dir() else model_with_scores(folder))


def segmented(jobs, phantom, folder, segmentation=None, replace=False):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_jobs import Request
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    ct = slicer.util.addVolumeFromArray(
        phantom.volume.voxels, slicer.util.vtkMatrixFromArray(phantom.volume.affine), "CT"
    )
    settings = PanelSettings(model=model_in(folder), device="cpu", postprocessing={"sensitivity": 5})
    output = SegmentOutput(one_each=True, replace=replace)
    return run(jobs, jobs.segment, Request(ct, segmentation, settings=settings, output=output, surface=False))


def run(jobs, job, *arguments):
    got = []
    job(*arguments, got.append)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def labels_in(nodes):
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    return labels_of(nodes.segmentation, nodes.volume, nodes.segments)[0]


def paint(nodes, name, at, value):
    import slicer

    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume)
    held[at] = value
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, nodes.segmentation, name, nodes.volume)


def rows(nodes):
    from LiverTumorSegLib.apps.panel import mrml_tables

    return mrml_tables.rows(nodes.table)


def test_what_is_no_lesion_becomes_liver_and_comes_back(jobs, nodes):
    from LiverTumorSegLib.apps.panel import mrml_tables

    labels, before = labels_in(nodes), rows(nodes)
    i, j, k = nodes.inside(1)
    nodes.note(1, "a cyst")
    after = run(jobs, jobs.remove, nodes, 1)
    assert len(rows(after)) == len(before) - 1
    assert labels_in(after)[k, j, i] == 1
    assert np.count_nonzero(labels_in(after) != labels) == np.count_nonzero((labels == 2) & (labels_in(after) == 1))
    nodes.note(0, "beside it")  # written since, so it stays
    assert mrml_tables.notes(after.table) == ["beside it", *[""] * (len(rows(after)) - 1)]
    back = run(jobs, jobs.undo, after)
    assert np.array_equal(labels_in(back), labels)
    assert rows(back) == before
    assert mrml_tables.notes(back.table)[:2] == ["beside it", "a cyst"]
    assert ((i, j, k), "a cyst") in back.notes
    with pytest.raises(UserError, match="nothing to undo"):
        jobs.undo(back, pytest.fail)


def test_what_was_undone_is_done_again_until_something_else_is_done(jobs, nodes):
    labels = labels_in(nodes)
    away = labels_in(run(jobs, jobs.remove, nodes, 1))
    for step, wanted in ((jobs.undo, labels), (jobs.redo, away), (jobs.undo, labels)):
        assert np.array_equal(labels_in(run(jobs, step, nodes)), wanted)
    assert jobs.steps.has_undone(nodes.table)
    run(jobs, jobs.remove, nodes, 0)
    with pytest.raises(UserError, match="nothing to redo"):
        jobs.redo(nodes, pytest.fail)


def test_a_replaced_result_that_came_back_is_replaced_again(jobs, nodes, small_phantom, tmp_path):
    paint(nodes, list(nodes.segments)[1], tuple(reversed(nodes.inside(0))), 0)
    labels = labels_in(nodes)
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    new = labels_in(again)
    for step, wanted in ((jobs.undo, labels), (jobs.redo, new), (jobs.undo, labels)):
        assert np.array_equal(labels_in(run(jobs, step, again)), wanted)
        segments = again.segmentation.GetSegmentation()
        assert segments.GetNumberOfSegments() == len(again.segments)


def test_what_was_taken_away_stays_away_when_the_slider_moves(jobs, nodes):
    i, j, k = nodes.inside(0)
    away = run(jobs, jobs.remove, nodes, 0)
    got = []
    jobs.choose(away, 0, got.append)
    settle(jobs.panel)
    jobs.choose(got[0], 5, got.append)
    settle(jobs.panel)
    assert labels_in(got[-1])[k, j, i] == 1


def test_undo_takes_the_slider_back_and_never_touches_what_was_painted_since(jobs, nodes):
    labels = labels_in(nodes)
    got = []
    jobs.choose(nodes, 0, got.append)
    settle(jobs.panel)
    fewer = got[0]
    changed = np.argwhere(labels_in(fewer) != labels)
    at = tuple(changed[0])
    paint(fewer, next(iter(fewer.segments)), at, 0)  # away with a voxel of what was a lesion and is liver now
    back = run(jobs, jobs.undo, fewer)
    now = labels_in(back)
    assert now[at] == 0
    now[at] = labels[at]
    assert np.array_equal(now, labels)
    assert back.facts["run"]["options"]["postprocessing"]["sensitivity"] == 5


def test_replaced_segments_come_back_with_their_corrections(jobs, nodes, small_phantom, tmp_path):
    name = list(nodes.segments)[1]
    nodes.segmentation.GetSegmentation().GetSegment(name).SetName("segment VII")
    nodes.note(2, "a cyst")
    before = rows(nodes)
    i, j, k = nodes.inside(nodes.facts["rows"].index(name))
    paint(nodes, name, (k, j, i), 0)
    labels = labels_in(nodes)
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    assert again.table is nodes.table
    assert jobs.steps._steps[-1].bytes > labels.size / 100
    assert not np.array_equal(labels_in(again), labels)
    back = run(jobs, jobs.undo, again)
    assert np.array_equal(labels_in(back), labels)
    segments = back.segmentation.GetSegmentation()
    assert segments.GetNumberOfSegments() == len(back.segments)
    assert "segment VII" in {segments.GetSegment(each).GetName() for each in back.segments}
    assert rows(back) == before
    assert [text for _voxel, text in back.notes] == ["a cyst"]


def test_what_came_in_place_and_was_painted_stays_beside(jobs, nodes, small_phantom, tmp_path):
    from LiverTumorSegLib.apps.panel.mrml_display import show_surface
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    labels = labels_in(nodes)
    show_surface(nodes.segmentation)
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    made, at = list(again.segments), tuple(np.argwhere(labels_in(again) == 1)[0])
    paint(again, made[0], at, 0)
    painted = labels_in(again)
    back = run(jobs, jobs.undo, again)
    segments = back.segmentation.GetSegmentation()
    assert not set(made) & set(back.segments)
    assert segments.GetNumberOfSegments() == len(made) + len(back.segments)
    assert np.array_equal(labels_in(back), labels)
    assert set(back.facts["rows"]) <= set(back.segments)
    assert np.array_equal(labels_of(back.segmentation, back.volume, dict.fromkeys(made[:1], 1))[0], painted == 1)


def test_a_lesion_that_is_split_into_a_segment_of_the_users_counts_as_painted(jobs, nodes, small_phantom, tmp_path):
    import slicer

    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    segments = again.segmentation.GetSegmentation()
    mine = segments.AddEmptySegment("mine", "mine")
    i, j, k = again.inside(0)
    drawn = np.zeros(labels_in(again).shape, np.uint8)
    drawn[k, j, i] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, again.segmentation, mine, again.volume)
    paint(again, again.facts["rows"][0], (k, j, i), 0)
    made = list(again.segments)
    run(jobs, jobs.undo, again)
    assert all(segments.GetSegment(name) for name in (*made, mine))
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(again.segmentation, mine, again.volume), drawn)


def test_a_lesion_keeps_its_segment_when_another_goes(jobs, nodes):
    import slicer

    names = nodes.facts["rows"]
    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, names[1], nodes.volume)
    after = run(jobs, jobs.remove, nodes, 0)
    assert after.facts["rows"] == names[1:]
    now = slicer.util.arrayFromSegmentBinaryLabelmap(after.segmentation, names[1], after.volume)
    assert np.array_equal(now > 0, held > 0)
    assert not after.segmentation.GetSegmentation().GetSegment(names[0])


def test_a_lesion_of_the_users_own_segment_is_not_taken_away(jobs, nodes):
    import slicer

    from LiverTumorSegLib.core.labels import LESION

    segments = nodes.segmentation.GetSegmentation()
    mine = segments.AddEmptySegment("mine", "mine")
    segments.GetSegment(mine).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), LESION.terminology)
    liver = np.argwhere(labels_in(nodes) == 1)
    drawn = np.zeros(labels_in(nodes).shape, np.uint8)
    drawn[tuple(liver[len(liver) // 2])] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, nodes.segmentation, mine, nodes.volume)
    run(jobs, jobs.measure, nodes)
    row = nodes.facts["rows"].index("mine")
    labels = labels_in(nodes)
    jobs.remove(nodes, row, pytest.fail)
    settle(jobs.panel)
    assert jobs.panel.error.startswith("This lesion is in a segment that you added: erase it in Segment Editor")
    assert np.array_equal(labels_in(nodes), labels)


def test_the_oldest_step_goes_first(nodes):
    from LiverTumorSegLib.apps.panel.mrml_undo import MOST_STEPS, ChangedLabels, UndoSteps

    steps, labels = UndoSteps(), labels_in(nodes)
    other = np.where(labels == 2, 1, labels)
    for _ in range(MOST_STEPS + 3):
        steps.add(ChangedLabels.of(nodes, labels, other, np.zeros(labels.shape, bool)))
    assert len(steps._steps) == MOST_STEPS
    large = ChangedLabels(nodes.table, {}, "x" * (150 << 20), *(np.zeros(0, np.uint8) for _ in range(3)))
    steps.add(large)
    steps.add(large)
    assert list(steps._steps) == [large]
    steps.clear()
    assert not steps.has(nodes.table)


def test_a_result_that_another_cts_replaces_leaves_nothing_there_and_comes_back_whole(
    jobs, nodes, small_phantom, tmp_path
):
    from LiverTumorSegLib.apps.panel.mrml_kept_clicks import CLICKS

    first = nodes.volume
    nodes.note(0, "metastasis of patient A")
    nodes.table.SetAttribute(CLICKS, "[]")
    before = rows(nodes)
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    assert again.volume is not first
    assert again.table is nodes.table
    assert again.notes == []
    assert not again.table.GetAttribute(CLICKS)
    back = run(jobs, jobs.undo, again)
    assert back.volume is first
    assert [text for _voxel, text in back.notes] == ["metastasis of patient A"]
    assert rows(back) == before
    forth = run(jobs, jobs.redo, back)
    assert forth.volume is again.volume
    assert forth.notes == []


def test_a_result_whose_ct_is_gone_does_not_come_back_over_another_ct(jobs, nodes, small_phantom, tmp_path):
    import slicer

    nodes.note(0, "metastasis of patient A")
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    slicer.mrmlScene.RemoveNode(nodes.volume)
    with pytest.raises(UserError, match="was removed"):
        jobs.undo(again, pytest.fail)
    assert again.notes == []
    assert jobs.steps.has(again.table)


def test_a_result_of_a_ct_that_is_gone_leaves_no_notes_in_the_next(jobs, nodes, small_phantom, tmp_path):
    import slicer

    nodes.note(0, "metastasis of patient A")
    slicer.mrmlScene.RemoveNode(nodes.volume)
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    assert again.notes == []


def test_a_table_of_an_earlier_version_keeps_its_notes(jobs, nodes, small_phantom, tmp_path):
    nodes.note(0, "a cyst")
    nodes.table.RemoveAttribute("LiverTumorSeg.names_ct")
    nodes.table.RemoveNodeReferenceIDs("LiverTumorSeg.ct")
    again = segmented(jobs, small_phantom, tmp_path, nodes.segmentation, replace=True)
    assert [text for _voxel, text in again.notes] == ["a cyst"]

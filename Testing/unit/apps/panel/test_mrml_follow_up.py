"""An earlier CT is compared with a segmented later one on real nodes, by a real worker, and saved with the scene."""

import json

import numpy as np
import pytest
from support.mrml_cases import transform, under
from support.panels import settle
from support.slicer_harness import available
from support.small_follow_up import add_result, earlier, later, number

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.core.errors import UserError

mrml = available.load("fixtures").mrml
pytestmark = pytest.mark.usefixtures("mrml")


def run(follow_up, method, *arguments):
    got = []
    getattr(follow_up, method)(*arguments, lambda *found: got.append(found))
    panel = follow_up.jobs.panel
    settle(panel, until=lambda panel: panel.settled)
    assert panel.state is PanelState.DONE, panel.error + panel.details
    return got[0][0] if got[0] else None


@pytest.fixture
def follow_up(jobs):
    from LiverTumorSegLib.apps.panel.mrml_follow_up import FollowUpJobs

    return FollowUpJobs(jobs)


def request(later_result, volume, segmentation=None, **more):
    from LiverTumorSegLib.apps.panel.mrml_follow_up import FollowUpRequest

    return FollowUpRequest(later_result, volume, segmentation, device="cpu", **more)


def apart(one, other):
    return float(np.linalg.norm(np.subtract(one, other)))


def test_two_cts_are_compared_registered_corrected_reported_and_saved(follow_up, tmp_path):
    """One comparison for all: registering takes longest."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_comparison import ComparisonNodes, all_comparisons

    parent = transform("shifted")
    before, after = add_result(earlier(), "before", parent), add_result(later(), "after")
    where = before.volume.GetTransformNodeID()
    dates = ("2026-01-10", "2026-04-20")
    nodes = run(follow_up, "compare", request(after, before.volume, before.segmentation, dates=dates))

    rows = nodes.facts["rows"]
    assert nodes.facts["days"] == 100
    table = nodes.table
    column = [table.GetCellText(n, 2) for n in range(table.GetNumberOfRows())]
    assert column == [row["what"] for row in rows]
    assert {"new", "not found any more"} <= set(column)
    assert "2026" not in table.GetAttribute("LiverTumorSeg.comparison")

    # as scanned, each lesion lies where its own CT has it; registered, pairs lie upon each other
    of = {"grown": (number(earlier(), "grown"),), "gone": (number(earlier(), "gone"),), "new": ()}
    grown, gone, new = (next(n for n, row in enumerate(rows) if tuple(row["before"]) == of[name]) for name in of)
    middle = np.mean(earlier().table.lesions[of["grown"][0] - 1].axial_line_mm, axis=0)
    scanned = np.add(middle, (100, 0, 0))
    assert apart(nodes.place(grown, 0), scanned) < 0.1
    assert not nodes.is_registered
    nodes.show_registered(True)
    assert nodes.is_registered
    assert before.segmentation.GetTransformNodeID() == nodes.transform.GetID()
    assert apart(nodes.place(grown, 0), nodes.place(grown, 1)) < 4
    for lone in (gone, new):
        assert apart(nodes.place(lone, 0), nodes.place(lone, 1)) < 0.1
    with pytest.raises(UserError, match="“before” is shown as it fits a later CT"):
        follow_up.jobs.volumes.of(before.volume)

    # what the user says of pairs stays
    said = ["pair", of["gone"][0], number(later(), "new")]
    run(follow_up, "change_pairs", nodes, [said])
    assert nodes.facts["edits"] == [said]
    assert nodes.table.GetCellText(new, 3) == "by hand"
    assert len(nodes.facts["rows"]) == len(rows) - 1

    # the report is written of the earlier CT as it was scanned, and leaves it as it is shown
    files = run(follow_up, "report", nodes, tmp_path / "report")
    assert any(file.endswith("follow-up.html") for file in files)
    told = json.loads((tmp_path / "report" / "follow-up.json").read_text(encoding="utf-8"))["comparisons"][0]
    assert (len(told["changes"]), told["days"]) == (len(rows) - 1, 100)
    assert nodes.is_registered

    # all of it comes back with the scene, the place before too
    places = [[nodes.place(row, side) for side in (0, 1)] for row in range(len(rows) - 1)]
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.ReadFromMRB(path)
    (loaded,) = all_comparisons()
    assert isinstance(loaded, ComparisonNodes)
    assert loaded.is_registered
    assert np.allclose(
        [[loaded.place(row, side) for side in (0, 1)] for row in range(len(rows) - 1)], places, atol=0.01
    )
    loaded.show_registered(False)
    assert loaded.volumes[0].GetParentTransformNode().GetName() == slicer.mrmlScene.GetNodeByID(where).GetName()
    assert apart(loaded.place(grown, 0), scanned) < 0.1


def test_what_cannot_be_compared_is_said_before_any_work(follow_up):
    before, after = add_result(earlier(), "before"), add_result(later(), "after")
    nothing = lambda _: pytest.fail("it was compared")  # noqa: E731
    with pytest.raises(UserError, match="“after” is the later CT itself"):
        follow_up.compare(request(after, after.volume), nothing)
    under(before.volume, transform("grid"))
    with pytest.raises(UserError, match="hangs under a transform that deforms it"):
        follow_up.compare(request(after, before.volume, before.segmentation), nothing)
    under(before.volume, None)
    follow_up.compare(request(after, before.volume, dates=("2026-04-20", "2026-01-10")), nothing)
    settle(follow_up.jobs.panel, until=lambda panel: panel.settled)
    assert follow_up.jobs.panel.error == "after was taken 100 days before before: give the earlier CT first."


@pytest.mark.parametrize("name", ["Liver lesions 1", "Tumor"])
def test_segments_of_others_are_told_by_their_names_and_else_asked_for(follow_up, name):
    from LiverTumorSegLib.apps.panel.mrml_follow_up import kinds_of

    before = add_result(earlier(), "before")
    before.table.RemoveAttribute("LiverTumorSeg.facts")
    segments = before.segmentation.GetSegmentation()
    for each, called in zip(segments.GetSegmentIDs(), ("My liver", name), strict=True):
        segments.GetSegment(each).SetName(called)
        segments.GetSegment(each).RemoveTag("TerminologyEntry")
    assert list(kinds_of(before.segmentation, before.volume).values()) == [1, 2]
    for each in segments.GetSegmentIDs():
        segments.GetSegment(each).SetName("x")
    with pytest.raises(UserError, match="No segment of “before liver and lesions” is told to be liver or lesion"):
        kinds_of(before.segmentation, before.volume)


def test_an_earlier_ct_without_segments_is_segmented_as_the_later_one_was():
    from LiverTumorSegLib.apps.panel.mrml_follow_up import settings_of

    found = settings_of(add_result(later(), "after"), "cuda:0")
    wanted = {"coarse_pass": False, "liver_model": "none", "postprocessing": {"smallest_lesion_ml": 0.5}}
    assert found == PanelSettings(device="cuda:0", **wanted)

"""How lesions of a scene came about: told in the table, and kept with the scene through corrections and undo."""

import json

import numpy as np
import pytest
from support.lesion_scores import model_with_scores
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.apps.panel.panel import PanelSettings
from LiverTumorSegLib.reporting.lesion_origins import AUTOMATIC, LesionMark, LesionOrigin

pytestmark = pytest.mark.usefixtures("mrml")

CORRECTED = LesionOrigin(automatic=True, corrected=True)


@pytest.fixture
def nodes(jobs, small_phantom, tmp_path):
    """A result with several candidates for lesions, a segment a lesion."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_jobs import Request
    from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput

    matrix = slicer.util.vtkMatrixFromArray(small_phantom.volume.affine)
    ct = slicer.util.addVolumeFromArray(small_phantom.volume.voxels, matrix, "CT")
    settings = PanelSettings(model=str(model_with_scores(tmp_path)), device="cpu", postprocessing={"sensitivity": 5})
    output = SegmentOutput(one_each=True)
    return run(jobs, jobs.segment, Request(ct, settings=settings, output=output, surface=False))


def run(jobs, job, *arguments):
    got = []
    job(*arguments, got.append)
    settle(jobs.panel, lambda panel: panel.settled)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    return got[0]


def paint(nodes, name, at, value):
    import slicer

    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume)
    held[at] = value
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, nodes.segmentation, name, nodes.volume)


def corner(nodes, row):
    """Place ``[k, j, i]`` of a voxel at the edge of a lesion."""
    import slicer

    name = nodes.facts["rows"][row]
    return tuple(np.argwhere(slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume))[0])


def words(nodes):
    from LiverTumorSegLib.apps.panel import mrml_tables

    return mrml_tables.origins(nodes.table)


def test_corrections_are_told_in_the_table_and_undone_with_it(jobs, nodes):
    assert nodes.origins == [AUTOMATIC] * len(nodes.marks)
    assert set(words(nodes)) == {"automatic"}
    name, at = nodes.facts["rows"][0], corner(nodes, 0)
    paint(nodes, name, at, 0)
    paint(nodes, name, np.s_[1:3, 1:3, 1:3], 1)
    after = run(jobs, jobs.measure, nodes)
    assert sorted(words(after)) == sorted(
        ["automatic, corrected by hand", "painted", *["automatic"] * (len(nodes.marks) - 1)]
    )
    paint(nodes, name, at, 1)
    paint(nodes, name, np.s_[1:3, 1:3, 1:3], 0)
    assert run(jobs, jobs.measure, nodes).origins == [AUTOMATIC] * len(nodes.marks)


def test_what_is_no_lesion_and_the_slider_take_marks_along_and_undo_brings_them_back(jobs, nodes):
    paint(nodes, nodes.facts["rows"][0], corner(nodes, 0), 0)
    marks = nodes.marks
    nodes.mark([*marks, LesionMark(marks[1].voxel, 2, marks[1].voxels)])
    before = run(jobs, jobs.measure, nodes).origins
    assert before[:2] == [CORRECTED, LesionOrigin(automatic=True, clicks=2)]
    away = run(jobs, jobs.remove, nodes, 0)
    assert away.origins == before[1:]
    assert run(jobs, jobs.undo, away).origins == before
    fewer = run(jobs, jobs.choose, nodes, 0)
    assert len(fewer.origins) < len(before)
    assert run(jobs, jobs.undo, fewer).origins == before


def test_lesions_that_the_slider_brings_are_automatic(jobs, nodes):
    fewer = run(jobs, jobs.choose, nodes, 0)
    paint(fewer, fewer.facts["rows"][0], np.s_[1:3, 1:3, 1:3], 1)
    count = len(fewer.origins)
    more = run(jobs, jobs.choose, fewer, 5)
    assert len(more.origins) > count + 1
    assert sorted(words(more)) == [*["automatic"] * (len(more.origins) - 1), "painted"]


def test_a_saved_scene_keeps_what_is_known_and_of_an_earlier_one_nothing_is_said(jobs, nodes):
    from LiverTumorSegLib.apps.panel.mrml_results import FACTS, ResultNodes

    again = ResultNodes(nodes.volume, nodes.segmentation, nodes.table)
    assert again.marks == nodes.marks
    facts = {name: value for name, value in nodes.facts.items() if name not in ("marks", "origins")}
    nodes.table.SetAttribute(FACTS, json.dumps(facts))
    assert again.origins == [None] * len(facts["rows"])
    after = run(jobs, jobs.choose, again, 0)
    assert after.marks is None
    assert set(words(after)) == {""}
    assert after.table.GetColumnIndex("origin") == -1


def test_the_report_says_it_of_what_was_painted_since(jobs, nodes, tmp_path):
    paint(nodes, nodes.facts["rows"][0], np.s_[1:3, 1:3, 1:3], 1)
    got = []
    jobs.report(nodes, tmp_path / "report", got.append, overwrite=False)
    settle(jobs.panel)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details
    assert (tmp_path / "report" / "lesions.csv").read_text(encoding="utf-8").count('"painted"') == 1
    assert words(nodes).count("painted") == 1

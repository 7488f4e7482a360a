import json
import math

import pytest
from support.web_session import built, choose, segmented, session, settle, web_page, with_ct  # noqa: F401

from LiverTumorSegLib.reporting.lesion_origins import LesionMark


@pytest.fixture
def corrections(with_ct):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.corrections import CorrectionSection

    section = built(CorrectionSection, with_ct)
    segmented(with_ct)
    return section


def lesions(session):  # noqa: F811
    return session.nodes.facts["lesion_count"]


def test_a_removed_lesion_is_gone_from_the_table_and_back_after_undo(with_ct, corrections):  # noqa: F811
    before = lesions(with_ct)
    with_ct.state.row = 0
    settle(corrections._on_remove)
    assert lesions(with_ct) == before - 1
    assert with_ct.corrected
    assert (with_ct.state.can_undo, with_ct.state.can_redo) == (True, False)
    settle(corrections.corrections.undo)
    assert lesions(with_ct) == before
    assert (with_ct.state.can_undo, with_ct.state.can_redo) == (False, True)


def test_what_marked_a_lesion_is_known_again_after_it_was_removed_and_that_undone(with_ct, corrections):  # noqa: F811
    marks = list(with_ct.nodes.marks)
    marks[0] = LesionMark(marks[0].voxel, 3, marks[0].voxels)
    with_ct.nodes.mark(marks)
    with_ct.state.row = 0
    settle(corrections._on_remove)
    assert [origin.in_words for origin in with_ct.nodes.origins] == ["automatic"]
    settle(corrections.corrections.undo)
    assert [origin.in_words for origin in with_ct.nodes.origins] == ["3 clicks", "automatic"]


def test_the_tools_of_the_page_are_those_of_the_brush(with_ct, corrections):  # noqa: F811
    editor = with_ct.scene.segmentation_editor
    idle = editor.active_effect_name
    choose(with_ct, tool="paint", brush_mm=20, sphere=False)
    assert editor.active_effect_name != idle
    assert corrections.corrections.diameter_mm == 20
    choose(with_ct, tool="none")
    assert editor.active_effect_name == idle


def test_a_new_result_is_taken_up_with_the_brush_away(with_ct, corrections):  # noqa: F811
    choose(with_ct, tool="erase")
    with_ct.state.row = 0
    settle(corrections._on_remove)
    segmented(with_ct)
    assert with_ct.state.tool == "none"
    assert not with_ct.state.can_undo
    before = lesions(with_ct)
    with_ct.state.row = 0
    settle(corrections._on_remove)
    assert lesions(with_ct) == before - 1


def test_the_table_is_outdated_until_it_is_measured_again(with_ct, corrections):  # noqa: F811
    seen = []

    def remove():
        with_ct.state.row = 0
        corrections._on_remove()
        seen.append(with_ct.state.outdated)

    assert not with_ct.state.outdated
    settle(remove)
    assert seen == [True]
    assert not with_ct.state.outdated


def test_what_is_corrected_while_the_result_before_waits_to_be_measured_is_measured(with_ct, corrections):  # noqa: F811
    def correct_both():
        with_ct.state.row = 0
        corrections._on_remove()
        segmented(with_ct)
        with_ct.state.row = 0
        corrections._on_remove()

    before = lesions(with_ct)
    settle(correct_both)
    assert lesions(with_ct) == before - 1


def test_what_cannot_be_removed_is_said(with_ct, corrections):  # noqa: F811
    with_ct.state.row = 99
    corrections._on_remove()
    assert "Measure again first" in with_ct.panel.error
    assert not with_ct.corrected


def test_nothing_is_painted_while_a_segmentation_runs(with_ct, corrections):  # noqa: F811
    choose(with_ct, tool="paint")
    choose(with_ct, segmenting=True)
    assert with_ct.state.tool == "none"


def table(session):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_tables

    rows = mrml_tables.rows(session.nodes.table)
    return [{key: value for key, value in row.items() if not math.isnan(value)} for row in rows]


def test_the_table_after_corrections_is_that_of_the_whole_but_for_numbers(with_ct, corrections):  # noqa: F811
    before = table(with_ct)
    with_ct.state.row = 0
    settle(corrections._on_remove)
    removed = table(with_ct)
    assert [row["number"] for row in removed] == [2]
    assert [{**row, "burden_percent": 0} for row in removed] == [{**row, "burden_percent": 0} for row in before[1:]]
    with_ct.jobs.measure(with_ct.nodes, lambda _: None)  # by the worker, of the segments themselves
    assert table(with_ct) == removed
    settle(corrections.corrections.undo)
    assert table(with_ct) == before
    settle(corrections.corrections.redo)
    assert table(with_ct) == removed


def test_the_lesion_is_named_by_its_number(with_ct, corrections):  # noqa: F811
    with_ct.state.row = 0
    settle(corrections._on_remove)
    facts = with_ct.nodes.facts
    with_ct.nodes.table.SetAttribute("LiverTumorSeg.facts", json.dumps(facts | {"voxels": [[0, 0, 0]]}))
    with_ct.state.row = 0
    corrections._on_remove()
    assert "Lesion 2 has changed since it was measured" in with_ct.panel.error


def test_it_is_measured_before_surfaces_are_made(with_ct, corrections, monkeypatch):  # noqa: F811
    made = []
    monkeypatch.setattr(with_ct.panel, "later", lambda _work: made.append(with_ct.state.outdated))
    with_ct.state.row = 0
    settle(corrections._on_remove)
    assert made == [False]

import asyncio
import json

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_scene import world_positions
from support.web_session import LABELS, built, offsets, segmented, session, web_page, with_ct  # noqa: F401

from LiverTumorSegLib.reporting.lesion_origins import LesionMark

LARGE, SMALL = (slice(6, 9), slice(10, 14), slice(20, 30)), (slice(11, 13), slice(20, 24), slice(20, 26))
"""Where the lesions of the labels are, ``[k, j, i]``, in the order of the table."""


@pytest.fixture
def sensitivities():
    """Those that candidates were taken by."""
    return []


@pytest.fixture
def results(with_ct, sensitivities):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.results import ResultSection

    return built(lambda made: ResultSection(made, lambda _nodes, value: sensitivities.append(value)), with_ct)


def centre(session, box):  # noqa: F811
    """Of a lesion that is the same in all its slices, of which the first is measured."""
    first = (slice(box[0].start, box[0].start + 1), *box[1:])
    r, a, s = world_positions(session.volume)[first].reshape(-1, 3).mean(axis=0)
    return {"Sagittal": r, "Coronal": a, "Axial": s}


def opacities(session):  # noqa: F811
    display = session.nodes.segmentation.GetDisplayNode()
    return [display.GetSegmentOpacity2DFill(name) for name in session.nodes.segments]


def test_without_a_result_nothing_is_shown(with_ct, results):  # noqa: F811
    assert not with_ct.state.has_result


def test_the_table_has_the_measures_of_each_lesion(with_ct, results):  # noqa: F811
    segmented(with_ct)
    assert with_ct.state.has_result
    voxel_ml = 0.8 * 0.7 * 2.5 / 1000
    volumes = [(LABELS[box] == 2).sum() * voxel_ml for box in (LARGE, SMALL)]
    cells = [row["cells"] for row in with_ct.state.rows]
    assert [row[:3] for row in cells] == [[str(n), "–", f"{ml:.2f}"] for n, ml in enumerate(volumes, start=1)]
    assert len(with_ct.state.headings) == len(cells[0])
    assert f"{(LABELS > 0).sum() * voxel_ml:.0f} ml" in with_ct.state.summary


@pytest.mark.parametrize(("row", "box"), [(0, LARGE), (1, SMALL)])
def test_a_row_brings_all_slices_to_the_lesion(with_ct, results, row, box):  # noqa: F811
    segmented(with_ct)
    results._on_row(row)
    assert with_ct.state.row == row
    assert offsets(with_ct) == pytest.approx(centre(with_ct, box), abs=1e-3)


def test_a_row_lights_its_lesion_and_the_same_row_again_lights_all(with_ct, results):  # noqa: F811
    with_ct.choices.one_each = True
    segmented(with_ct)
    results._on_row(1)
    liver, first, second = opacities(with_ct)
    assert liver == first < second == 1
    results._on_row(1)
    assert with_ct.state.row == -1
    assert opacities(with_ct) == [1, 1, 1]


@pytest.mark.parametrize("row", [2, -7, 10**9])
def test_a_row_that_is_not_there_chooses_none(with_ct, results, row):  # noqa: F811
    segmented(with_ct)
    results._on_row(0)
    before = offsets(with_ct)
    results._on_row(row)
    assert with_ct.state.row == -1
    assert offsets(with_ct) == before


def test_what_is_measured_again_is_shown_and_nothing_is_chosen(with_ct, results):  # noqa: F811
    segmented(with_ct)
    results._on_row(1)
    with_ct.panel.labels = np.where(LABELS == 2, 0, LABELS)
    lesions = list(with_ct.nodes.segments)[1]
    with_ct.nodes.segmentation.GetSegmentation().RemoveSegment(lesions)
    results._on_measure()
    assert with_ct.state.rows == []
    assert with_ct.state.row == -1
    assert "0 lesions" in with_ct.state.summary


def test_news_of_a_job_leave_the_choice_alone(with_ct, results):  # noqa: F811
    segmented(with_ct)
    results._on_row(1)
    with_ct.tell()
    assert with_ct.state.row == 1


def test_a_result_that_is_gone_takes_its_rows_along(with_ct, results):  # noqa: F811
    segmented(with_ct)
    results._on_row(1)
    with_ct.clear()
    with_ct.tell()
    assert not with_ct.state.has_result
    assert with_ct.state.row == -1


def test_the_name_of_a_ct_is_no_markup(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.results import ResultSection

    session.volume = make_volume(GEOMETRIES["plain"], name="<img src=x onerror=alert(1)>")
    built(lambda made: ResultSection(made, lambda *_: None), session)
    segmented(session)
    assert "<img" not in session.state.summary
    assert "&lt;img" in session.state.summary


def column(session, number):  # noqa: F811
    return [row["cells"][number] for row in session.state.rows]


def test_a_heading_sorts_the_rows_and_again_the_other_way_round(with_ct, results):  # noqa: F811
    segmented(with_ct)
    results._on_row(1)
    results._on_sort(2)
    assert [row["lesion"] for row in with_ct.state.rows] == [0, 1]
    results._on_sort(2)
    assert [row["lesion"] for row in with_ct.state.rows] == [1, 0]
    assert column(with_ct, 0) == ["2", "1"]
    assert with_ct.state.row == 1  # the same lesion is chosen still
    results._on_sort(0)
    assert column(with_ct, 0) == ["1", "2"]


def test_the_last_column_says_how_lesions_came_about_and_sorts_by_it(with_ct, results):  # noqa: F811
    segmented(with_ct)
    assert column(with_ct, -1) == ["automatic"] * 2
    assert with_ct.state.headings[-1] == "Origin"
    larger, smaller = with_ct.nodes.marks
    with_ct.nodes.mark([larger, LesionMark(smaller.voxel, 1, smaller.voxels)])
    results._on_measure()
    results._on_sort(len(with_ct.state.headings) - 1)
    assert column(with_ct, -1) == ["automatic", "1 click"]
    results._on_sort(len(with_ct.state.headings) - 1)
    assert column(with_ct, -1) == ["1 click", "automatic"]
    with_ct.nodes.table.SetAttribute("LiverTumorSeg.facts", json.dumps(with_ct.nodes.facts | {"marks": None}))
    results._on_measure()  # as of a scene in which nothing was kept
    assert with_ct.state.headings[-1] == "Slice"
    assert (with_ct.state.sorted_by, column(with_ct, 0)) == (0, ["1", "2"])


POINTS = [
    {"least_probability": least, "false_per_patient": false, "found": found}
    for least, false, found in ((0.9, 0.0, 0.3), (0.5, 1.04, 0.61), (0.1, 4.0, 0.75))
]


@pytest.fixture
def asked(sensitivities, monkeypatch):
    """The sensitivities that candidates are taken by; the result is of a model that has some."""

    from LiverTumorSegLib.apps.panel import mrml_results

    monkeypatch.setattr(mrml_results.ResultNodes, "points", POINTS)
    return sensitivities


def test_the_slider_says_what_each_place_costs(with_ct, results, asked):  # noqa: F811
    segmented(with_ct)
    words = "About 1 false lesion a patient, 6 of 10 found, in patients the model had not seen."
    assert with_ct.state.points[1] == words
    assert len(with_ct.state.points) == 3


def test_the_slider_takes_other_candidates_once_it_is_let_go(with_ct, results, asked):  # noqa: F811
    segmented(with_ct)
    results._take_point(2)
    assert asked == [4.0]
    for place in (with_ct.state.point, 3, -1, "x", None, float("nan")):  # where it is already, and what is no place
        results._take_point(place)
    assert asked == [4.0]


def test_a_move_while_other_candidates_are_taken_is_not_forgotten(with_ct, results, asked):  # noqa: F811
    segmented(with_ct)

    async def move(place):
        with_ct.state.point = place
        results._on_point(place)
        if asked:  # the table of the place before arrives
            with_ct.nodes.table.Modified()
            with_ct.tell()
        while results._is_moving:
            await asyncio.sleep(0.02)

    for place in (2, 1):
        asyncio.get_event_loop().run_until_complete(move(place))
    assert asked == [4.0, 1.04]


def test_without_scores_there_is_no_slider(with_ct, results):  # noqa: F811
    segmented(with_ct)
    assert with_ct.state.points == []

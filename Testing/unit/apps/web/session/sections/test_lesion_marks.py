import asyncio

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume
from support.web_session import LABELS, built, choose, segmented, session, web_page  # noqa: F401

LARGE, SMALL = 0, 1


@pytest.fixture
def marked(session):  # noqa: F811
    """A function that gives a session with a CT of a geometry, its result in the views, and the table's section."""
    from LiverTumorSegLib.apps.web.session.sections.display import AppearanceSection
    from LiverTumorSegLib.apps.web.session.sections.lesion_marks import LesionMarksSection
    from LiverTumorSegLib.apps.web.session.sections.results import ResultSection

    def make(geometry="plain"):
        session.volume = make_volume(GEOMETRIES[geometry])
        session.views.show(session.volume)
        session.start = asyncio.get_event_loop().run_until_complete
        results = built(lambda made: ResultSection(made, lambda *_: None), session)
        built(AppearanceSection, session)
        built(LesionMarksSection, session)
        segmented(session)
        session.tell()
        return results

    yield make
    session.views.layers.clear()
    choose(session, overlay=True)


def drawn(session, tag="Red"):  # noqa: F811
    return session.views.shown(session.views.slices[tag])


@pytest.mark.parametrize("geometry", ["plain", "left-posterior", "feet-first", "sagittal", "oblique", "sheared"])
@pytest.mark.parametrize("row", [LARGE, SMALL])
def test_a_row_goes_to_the_middle_of_the_slice_that_was_measured(session, marked, geometry, row):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_volumes import from_world
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    results = marked(geometry)
    results._on_row(row)
    measured = int(mrml_tables.rows(session.nodes.table)[row]["slice"])
    (middle,) = from_world(session.volume, np.array([session.nodes.place(row)]))
    axis = 1 if geometry == "sagittal" else 2  # of voxels, the one that leads from the feet to the head
    assert middle[axis] == pytest.approx(round(middle[axis]), abs=1e-4)
    assert f", slice {measured} of " in drawn(session)["place"]
    plane = ViewPlane.of(session.views.slices["Red"], session.volume)
    assert plane.distances(np.array([session.nodes.place(row)])) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("geometry", ["plain", "left-posterior", "feet-first", "sagittal", "oblique"])
def test_both_diameters_of_the_chosen_lesion_are_drawn_where_it_was_measured(session, marked, geometry):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_tables

    results = marked(geometry)
    assert drawn(session)["lines"] == []
    results._on_row(LARGE)
    shown = drawn(session)
    width, height = shown["size_mm"]
    row = mrml_tables.rows(session.nodes.table)[LARGE]
    lengths = [np.hypot(each["x2"] - each["x1"], (each["y2"] - each["y1"]) * height / width) for each in shown["lines"]]
    wanted = [row["axial_diameter_mm"], row["short_axial_diameter_mm"]]
    assert [length * width / 100 for length in lengths] == pytest.approx(wanted, rel=1e-3)
    assert [each["look"] for each in shown["lines"]] == ["lts-long", "lts-short"]
    (chosen,) = [each for each in shown["numbers"] if each["chosen"]]
    assert chosen["words"] == f"1: {wanted[0]:.1f} × {wanted[1]:.1f} mm"
    results._on_row(LARGE)
    assert drawn(session)["lines"] == []


def test_in_another_slice_there_are_numbers_without_diameters(session, marked):  # noqa: F811
    results = marked()
    results._on_row(LARGE)
    r, a, s = session.nodes.place(LARGE)
    session.views.go_to((r, a, s + 2.5))
    shown = drawn(session)
    assert shown["lines"] == []
    assert [(each["words"], each["chosen"]) for each in shown["numbers"]] == [("1", True)]


def test_numbers_are_those_of_the_table_also_with_gaps(session, marked, monkeypatch):  # noqa: F811
    results = marked()
    column = session.nodes.table.GetTable().GetColumnByName("lesion")
    column.SetValue(SMALL, 9)
    session.nodes.table.Modified()
    session.tell()
    results._on_row(SMALL)
    assert [each["number"] for each in drawn(session)["numbers"]] == [9]


def test_nothing_is_drawn_while_the_overlay_is_hidden(session, marked):  # noqa: F811
    results = marked()
    results._on_row(LARGE)
    choose(session, overlay=False)
    assert drawn(session)["lines"] == drawn(session)["numbers"] == []
    assert not session.nodes.segmentation.GetDisplayNode().GetVisibility2D()
    assert session.nodes.segmentation.GetDisplayNode().GetVisibility3D()
    choose(session, overlay=True)
    assert len(drawn(session)["lines"]) == 2


def test_what_is_measured_again_has_its_numbers_anew(session, marked):  # noqa: F811
    results = marked()
    session.panel.labels = np.where(np.arange(SHAPE[0])[:, None, None] >= 11, np.minimum(LABELS, 1), LABELS)
    segmented(session)
    session.tell()
    results._on_row(LARGE)
    assert [each["number"] for each in drawn(session)["numbers"]] == [1]
    assert len(session.state.rows) == 1


def test_a_result_that_is_gone_leaves_no_numbers(session, marked):  # noqa: F811
    results = marked()
    results._on_row(LARGE)
    session.forget(session.nodes)
    session.nodes = None
    session.tell()
    assert drawn(session)["numbers"] == []

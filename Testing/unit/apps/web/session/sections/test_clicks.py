import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
from support import click_cases
from support.click_cases import LESIONS, clicked_ct, ras
from support.web_scene import labels_in
from support.web_session import built, choose, segmented, session, settle, web_page  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.core.errors import UserError

SMALL, LARGE = (LESIONS[name][0] for name in ("small", "large"))
BESIDE = (SMALL[0], SMALL[1], SMALL[2] + 20)
OUTSIDE = (SMALL[0], SMALL[1], 500.0)


@pytest.fixture
def page(session, monkeypatch):  # noqa: F811
    """The session with a CT of two dark balls, and the sections that clicks need."""
    import slicer

    from LiverTumorSegLib.apps.web.session.sections import clicks, corrections

    monkeypatch.setattr(corrections, "_PAUSE_SECONDS", 0.0)
    session.state._change_callbacks.clear()  # of the sections of earlier tests, which share the server
    ct = clicked_ct()
    session.volume = slicer.util.addVolumeFromArray(ct.voxels, slicer.util.vtkMatrixFromArray(ct.affine), "ct")
    session.views.show(session.volume)
    session.state.update({"row": -1, "segmenting": False})
    correcting = built(corrections.CorrectionSection, session)
    clicking = built(lambda made: clicks.ClickSection(made, correcting), session)
    return SimpleNamespace(session=session, state=session.state, correcting=correcting, clicking=clicking)


def click(page, place, view="Red"):
    """Click into the middle of a view that was brought to a place along slices, rows and columns."""
    page.session.views.go_to(ras(place))
    page.clicking._on_click(view, page.state.click_mode, page.state.click_side == "inside", 0.5, 0.5)


def mode(page, chosen):
    choose(page.session, click_mode=chosen)


def add(page, place, view="Red"):
    mode(page, "add")
    settle(lambda: click(page, place, view))


def improve(page, place, side="inside"):
    mode(page, "improve")
    choose(page.session, click_side=side)
    settle(lambda: click(page, place))


def lesions(page):
    return labels_in(page.session.nodes) == 2


def dice(page, name):
    return click_cases.dice(lesions(page), click_cases.ball(*LESIONS[name]))


@pytest.mark.parametrize("view", ["Red", "Green", "Yellow"])
def test_a_click_in_any_view_adds_one_lesion_before_a_model_has_run(page, view):
    add(page, SMALL, view)
    assert dice(page, "small") > 0.8
    facts = page.session.nodes.facts
    assert (facts["lesion_count"], facts["liver_ml"], facts["burden_percent"]) == (1, None, None)
    assert page.state.click_mode == ""
    assert "% by the model" in page.state.click_said
    assert page.session.corrected


def test_the_click_after_the_one_that_added_a_lesion_does_nothing(page):
    add(page, SMALL)
    settle(lambda: click(page, LARGE))
    assert page.session.nodes.facts["lesion_count"] == 1


def test_clicks_far_apart_make_two_lesions(page):
    for place in (SMALL, LARGE):
        add(page, place)
    assert page.session.nodes.facts["lesion_count"] == 2
    assert [mark.clicks for mark in page.session.nodes.marks] == [1, 1]


def test_in_the_output_of_a_segment_a_lesion_each_click_gets_its_own(page):
    page.session.choices.one_each = True
    for place in (SMALL, LARGE):
        add(page, place)
    assert page.session.nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 2


def test_a_lesion_that_is_there_is_improved_and_not_doubled(page):
    add(page, SMALL)
    before = lesions(page)
    add(page, (SMALL[0], SMALL[1] + 2, SMALL[2]))
    assert page.session.nodes.facts["lesion_count"] == 1
    assert (lesions(page) & before).sum() > 0.9 * before.sum()
    assert [each["inside"] for each in page.state.clicks] == [True, True]
    assert [mark.clicks for mark in page.session.nodes.marks] == [2]


def test_a_click_outside_takes_away_what_clicks_made_and_undo_and_redo_follow(page):
    add(page, SMALL)
    one = lesions(page)
    improve(page, (SMALL[0], SMALL[1] + 4, SMALL[2]), "outside")
    two = lesions(page)
    assert two.sum() < one.sum()
    settle(page.correcting._on_undo)
    assert np.array_equal(lesions(page), one)
    assert page.state.click_said == ""
    assert [each["inside"] for each in page.state.clicks] == [True]
    assert [mark.clicks for mark in page.session.nodes.marks] == [1]
    settle(page.correcting._on_undo)
    assert not lesions(page).any()
    assert (page.state.clicks, page.session.nodes.marks) == ([], ())
    for expected in (one, two):
        settle(page.correcting.corrections.redo)
        assert np.array_equal(lesions(page), expected)


def test_each_click_can_be_removed(page):
    add(page, SMALL)
    one = lesions(page)
    improve(page, (SMALL[0], SMALL[1] + 4, SMALL[2]), "outside")
    settle(lambda: page.clicking._on_remove(2))
    assert np.array_equal(lesions(page), one)
    settle(lambda: page.clicking._on_remove(1))
    assert not lesions(page).any()
    assert page.state.clicks == []


def test_what_a_model_marked_stays_without_a_click_there(page):
    liver, lesion = (click_cases.ball((50.0, 45.0, 45.0), radius) for radius in (20.0, 9.0))
    page.session.panel.labels = np.where(lesion, 2, liver).astype(np.uint8)
    segmented(page.session)
    before = lesions(page)
    choose(page.session, row=0)
    improve(page, SMALL)
    assert not (before & ~lesions(page)).any()
    assert page.session.nodes.facts["lesion_count"] == 1
    improve(page, (50.0, 45.0, 38.5), "outside")
    assert (before & ~lesions(page)).any()
    settle(page.correcting._on_undo)
    settle(page.correcting._on_undo)
    assert np.array_equal(lesions(page), before)


@pytest.fixture
def beside_liver(page):
    """The page with a liver that ends within the small lesion, of which none is marked."""
    liver = click_cases.ball((50.0, 45.0, 70.0), 22.0)
    page.session.panel.labels = liver.astype(np.uint8)
    segmented(page.session)
    return SimpleNamespace(**vars(page), liver=liver, found=click_cases.ball(*LESIONS["small"]))


def answer_outside(page, place, answer):
    """Click, and answer the question that comes, which is asked before anything changes."""

    def give():
        assert not (lesions(page) & ~page.liver).any()
        page.correcting._outside._on_answer(answer)

    in_turn((lambda: True, lambda: click(page, place)), (lambda: page.state.outside_asking, give))


@pytest.mark.parametrize("answer", ["within", "add", "nothing"])
def test_a_click_whose_lesion_goes_beyond_the_liver_is_asked_about(beside_liver, answer):
    page = beside_liver
    mode(page, "add")
    answer_outside(page, SMALL, answer)
    assert "of this lesion would lie outside the liver" in page.state.outside_said
    marked = lesions(page)
    assert (marked & ~page.liver).any() == (answer == "add")
    assert marked.any() == (answer != "nothing")
    assert len(page.state.clicks) == (answer != "nothing")
    assert page.state.click_mode == ("add" if answer == "nothing" else "")
    if answer == "within":
        ml = marked.sum() * np.prod(click_cases.SPACING) / 1000
        assert f"{ml:.2f} ml" in page.state.click_said


def test_undo_while_it_is_asked_takes_the_click_back_and_the_next_is_looked_at(beside_liver):
    page = beside_liver
    mode(page, "add")
    in_turn((lambda: True, lambda: click(page, SMALL)), (lambda: page.state.outside_asking, page.correcting._on_undo))
    assert not page.state.outside_asking
    assert not lesions(page).any()
    mode(page, "add")
    answer_outside(page, SMALL, "within")
    assert lesions(page).any()


def test_a_lesion_that_ends_at_the_liver_is_asked_about_once(beside_liver):
    page = beside_liver
    mode(page, "add")
    answer_outside(page, SMALL, "within")
    improve(page, (SMALL[0], SMALL[1] + 4, SMALL[2] + 2))
    assert [each["inside"] for each in page.state.clicks] == [True, True]
    assert not (lesions(page) & ~page.liver).any()
    for _ in page.state.clicks:
        settle(page.correcting._on_undo)
    assert not lesions(page).any()
    mode(page, "add")
    answer_outside(page, SMALL, "add")
    assert (lesions(page) & ~page.liver).any()


def test_a_click_is_of_the_very_ct_that_was_segmented_whose_probabilities_the_panel_knows(page, monkeypatch):
    panel, seen = page.session.panel, []
    for name in ("segment", "click"):
        given = getattr(panel, name)
        monkeypatch.setattr(panel, name, lambda ct, *a, given=given, **k: (seen.append(ct), given(ct, *a, **k)))
    panel.labels = click_cases.ball((50.0, 45.0, 45.0), 20.0).astype(np.uint8)
    segmented(page.session)
    add(page, SMALL)
    assert len(seen) == 2
    assert seen[0] is seen[1]


def test_the_points_are_drawn_where_was_clicked(page):
    add(page, SMALL)
    page.session.views.go_to(ras(SMALL))
    (point,) = page.state.red_points
    assert (point["inside"], point["near"], point["n"]) == (True, True, 1)
    assert (point["x"], point["y"]) == (pytest.approx(50, abs=0.6), pytest.approx(50, abs=0.6))
    page.session.views.go_to(ras((SMALL[0] + 30, *SMALL[1:])))
    assert page.state.red_points == []
    assert len(page.state.green_points) == 1


def test_a_click_that_comes_to_nothing_says_why_and_can_be_made_again(page, monkeypatch):
    add(page, SMALL)
    before = lesions(page)

    def refused(*_given, **_chosen):
        msg = "The click is in air: click into the liver."
        raise UserError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(page.session.panel, "click", refused)
        add(page, OUTSIDE)
    assert page.session.panel.error == "The click is in air: click into the liver."
    assert page.state.click_mode == "add"
    assert np.array_equal(lesions(page), before)
    settle(lambda: click(page, LARGE))
    assert page.session.nodes.facts["lesion_count"] == 2


def test_a_double_click_is_one_click(page):
    mode(page, "add")
    settle(lambda: click(page, SMALL))
    mode(page, "improve")
    for _ in range(2):
        settle(lambda: click(page, (SMALL[0], SMALL[1] + 2, SMALL[2])))
    assert len(page.state.clicks) == 2


def test_a_click_that_is_moved_is_asked_for_at_its_new_place(page):
    add(page, SMALL)
    improve(page, (SMALL[0], SMALL[1] + 4, SMALL[2]), "outside")
    page.session.views.go_to(ras(SMALL))
    before = page.clicking._clicks
    settle(lambda: page.clicking._on_move(2, "Red", 0.5, 0.75))
    now = page.clicking._clicks
    assert (now[0], now[1].inside) == (before[0], False)
    assert now[1].point[2] == pytest.approx(before[1].point[2])
    assert np.linalg.norm(np.subtract(now[1].point, before[1].point)) > 10
    assert dice(page, "small") > 0.8  # which the click does not take from any more
    for wrong in [(3, "Red", 0.5, 0.5), ("1", "Red", 0.5, 0.5), (1, "Blue", 0.5, 0.5), (1, "Red", 2, 0.5), (1, "Red")]:
        page.clicking._on_move(*wrong)
    assert page.clicking._clicks == now


def test_keys_aim_by_voxels_and_click_where_they_aim(page):
    page.session.views.go_to(ras((SMALL[0] - 4, SMALL[1], SMALL[2])))
    mode(page, "add")
    page.clicking._on_aim("Red", 0, 0, 2)
    settle(lambda: page.clicking._on_click("Red", "add", True))
    assert dice(page, "small") > 0.8


def test_steps_of_the_keys_count_before_the_mode_has_arrived(page):
    page.session.views.go_to(ras((SMALL[0] - 4, SMALL[1], SMALL[2])))
    page.clicking._on_aim("Red", 0, 0, 2)
    settle(lambda: page.clicking._on_click("Red", "add", True))
    assert dice(page, "small") > 0.8


@pytest.mark.parametrize("steps", [("x", 0, 0), (float("nan"), 0, 0), (1e9, 0, 0), (1,)])
def test_what_no_page_of_ours_sends_moves_nothing_far(page, steps):
    page.session.views.go_to(ras(SMALL))
    mode(page, "add")
    page.clicking._on_aim("Red", *steps)
    page.clicking._on_click("Red", "add", True, "0.5", 0.5)
    page.clicking._on_click("Red", "add", True, 0.5)
    page.clicking._on_click("Blue", "add", True, 0.5, 0.5)
    page.clicking._on_click("Red", "paint", True, 0.5, 0.5)
    page.clicking._on_remove("1")
    assert page.session.nodes is None


def test_a_brush_ends_the_mode_and_a_mode_puts_the_brush_away(page):
    add(page, SMALL)
    choose(page.session, tool="paint")
    mode(page, "improve")
    assert page.state.tool == "none"
    choose(page.session, tool="erase")
    assert page.state.click_mode == ""


def test_another_ct_has_no_clicks(page):
    add(page, SMALL)
    page.session.clear()
    page.session.tell()
    assert page.state.clicks == []
    assert not page.state.can_improve


def test_a_lesion_that_was_erased_meanwhile_is_not_brought_back_by_a_click(page):
    add(page, SMALL)
    choose(page.session, row=0)
    settle(page.correcting._on_remove)
    improve(page, (SMALL[0], SMALL[1] + 2, SMALL[2]))
    assert "changed meanwhile" in page.session.panel.error
    assert not lesions(page).any()


def test_a_click_that_arrives_before_the_mode_it_was_made_in_counts(page):
    add(page, SMALL)
    page.session.views.go_to(ras((SMALL[0], SMALL[1] + 4, SMALL[2])))
    settle(lambda: page.clicking._on_click("Red", "improve", False))
    assert [each["inside"] for each in page.state.clicks] == [True, False]
    assert page.state.click_mode == "improve"


@pytest.fixture
def slow(page, monkeypatch):
    """The page with a panel that answers a click when it is told to."""
    panel, held = page.session.panel, []
    answer = panel.click

    def hold(*given, **chosen):
        panel.state = PanelState.RUNNING
        held.append(lambda: answer(*given, **chosen))

    def release():
        held.pop()()
        panel.state = PanelState.DONE

    monkeypatch.setattr(panel, "click", hold)
    return SimpleNamespace(**vars(page), held=held, release=release)


async def until(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


def in_turn(*steps):
    """Do steps, each once something holds, and let all end that follows."""

    async def all_of_them():
        before = asyncio.all_tasks()
        for condition, step in steps:
            await until(condition)
            step()
        while after := asyncio.all_tasks() - before:
            await asyncio.gather(*after)

    asyncio.get_event_loop().run_until_complete(all_of_them())


def test_lesions_that_are_added_while_another_is_looked_at_wait_for_their_turn(slow):
    def add_one(place):
        choose(slow.session, click_mode="add")
        click(slow, place)

    in_turn(
        (lambda: True, lambda: add_one(SMALL)),
        (lambda: slow.held, lambda: add_one(LARGE)),
        (lambda: slow.state.looking, slow.release),
        (lambda: slow.held, slow.release),
    )
    assert slow.session.nodes.facts["lesion_count"] == 2
    assert not slow.state.looking


def test_undo_drops_the_click_that_has_no_answer_yet(slow):
    choose(slow.session, click_mode="add")
    in_turn(
        (lambda: True, lambda: click(slow, SMALL)),
        (lambda: slow.held, slow.correcting._on_undo),
        (lambda: slow.state.clicks == [], slow.release),
    )
    assert slow.session.nodes is None
    assert not slow.state.looking


def test_what_was_painted_while_a_click_was_looked_at_stays(slow):
    from LiverTumorSegLib.apps.web.session.edited_segments import VoxelLabels

    painted = np.s_[10:12, 100:104, 20:24]
    choose(slow.session, click_mode="add")
    in_turn((lambda: True, lambda: click(slow, SMALL)), (lambda: slow.held, slow.release))
    one = lesions(slow)

    def paint():
        corrections = slow.correcting.corrections
        before = corrections.segments.labels_of_box(painted)
        corrections.change(painted, VoxelLabels(before.organ, np.ones_like(before.lesion)), lambda _done: None)

    choose(slow.session, click_mode="improve")
    in_turn(
        (lambda: True, lambda: click(slow, (SMALL[0], SMALL[1] + 2, SMALL[2]))),
        (lambda: slow.held, paint),
        (lambda: True, slow.release),
    )
    assert lesions(slow)[painted].all()
    assert lesions(slow).sum() > one.sum() + 20

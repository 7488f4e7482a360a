import pytest
from support.web_session import built, choose, segmented, session, web_page, with_ct  # noqa: F401


@pytest.fixture
def shown(with_ct):  # noqa: F811
    """A session with a result and the section; its display, and liver and lesions by segment."""
    from LiverTumorSegLib.apps.web.session.sections.display import AppearanceSection

    built(AppearanceSection, with_ct)
    with_ct.state.has_result = True
    return with_ct


def display(session):  # noqa: F811
    return session.nodes.segmentation.GetDisplayNode()


def names(session):  # noqa: F811
    """IDs of the liver and of the lesions."""
    return next(iter(session.nodes.segments)), list(session.nodes.segments)[1:]


def test_a_new_result_lets_the_ct_and_the_lesions_be_seen(shown):
    segmented(shown)
    liver, lesions = names(shown)
    assert display(shown).GetOpacity2DFill() == 0.4
    assert display(shown).GetSegmentOpacity3D(liver) == 0.4
    assert [display(shown).GetSegmentOpacity3D(name) for name in lesions] == [1.0]


def test_a_slider_changes_the_fill(shown):
    segmented(shown)
    choose(shown, fill=75)
    assert display(shown).GetOpacity2DFill() == 0.75


def test_a_slider_changes_the_liver_in_3d_alone(shown):
    segmented(shown)
    choose(shown, liver_3d=10)
    liver, lesions = names(shown)
    assert display(shown).GetSegmentOpacity3D(liver) == 0.1
    assert display(shown).GetSegmentOpacity3D(lesions[0]) == 1.0


def test_the_outline_can_be_taken_away(shown):
    segmented(shown)
    assert display(shown).GetVisibility2DOutline()
    choose(shown, outline=False)
    assert not display(shown).GetVisibility2DOutline()
    assert display(shown).GetVisibility2DFill()


@pytest.mark.parametrize(("switch", "seen"), [("show_liver", [False, True]), ("show_lesions", [True, False])])
def test_liver_and_lesions_are_hidden_and_shown_apart(shown, switch, seen):
    segmented(shown)
    choose(shown, **{switch: False})
    everything = [names(shown)[0], *names(shown)[1]]
    assert [display(shown).GetSegmentVisibility(name) for name in everything] == seen
    choose(shown, **{switch: True})
    assert all(display(shown).GetSegmentVisibility(name) for name in everything)


def test_what_was_chosen_holds_for_the_next_result(shown):
    segmented(shown)
    choose(shown, fill=20, show_liver=False, outline=False)
    first = shown.nodes.segmentation
    segmented(shown)
    assert shown.nodes.segmentation is not first
    assert display(shown).GetOpacity2DFill() == 0.2
    assert not display(shown).GetVisibility2DOutline()
    assert not display(shown).GetSegmentVisibility(names(shown)[0])


def test_a_lit_lesion_stays_lit(shown):
    from LiverTumorSegLib.apps.panel.mrml_display import highlight_segment

    segmented(shown)
    liver, (lesion,) = names(shown)
    highlight_segment(shown.nodes.segmentation, [liver, lesion], lesion)
    dimmed = display(shown).GetSegmentOpacity2DFill(liver)
    assert dimmed < display(shown).GetSegmentOpacity2DFill(lesion)
    choose(shown, fill=90, outline=False)
    assert display(shown).GetSegmentOpacity2DFill(liver) == dimmed


def test_a_segment_that_is_added_by_hand_is_hidden_with_the_lesions(shown):
    segmented(shown)
    choose(shown, show_lesions=False)
    added = shown.nodes.segmentation.GetSegmentation().AddEmptySegment("by-hand")
    shown.tell()
    assert not display(shown).GetSegmentVisibility(added)


def test_sliders_without_a_result_do_nothing(shown):
    choose(shown, fill=30, liver_3d=30)
    assert shown.nodes is None

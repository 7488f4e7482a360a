import numpy as np
import pytest
from support.click_cases import LESIONS, Darker, ball, click_model, clicked_ct, dice, ras

from LiverTumorSegLib.core.boxed import Boxed
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.inference.clicks.editing import LesionClick
from LiverTumorSegLib.inference.clicks.lesion import MIRRORED, Known, find_lesion
from LiverTumorSegLib.inference.clicks.replay import ClickedCT, KeptAnswers

SMALL = LESIONS["small"][0]
BESIDE = (50.0, 45.0, 60.0)


@pytest.fixture(scope="module")
def ct():
    return clicked_ct()


@pytest.fixture
def clicked(ct):
    return ClickedCT(ct, click_model(), None, "cpu", KeptAnswers())


def clicks(*places):
    """Clicks into places of the CT, and beside the lesion where one is in a list."""
    return [LesionClick(ras(p[0] if isinstance(p, list) else p), not isinstance(p, list)) for p in places]


def whole(ct, answer):
    mask = np.zeros(ct.voxels.shape, bool)
    ct.axial.of(mask)[answer.lesion.box] = answer.lesion.values
    return mask


def boxed(ct, mask):
    return Boxed.around(ct.axial.of(mask))


def test_one_click_gives_what_the_library_finds(ct, clicked):
    answer = clicked.lesion(clicks(SMALL))
    found = find_lesion(ct, click_model(), [ras(SMALL)], device="cpu")
    np.testing.assert_array_equal(whole(ct, answer), found.mask)
    assert (answer.probability, answer.warnings) == (found.probability, found.warnings)


def test_each_click_sees_the_answer_before(ct, clicked):
    answer = clicked.lesion(clicks(SMALL, [BESIDE]))
    first = find_lesion(ct, click_model(), [ras(SMALL)], device="cpu")
    found = find_lesion(ct, click_model(), [ras(SMALL)], [ras(BESIDE)], Known(first.mask), device="cpu")
    np.testing.assert_array_equal(whole(ct, answer), found.mask)


def looks(ask):
    """How often the network looked while something was asked."""
    Darker.seen.clear()
    ask()
    return len(Darker.seen) // (1 + len(MIRRORED))


def test_a_click_more_is_one_look_and_one_taken_back_none(clicked):
    asked = [[SMALL], [SMALL, [BESIDE]], [SMALL], [SMALL, [BESIDE]], [SMALL, (52.0, 45.0, 50.0)]]
    assert [looks(lambda places=each: clicked.lesion(clicks(*places))) for each in asked] == [1, 1, 0, 0, 1]


def test_without_what_was_answered_before_the_answer_is_the_same(ct, clicked):
    clicked.lesion(clicks(SMALL))
    last = clicked.lesion(clicks(SMALL, [BESIDE]))
    anew = ClickedCT(ct, click_model(), None, "cpu", KeptAnswers()).lesion(clicks(SMALL, [BESIDE]))
    np.testing.assert_array_equal(whole(ct, anew), whole(ct, last))
    assert anew.probability == last.probability


def test_another_liver_base_or_order_is_answered_anew(ct):
    kept = KeptAnswers()
    base = boxed(ct, ball(SMALL, 3.0))
    near = (52.0, 45.0, 50.0)
    for hu, before, places in (
        (None, None, [SMALL, near]),
        (110.0, None, [SMALL, near]),
        (None, base, [SMALL, near]),
        (None, None, [near, SMALL]),
    ):
        clicked = ClickedCT(ct, click_model(), hu, "cpu", kept)
        assert looks(lambda clicked=clicked, b=before, p=places: clicked.lesion(clicks(*p), b)) == 2


def test_old_answers_make_room_for_new_ones(ct):
    kept = KeptAnswers(most_bytes=5_000)
    clicked = ClickedCT(ct, click_model(), None, "cpu", kept)
    for shift in range(8):
        clicked.lesion(clicks((50.0 + shift / 2, 45.0, 50.0)))
    assert 1 <= len(kept) < 8
    assert looks(lambda: clicked.lesion(clicks((53.5, 45.0, 50.0)))) == 0
    assert looks(lambda: clicked.lesion(clicks((50.0, 45.0, 50.0)))) == 1


def test_what_was_painted_stays_until_a_click_outside_takes_it_away(ct, clicked):
    painted = ball(BESIDE, 2.5)
    base = boxed(ct, painted)
    with_it = whole(ct, clicked.lesion(clicks(SMALL), base))
    assert with_it[painted].all()
    assert dice(with_it & ~painted, ball(*LESIONS["small"])) > 0.9
    without = whole(ct, clicked.lesion(clicks(SMALL, [BESIDE]), base))
    assert not without[painted].any()
    assert dice(without, ball(*LESIONS["small"])) > 0.9


def test_clicks_outside_alone_cut_a_lesion_that_was_there(ct, clicked):
    """The deepest place that is left stands for a click inside."""
    base = boxed(ct, ball(SMALL, 6.0) | ball(BESIDE, 3.0))
    answer = whole(ct, clicked.lesion(clicks([BESIDE]), base))
    assert not answer[ball(BESIDE, 1.4)].any()
    assert answer[ball(SMALL, 5.0)].all()


def test_a_lesion_that_is_clicked_away_altogether_is_to_be_deleted(ct, clicked):
    with pytest.raises(UserError, match="delete it instead"):
        clicked.lesion(clicks([SMALL]), boxed(ct, ball(SMALL, 1.2)))


def test_clicks_that_cannot_be_meant_are_refused(clicked):
    with pytest.raises(UserError, match="There is no click: click into a lesion"):
        clicked.lesion([])
    with pytest.raises(UserError, match="no click into a lesion"):
        clicked.lesion(clicks([SMALL]))


def test_it_can_be_cancelled(clicked):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        clicked.lesion(clicks(SMALL), cancel=token)

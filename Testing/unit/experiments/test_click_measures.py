import numpy as np
import pytest
from support.click_cases import LESIONS, ball, click_model, clicked_ct, seen_while

from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.experiments.click_measures import (
    SCATTERS_MM,
    click_into_lesions,
    click_through,
)
from LiverTumorSegLib.models.description import CLICK_CHANNELS

SPACING = (2.0, 1.0, 1.0)
LESION = np.zeros((20, 40, 40), bool)
LESION[6:14, 10:30, 10:30] = True


def asked(answers, scatter=0.0):
    """The clicks that a segmenter with these answers is given."""
    given, answers = [], iter(answers)

    def find(inside, outside, before):
        given.append((list(inside), list(outside), before))
        return next(answers)

    made = click_through(find, LESION, tuple, SPACING, scatter, np.random.default_rng(0))
    return given, made


def test_the_first_click_is_in_the_middle_and_what_is_right_needs_no_other():
    given, (answers, seconds) = asked([LESION])
    (inside, outside, before) = given[0]
    assert len(given) == 1
    assert abs(np.array(inside[0]) - (9.5, 19.5, 19.5)).max() < 8
    assert LESION[tuple(int(at) for at in inside[0])]
    assert (outside, before) == ([], None)
    assert len(answers) == 5
    assert seconds > 0


def test_the_next_click_is_in_the_largest_error_on_its_side():
    missed, beyond = LESION.copy(), LESION.copy()
    missed[6:14, 10:30, 20:30] = False
    beyond[:, 30:40, 10:30] = True
    given, _ = asked([missed, beyond, LESION])
    assert given[1][0][1][2] >= 20
    assert np.array_equal(given[1][2], missed)
    assert len(given[2][0]) == 2
    assert given[2][1][0][1] >= 30


def test_where_nobody_can_click_the_click_is_not_scattered():
    exact, given = asked([LESION])[0][0][0][0], []

    def find(inside, *_):
        given.append(inside[0])
        return LESION

    random = np.random.default_rng(0)
    click_through(find, LESION, tuple, SPACING, 5.0, random, fits=lambda place: place == exact)
    assert given == [exact]


def test_scattered_clicks_miss_the_middle_by_so_many_millimetres():
    exact = np.array(asked([LESION])[0][0][0][0])
    away = []
    for seed in range(400):
        given = []
        click_through(
            lambda inside, *_, given=given: given.append(inside[0]) or LESION,
            LESION,
            tuple,
            SPACING,
            3.0,
            np.random.default_rng(seed),
        )
        away.append((np.array(given[0]) - exact) * SPACING)
    assert np.sqrt((np.array(away) ** 2).sum(axis=1).mean()) == pytest.approx(3.0, rel=0.1)


def test_nobody_clicks_twice_into_one_voxel():
    """An answer that stays wrong in one voxel is clicked there once, and not as its opposite after that."""
    one = np.zeros((3, 5, 5), bool)
    one[1, 2, 2] = True
    given = []

    def never_right(inside, outside, before):
        given.append((list(inside), list(outside)))
        return ~one

    answers, _ = click_through(never_right, one, tuple, SPACING, 0.0, np.random.default_rng(0))
    clicked = [*given[-1][0], *given[-1][1]]
    assert len(answers) == 5
    assert len(set(clicked)) == len(clicked)


@pytest.fixture(scope="module")
def patient():
    ct = clicked_ct()
    reference = np.ones(ct.voxels.shape, np.uint8)
    for centre, radius in LESIONS.values():
        reference[ball(centre, radius)] = 2
    return click_into_lesions(ct, reference, click_model(), "cpu", Job()), reference


def test_every_lesion_is_clicked_into_at_each_scatter(patient):
    found, _ = patient
    assert len(found.lesions) == len(LESIONS) * len(SCATTERS_MM)
    assert sorted({round(each.diameter_mm) for each in found.lesions}) == [12, 56]
    assert all(each.dice[0] > 0.9 for each in found.lesions)
    assert all(each.needed == 1 for each in found.lesions)


def test_the_labels_are_those_of_one_exact_click_into_each(patient):
    found, reference = patient
    assert set(np.unique(found.labels)) == {0, 2}
    both = ((found.labels == 2) & (reference == 2)).sum()
    assert 2 * both / ((found.labels == 2).sum() + (reference == 2).sum()) > 0.93


def test_with_another_model_s_probabilities_exact_clicks_are_made_once_more():
    ct = clicked_ct()
    reference = np.ones(ct.voxels.shape, np.uint8)
    reference[ball(*LESIONS["small"])] = 2
    likely = np.zeros(ct.voxels.shape, np.uint16)

    def click():
        return click_into_lesions(ct, reference, click_model(), "cpu", Job(), likely)

    found = click()
    assert [each.automatic for each in found.lesions] == [False] * len(SCATTERS_MM) + [True]
    known = seen_while(click)[:, CLICK_CHANNELS.index("automatic is known"), 0, 0, 0]
    assert known.tolist()[0] == 0
    assert known.tolist()[-1] == 1

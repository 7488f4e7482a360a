import numpy as np
import pytest
from support.click_cases import LESIONS, ball, click_model, clicked_ct, dice, ras

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.clicks.adding import add_lesion
from LiverTumorSegLib.inference.clicks.editing import LesionClick
from LiverTumorSegLib.inference.clicks.replay import ClickedCT, KeptAnswers

SMALL, BESIDE = LESIONS["small"][0], (50.0, 45.0, 60.0)


@pytest.fixture
def clicked():
    return ClickedCT(clicked_ct(), click_model(), None, "cpu", KeptAnswers())


@pytest.fixture
def labels(clicked):
    return np.ones(clicked.volume.voxels.shape, np.uint8)


def click(place, *, inside=True):
    return LesionClick(ras(place), inside)


def test_a_lesion_is_added_to_what_is_there(clicked, labels):
    labels[ball(*LESIONS["large"])] = 2
    added = add_lesion(clicked, labels, [click(SMALL)])
    assert dice(labels == 2, ball(*LESIONS["small"]) | ball(*LESIONS["large"])) > 0.97
    assert (added.clicks, added.improved, added.warnings) == (1, False, ())
    assert labels[added.voxel] == 2


def test_a_lesion_that_is_there_is_improved_and_not_doubled(clicked, labels):
    painted = ball(SMALL, 3.0)
    labels[painted] = 2
    assert add_lesion(clicked, labels, [click(SMALL)]).improved
    assert (labels[painted] == 2).all()
    assert dice(labels == 2, ball(*LESIONS["small"])) > 0.93


def test_what_a_click_cuts_away_becomes_what_is_around_it(clicked, labels):
    labels[ball(SMALL, 6.0) | ball(BESIDE, 4.5)] = 2
    add_lesion(clicked, labels, [click(SMALL), click(BESIDE, inside=False)])
    assert (labels[ball(BESIDE, 2.0)] == 1).all()
    assert (labels[ball(SMALL, 5.0)] == 2).all()


def test_without_a_liver_it_becomes_background(clicked, labels):
    labels[:] = 0
    labels[ball(SMALL, 6.0) | ball(BESIDE, 4.5)] = 2
    add_lesion(clicked, labels, [click(SMALL), click(BESIDE, inside=False)])
    assert set(np.unique(labels)) == {0, 2}


def test_voxels_of_another_lesion_stay_its_own(clicked, labels):
    """A click beside it in the same dark ball takes the rest of the ball."""
    half = ball(*LESIONS["small"])
    half[:, :, 56:] = False
    labels[half] = 2
    add_lesion(clicked, labels, [click((50.0, 45.0, 53.0))])
    assert dice(labels == 2, ball(*LESIONS["small"])) > 0.93


def test_labels_stay_where_a_click_is_refused(clicked, labels):
    with pytest.raises(UserError, match="outside the CT"):
        add_lesion(clicked, labels, [click((5000.0, 0.0, 0.0))])
    assert (labels == 1).all()

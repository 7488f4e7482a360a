import pytest

from LiverTumorSegLib.training.scoring import Scores, mean_of_defined


def test_the_score_is_the_mean_of_the_dices_that_are_defined():
    assert Scores(1.0, {"liver": 0.9, "lesion": 0.5}).score == pytest.approx(0.7)
    assert Scores(1.0, {"liver": 0.9, "lesion": None}).score == 0.9
    assert Scores(1.0, {"lesion": None}).score is None
    assert mean_of_defined([]) is None


def test_of_what_is_monitored_more_is_better():
    scores = Scores(0.25, {"liver": 0.9, "lesion": 0.5})
    assert [scores.monitored(name) for name in ("loss", "liver_dice", "lesion_dice")] == [-0.25, 0.9, 0.5]


def test_a_row_leaves_out_what_is_not_defined():
    assert Scores(0.25, {"liver": 0.9, "lesion": None}).row() == {
        "validation_loss": 0.25,
        "liver_dice": 0.9,
        "score": 0.9,
    }

import numpy as np
import pytest
from support.lesion_cases import line

from LiverTumorSegLib.evaluation import charts
from LiverTumorSegLib.evaluation.lesion_detection import detect_lesions
from LiverTumorSegLib.evaluation.reliability import measure_reliability, summarise_reliability


def test_scores_stand_beside_how_often_they_are_right():
    found = summarise_reliability([(0.9, True), (0.8, True), (1.0, False), (0.1, False), (0.15, True)])
    low, high = found["bins"]
    assert found["lesions"] == 5
    assert (low["low"], low["high"], low["lesions"], low["said"], low["real"]) == (0, 0.2, 2, pytest.approx(0.125), 0.5)
    assert (high["lesions"], high["said"], high["real"]) == (3, pytest.approx(0.9), pytest.approx(2 / 3))
    assert found["brier"] == pytest.approx((0.01 + 0.04 + 1 + 0.01 + 0.7225) / 5)


def test_who_is_always_right_and_sure_has_no_error():
    found = summarise_reliability([(1.0, True), (0.0, False)])
    assert found["brier"] == 0
    assert [each["real"] for each in found["bins"]] == [0, 1]


def test_a_predicted_lesion_that_touches_one_is_one():
    values = np.array([[[0.7, 0.7, 0, 0, 0.3, 0.3, 0]]], np.float32)
    case = detect_lesions(line("2.....2", "22..22."), probabilities=values)
    found = measure_reliability({"case": case})
    assert [(each["said"], each["real"]) for each in found["bins"]] == [
        (pytest.approx(0.3), 0),
        (pytest.approx(0.7), 1),
    ]


def test_without_scores_there_is_nothing_to_tell_or_draw():
    assert measure_reliability({"case": detect_lesions(line("22..", "22.."))}) is None
    assert charts.reliability(None) == ""


def test_the_diagram_says_how_many_there_are():
    drawn = charts.reliability(summarise_reliability([(0.9, True), (0.1, False), (0.1, False)]))
    assert "share that are lesions" in drawn
    assert "<!-- 2 -->" in drawn

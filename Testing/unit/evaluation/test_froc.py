import numpy as np
import pytest
from support.lesion_cases import line

from LiverTumorSegLib.evaluation import charts
from LiverTumorSegLib.evaluation.froc import measure_froc
from LiverTumorSegLib.evaluation.lesion_detection import detect_lesions


def scored(reference, prediction, probabilities):
    """A case of one drawn row, with tenths as probabilities."""
    pair = line(reference, prediction)
    values = np.array([[[int(digit) / 10 for digit in probabilities]]], np.float32)
    return detect_lesions(pair, probabilities=values)


def curve(*cases, patients=None):
    named = {f"case {number}": case for number, case in enumerate(cases)}
    return measure_froc(named, patients or {name: name for name in named})


def test_a_score_is_the_mean_probability_in_the_lesion():
    rows = scored("222....", "22..222", "9700369").rows
    assert [row.score for row in rows] == [None, pytest.approx(0.6), pytest.approx(0.8)]


def test_recall_and_false_lesions_rise_as_the_least_score_falls():
    first = scored("22..22..22.", "22..22..22.", "99003300550")
    second = scored("22.........", "22..22..22.", "66008800110")
    told = curve(first, second)
    assert told["patients"] == 2
    assert told["curves"]["all"]["lesions"] == 4
    points = [[0, 0], [0, 0.25], [0.5, 0.25], [0.5, 0.5], [0.5, 0.75], [0.5, 1], [1, 1]]
    assert told["curves"]["all"]["points"] == pytest.approx(np.array(points))
    assert told["curves"]["all"]["recall_at"] == {"0.25": 0.25, "0.5": 1, "1": 1, "2": 1, "4": 1}


def test_a_found_lesion_has_the_best_score_of_its_group_and_a_part_of_it_is_not_false():
    told = curve(scored("2222222", "222.222", "2220999"))
    assert told["curves"]["all"]["points"] == [[0, 0], [0, 1]]


def test_a_lesion_that_is_only_touched_is_not_found_and_what_touches_it_is_false():
    told = curve(scored("22......", "2222222.", "99999990"))
    assert told["curves"]["all"]["points"] == [[0, 0], [1, 0]]


def test_cts_of_one_patient_are_one_patient():
    cases = [scored("22.....", "22..22.", "9900880")] * 2
    assert curve(*cases, patients=dict.fromkeys(["case 0", "case 1"], "one"))["curves"]["all"]["points"][-1] == [2, 1]


def test_cases_without_scores_are_left_out_by_name_and_without_any_there_is_no_curve():
    bare = detect_lesions(line("22..", "22.."))
    told = curve(scored("22..", "22..", "9900"), bare)
    assert (told["patients"], told["left_out"]) == (1, ["case 1"])
    assert curve(bare) is None


def test_a_case_without_a_prediction_counts():
    told = curve(scored("22..", "22..", "9900"), detect_lesions(line("22..", "....")))
    assert told["curves"]["all"]["recall_at"]["4"] == 0.5


def test_without_a_lesion_in_any_reference_there_is_no_recall_and_no_chart():
    told = curve(scored("....", "22..", "9900"))
    assert told["curves"]["all"] == {
        "lesions": 0,
        "points": [],
        "recall_at": dict.fromkeys(["0.25", "0.5", "1", "2", "4"]),
    }
    assert charts.froc(told) == ""


def test_the_chart_has_a_line_for_each_size_that_occurs():
    svg = charts.froc(curve(scored("22..22..", "22..22..", "99008800")))
    assert "all (2)" in svg
    assert "under 10 mm (2)" in svg
    assert "over 20 mm" not in svg

from dataclasses import astuple

import numpy as np
import pytest

from LiverTumorSegLib.evaluation.statistics import TumourBurden, bland_altman, burden_errors, tumour_burden


def test_burden_is_the_lesions_share_of_liver_and_lesions():
    # 100 voxels of liver and 25 of lesion in the reference; 90 and 10 in the prediction, background left out
    confusion = np.array([[900, 0, 0], [20, 75, 5], [5, 15, 5]])
    assert tumour_burden(confusion) == TumourBurden(10 / 100, 25 / 125, 10 / 100 - 25 / 125)


def test_a_reference_without_a_liver_has_no_burden():
    assert tumour_burden(np.array([[90, 8, 2], [0, 0, 0], [0, 0, 0]])) == TumourBurden(0.2, None, None)


def test_a_prediction_without_a_liver_has_a_burden_of_0_where_lits_takes_9001():
    assert tumour_burden(np.array([[90, 0, 0], [6, 0, 0], [4, 0, 0]])) == TumourBurden(0, 0.4, -0.4)


def test_where_all_that_was_found_is_lesion_the_burden_is_1_where_lits_takes_9001():
    assert tumour_burden(np.array([[90, 0, 0], [0, 0, 6], [0, 0, 4]])) == TumourBurden(1, 0.4, 0.6)


def test_burdens_are_plain_numbers():
    shares = astuple(tumour_burden(np.array([[1, 0, 0], [0, 3, 0], [0, 0, 1]])))
    assert {type(share) for share in shares} == {float}


def test_burden_errors_by_hand():
    cases = {"a": TumourBurden(0.4, 0.1, 0.3), "b": TumourBurden(0.1, None, None), "c": TumourBurden(0.1, 0.5, -0.4)}
    errors = burden_errors(cases)
    assert errors == {
        "rmse": pytest.approx(np.sqrt((0.09 + 0.16) / 2)),
        "largest_difference": pytest.approx(0.4),
        "counted": 2,
        "left_out": ["b"],
    }


def test_without_any_burden_there_is_no_error():
    assert burden_errors({"b": TumourBurden(0, None, None)}) == {
        "rmse": None,
        "largest_difference": None,
        "counted": 0,
        "left_out": ["b"],
    }


def test_limits_of_agreement_by_hand():
    agreement = bland_altman({"a": (11.0, 10.0), "b": (23.0, 20.0), "c": (4.0, 5.0)})  # differences 1, 3, -1
    assert agreement == {
        "bias_ml": 1,
        "sd_ml": 2,
        "lower_ml": pytest.approx(1 - 3.92),
        "upper_ml": pytest.approx(1 + 3.92),
        "counted": 3,
        "cases": {"a": [11, 10], "b": [23, 20], "c": [4, 5]},
    }


def test_limits_of_agreement_of_the_peak_flow_of_bland_and_altman():
    # Lancet 1986, table 1, first reading by each meter: mean difference -2.1 l/min, SD 38.8, limits -79.7 and 75.5;
    # the paper takes 2 SD, we take 1.96
    wright = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
    mini = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)
    agreement = bland_altman({str(n): pair for n, pair in enumerate(zip(wright, mini, strict=True))})
    assert agreement["bias_ml"] == pytest.approx(-2.1, abs=0.05)
    assert agreement["sd_ml"] == pytest.approx(38.8, abs=0.05)
    assert agreement["bias_ml"] - 2 * agreement["sd_ml"] == pytest.approx(-79.7, abs=0.1)
    assert agreement["upper_ml"] == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.1)


def test_one_case_has_a_bias_and_no_limits_and_none_has_nothing():
    one = bland_altman({"a": (11.0, 10.0)})
    assert [one[key] for key in ("bias_ml", "sd_ml", "lower_ml", "upper_ml", "counted")] == [1, None, None, None, 1]
    none = bland_altman({})
    assert none == {"bias_ml": None, "sd_ml": None, "lower_ml": None, "upper_ml": None, "counted": 0, "cases": {}}

import pytest
from support.experiment_cases import result

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.summary import summarise_recipes

A = [
    result("volume-1", 0.9, 0.6, (2, 1, 0), (2, 0, 0), seconds=1.0),
    result("volume-2", 0.8, 0.2, (0, 2, 2), (1, 1, 1), seconds=5.0),
    result("volume-3", 0.7, None, (0, 1, 0), (0, 1, 0), false_ml=4.0, seconds=2.0),
    result("volume-4", 0.6, None, (0, 0, 0), (0, 0, 0), false_ml=0.0, seconds=3.0, assd=None),
]
B = [
    result(f"volume-{n}", liver, 0.1 if n < 3 else None, (0, 0, 2), (0, 0, 2))
    for n, liver in enumerate((1, 1, 1, 1), 1)
]
SIZES = {"a": 1000, "b": 2000}


def test_means_are_over_the_patients_for_whom_a_figure_is_defined():
    found = summarise_recipes({"a": A, "b": B}, SIZES)
    row = found["recipes"]["a"]
    means = {key: (row[key]["mean"], row[key]["counted"]) for key in ("liver_dice", "lesion_dice", "liver_assd_mm")}
    assert means["liver_dice"] == (pytest.approx((0.9 + 0.8 + 0.7 + 0.6) / 4), 4)
    assert means["lesion_dice"] == (pytest.approx((0.6 + 0.2) / 2), 2)
    assert means["liver_assd_mm"] == (2.0, 3)
    assert row["false_lesion_ml"]["mean"] == pytest.approx((4.0 + 0.0) / 2)
    assert row["largest_false_lesion_ml"] == 4.0
    assert row["seconds"] == pytest.approx(2.5)
    assert row["parameters"] == 1000
    assert (found["patients"], found["with_lesions"]) == (4, 2)


def test_lesions_of_all_patients_count_together():
    row = summarise_recipes({"a": A}, SIZES)["recipes"]["a"]
    assert row["lesion_recall"]["mean"] == pytest.approx(2 / (2 + 0 + 0 + 2))
    assert row["lesion_recall_touched"]["mean"] == pytest.approx(3 / 4)
    assert row["lesion_precision"]["mean"] == pytest.approx(2 / (2 + 1 + 2 + 1))


def test_differences_are_paired_and_from_the_best_lesion_dice():
    found = summarise_recipes({"b": B, "a": A}, SIZES)
    assert found["against"] == "a"
    assert found["recipes"]["a"]["differences"] is None
    differences = found["recipes"]["b"]["differences"]
    assert differences["lesion_dice"]["difference"] == pytest.approx(((0.1 - 0.6) + (0.1 - 0.2)) / 2)
    assert differences["liver_dice"]["difference"] == pytest.approx(1 - 0.75)
    assert differences["lesion_dice"]["left_out"] == ["volume-3", "volume-4"]


def test_two_scans_of_a_patient_are_one_pair():
    first = [result("volume-1", 0.9, 0.2), result("liver_1", 0.9, 0.4), result("volume-2", 0.9, 0.5)]
    second = [result("volume-1", 0.9, 0.6), result("liver_1", 0.9, 0.6), result("volume-2", 0.9, 0.6)]
    found = summarise_recipes({"a": first, "b": second}, SIZES, against="a")
    row = found["recipes"]["b"]["differences"]["lesion_dice"]
    assert (row["counted"], row["difference"]) == (2, pytest.approx((0.3 + 0.1) / 2))
    assert (found["patients"], found["with_lesions"]) == (2, 2)


def test_another_can_be_compared_with_and_who_was_not_measured_cannot():
    assert (
        summarise_recipes({"a": A, "b": B}, SIZES, against="b")["recipes"]["a"]["differences"]["liver_dice"]["mean_a"]
        == 1
    )
    with pytest.raises(UserError, match="c is none of what was measured: compare with one of a, b"):
        summarise_recipes({"a": A, "b": B}, SIZES, against="c")


def test_p_values_are_corrected_for_all_recipes_together():
    many = [result(f"volume-{n}", 0.5, None) for n in range(8)]
    better = [result(f"volume-{n}", 0.6 + n / 100, None) for n in range(8)]
    found = summarise_recipes(
        {"base": many, "x": better, "y": better}, dict.fromkeys(("base", "x", "y"), 1), against="base"
    )
    p = found["recipes"]["x"]["differences"]["liver_dice"]
    assert (p["p"], p["p_holm"], found["tests"]) == (pytest.approx(2 / 2**8), pytest.approx(4 / 2**8), 2)


def test_models_that_find_no_lesions_are_judged_by_the_liver():
    plain = [one.model_copy(update={"lesion": None, "detection": None, "touched": None}) for one in A]
    better = [one.model_copy(update={"lesion": None, "detection": None, "touched": None}) for one in B]
    found = summarise_recipes({"a": plain, "b": better}, SIZES)
    assert found["against"] == "b"
    assert found["recipes"]["a"]["lesion_recall"]["mean"] is None
    assert found["recipes"]["a"]["largest_false_lesion_ml"] is None

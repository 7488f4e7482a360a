import copy
import json
from itertools import product

import numpy as np
import pytest
from scipy import stats

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.evaluation.comparison import compare, holm, load, signed_rank

SETTINGS = {"connectivity": 18, "tolerance_mm": 2.0, "empties": "lits", "iou": 0.5, "seed": 0}


def report(lesion, patients=None, **settings):
    """A report in which only the lesions differ: Dice by case, and a distance that follows from it."""
    cases = {}
    for name, dice in lesion.items():
        other = {"dice": 0.9, "assd_mm": 1.0, "prediction_ml": 5.0, "reference_ml": 4.0, "empty": None}
        own = other | {"dice": dice, "assd_mm": None if dice is None else 10 * (1 - dice)}
        cases[name] = {
            "patient": (patients or {}).get(name, name),
            "liver": other,
            "liver_only": other,
            "lesion": own,
            "warnings": [],
        }
    return {"format": 1, "settings": SETTINGS | settings, "cases": cases, "failed": {}, "summary": {}}


def named(values):
    return {f"volume-{at}": value for at, value in enumerate(values)}


A = [0.5, 0.6, 0.7, 0.2, 0.4, 0.55, 0.61, 0.3]
B = [0.6, 0.65, 0.9, 0.1, 0.7, 0.56, 0.7, 0.33]


def test_means_and_their_difference_are_over_patients():
    row = compare(report(named(A)), report(named(B)))["measures"]["lesion"]["dice"]
    assert (row["mean_a"], row["mean_b"]) == (pytest.approx(np.mean(A)), pytest.approx(np.mean(B)))
    assert row["difference"] == pytest.approx(np.mean(B) - np.mean(A))
    assert (row["counted"], row["left_out"]) == (8, [])


def test_the_interval_of_the_difference_is_scipys():
    row = compare(report(named(A)), report(named(B)), resamples=20_000)["measures"]["lesion"]["dice"]
    expected = stats.bootstrap(
        (np.subtract(B, A),), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert [row["low"], row["high"]] == pytest.approx(expected, abs=0.005)


def every_sign(differences):
    """Two-sided p of the signed ranks by trying every sign, zeros ranked and then left out."""
    ranks = stats.rankdata(np.abs(differences))[np.array(differences) != 0]
    signs = np.sign(differences)[np.array(differences) != 0]
    sums = np.array([np.dot(ranks, drawn) for drawn in product([-1, 1], repeat=len(ranks))])
    return (np.abs(sums) >= abs(ranks @ signs) - 1e-9).mean()


def test_without_zeros_and_ties_p_is_exact():
    differences = [0.1, 0.05, 0.21, -0.11, 0.3, 0.01, 0.09, 0.03]
    assert signed_rank(differences) == pytest.approx(every_sign(differences))
    row = compare(report(named(A)), report(named(np.add(A, differences).tolist())))["measures"]["lesion"]["dice"]
    assert row["p"] == pytest.approx(every_sign(differences))


def test_zeros_are_ranked_as_pratt_did_and_not_dropped_as_wilcoxon_did():
    differences = [0.0] * 4 + [0.02, -0.01, 0.04, 0.03, -0.015, 0.05, 0.06, 0.07, 0.08, -0.025]
    found = signed_rank(differences)
    assert found == pytest.approx(every_sign(differences))
    assert found != pytest.approx(stats.wilcoxon(differences, zero_method="wilcox").pvalue, rel=0.01)


@pytest.mark.parametrize(
    "differences",
    [[0.1] * 6, [0.1] * 7 + [-0.1], [0.02] * 8 + [0.0] * 3, [1, 1, 2, 2, -2, 3, 3, -1], [5, -1, -1, -1, -1, -1, 2]],
)
def test_with_ties_p_is_exact_too(differences):
    assert signed_rank(differences) == pytest.approx(every_sign(differences))


def test_many_differences_have_scipys_normal_p():
    differences = np.random.default_rng(0).normal(0.1, 1, 300)
    assert signed_rank(differences) == pytest.approx(stats.wilcoxon(differences, method="approx").pvalue, rel=1e-6)
    few = differences[:200]
    assert signed_rank(few) == pytest.approx(stats.wilcoxon(few, method="exact").pvalue, rel=1e-6)


def test_equal_differences_tie_in_spite_of_rounding():
    differences = [0.8 - 0.7, 0.9 - 0.8, 0.1, 0.2, 0.3, -0.4, 0.5]
    assert len(set(differences[:3])) == 3
    assert signed_rank(differences) == signed_rank([0.1, 0.1, 0.1, 0.2, 0.3, -0.4, 0.5])


@pytest.mark.parametrize("differences", [[], [0.0] * 20, [0.1, 0.2, 0.3, 0.4, 0.5], [0.0] * 9 + [1, 2, 3, 4, 5]])
def test_too_few_differences_have_no_p(differences):
    assert signed_rank(differences) is None


def test_six_differences_of_one_sign_can_be_told_from_chance():
    assert signed_rank([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 2**6)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_p_is_adjusted_for_all_tests_that_were_made():
    measures = compare(report(named(A)), report(named(B)))["measures"]
    lesion = measures["lesion"]
    assert lesion["dice"]["p"] == lesion["assd_mm"]["p"]  # one follows from the other
    assert lesion["dice"]["p_holm"] == pytest.approx(2 * lesion["dice"]["p"])
    liver = measures["liver"]["dice"]
    assert (liver["difference"], liver["p"], liver["p_holm"], liver["counted"]) == (0, None, None, 8)


def test_volumes_are_not_compared():
    assert compare(report(named(A)), report(named(B)))["measures"]["lesion"].keys() == {"dice", "assd_mm"}


def test_a_patient_with_many_cases_counts_once():
    first = report({"a1": 0.1, "a2": 0.3, "b": 0.8}, {"a1": "a", "a2": "a"})
    second = report({"a1": 0.2, "a2": 0.6, "b": 0.8}, {"a1": "a", "a2": "a"})
    found = compare(first, second)
    row = found["measures"]["lesion"]["dice"]
    assert (row["mean_a"], row["mean_b"]) == (pytest.approx(0.5), pytest.approx(0.6))
    assert (row["counted"], found["patients"]) == (2, 2)


def test_who_is_not_compared_is_named():
    patients = {"c1": "c", "c2": "c"}
    first = report({"a": 0.1, "b": 0.2, "c1": 0.3, "d": 0.4, "e": None})
    second = report({"b": 0.3, "c1": 0.3, "c2": 0.5, "d": None, "e": 0.5, "f": 0.1})
    for one in (first, second):
        for name, case in one["cases"].items():
            case["patient"] = patients.get(name, name)
    found = compare(first, second)
    assert (found["only_a"], found["only_b"], found["other_cases"]) == (["a"], ["f"], ["c"])
    row = found["measures"]["lesion"]["dice"]
    assert (row["counted"], row["left_out"]) == (1, ["d", "e"])
    assert (row["mean_a"], row["mean_b"], row["low"]) == (0.2, 0.3, None)
    assert found["measures"]["liver"]["dice"]["counted"] == found["patients"] == 3


def test_a_patient_with_one_case_undefined_is_left_out_and_not_averaged_over_the_rest():
    patients = dict.fromkeys(("a1", "a2"), "a")
    first = report({"a1": 0.9, "a2": None, "b": 0.8}, patients)
    found = compare(first, report({"a1": 0.8, "a2": 0.2, "b": 0.8}, patients))["measures"]["lesion"]["dice"]
    assert (found["counted"], found["left_out"]) == (1, ["a"])


def test_a_measure_that_is_nowhere_defined_stays_undefined():
    row = compare(report({"a": None}), report({"a": 0.5}))["measures"]["lesion"]["dice"]
    assert {row[key] for key in ("mean_a", "mean_b", "difference", "low", "high", "p", "p_holm")} == {None}
    assert row["left_out"] == ["a"]


def test_noise_is_called_noise():
    small, large = (compare(report(named(A)), report(named(np.add(A, by).tolist()))) for by in (0.04, 0.06))
    assert any("under 0.05" in remark for remark in small["remarks"])
    assert not any("under 0.05" in remark for remark in large["remarks"])


def test_too_few_patients_for_the_number_of_tests_are_said():
    few = compare(report(named(A[:6])), report(named(B[:6])))
    assert few["tests"] == 2
    assert "6 patients are too few for any of 2 tests to reach 0.05 after the correction." in few["remarks"]
    assert not any("too few" in remark for remark in compare(report(named(A)), report(named(B)))["remarks"])


def test_other_references_are_refused():
    first, second = report(named(A)), report(named(B))
    for made, checksum in ((first, "a"), (second, "b")):
        made["cases"]["volume-2"]["reference_checksum"] = checksum
    with pytest.raises(UserError, match="volume-2 was measured against two different references"):
        compare(first, second)
    second["cases"]["volume-2"]["reference_checksum"] = "a"
    assert compare(first, second)["patients"] == 8


def test_swapping_the_two_turns_the_sign_alone():
    first, second = report(named(A)), report(named(B))
    one, other = (compare(*pair)["measures"]["lesion"]["dice"] for pair in ((first, second), (second, first)))
    assert other["difference"] == pytest.approx(-one["difference"])
    assert other["p"] == one["p"]
    assert [other["low"], other["high"]] == pytest.approx([-one["high"], -one["low"]], abs=0.01)


@pytest.mark.parametrize(
    ("name", "value"), [("connectivity", 6), ("tolerance_mm", 1.0), ("empties", "worst"), ("iou", 0.1)]
)
def test_other_definitions_are_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"differ in {name}"):
        compare(report(named(A)), report(named(B), **{name: value}))


def test_another_seed_is_no_other_definition():
    assert compare(report(named(A)), report(named(B), seed=7))


def test_other_patients_cannot_be_compared():
    with pytest.raises(UserError, match="no patient with the same cases"):
        compare(report({"a": 0.5}), report({"b": 0.5}))


def test_a_report_is_read_as_it_was_written(tmp_path):
    content = report(named(A))
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert load(tmp_path / "report.json") == load(tmp_path) == content


def changed(**changes):
    content = copy.deepcopy(report({"a": 0.5}))
    content.update(changes)
    return json.dumps(content)


def broken(key, value):
    content = copy.deepcopy(report({"a": 0.5}))
    content["cases"]["a"]["lesion"][key] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "{}", "\ud83d\ude00" * 3, "[" * 100_000),
        *(changed(format=2), changed(cases={}), changed(cases=[]), changed(settings=None), changed(cases={"a": {}})),
        *(broken("dice", "high"), broken("dice", [1]), broken("dice", float("nan")), broken("empty", 3)),
    ],
    ids=range(16),
)
def test_what_is_no_report_is_one_sentence(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text, "utf-8", "surrogatepass")
    with pytest.raises(UserError, match="is not the report of an evaluation") as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            load(path)

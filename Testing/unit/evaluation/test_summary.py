import numpy as np
import pytest
from support.evaluation_cases import pair_of, small_pair

from LiverTumorSegLib.evaluation.case import MEASURES, EvaluationSettings, measure_pair
from LiverTumorSegLib.evaluation.label_pair import STRUCTURES
from LiverTumorSegLib.evaluation.summary import summarise_cases

SETTINGS = EvaluationSettings(bootstrap=200)
KEYS = (
    *("dice_per_case", "dice_global", "iou", "voe", "rvd", "assd_mm", "rmsd_mm", "hd_mm", "hd95_mm"),
    *("sensitivity", "specificity", "precision", "accuracy"),
)


def summary_of(**pairs):
    cases = {name: measure_pair(pair, SETTINGS, name) for name, pair in pairs.items()}
    contents = {name: case.to_dict(SETTINGS) for name, case in cases.items()}
    return summarise_cases(cases, contents, SETTINGS), contents


@pytest.fixture
def empty():
    """A patient without tumour, in whom nothing at all was found."""
    reference = np.zeros((8, 20, 20), np.uint8)
    reference[2:4, 4:9, 4:9] = 1
    return pair_of(np.zeros_like(reference), reference)


def test_every_key_is_there_for_every_structure(empty):
    summary, _ = summary_of(a=small_pair(), b=empty)
    for structure in STRUCTURES:
        assert not set(KEYS) - summary[structure].keys()
        assert summary[structure]["statistics"].keys() == {*MEASURES, "dice_global"}
    assert summary["lesion"]["detection"].keys() >= {"precision", "recall", "f1", "by_size", "any_overlap"}
    assert summary["burden"].keys() >= {"rmse", "largest_difference", "counted", "left_out"}
    assert summary["volumes"].keys() == {"liver", "lesion"}
    assert summary["probabilities"] is None


def test_means_count_cases_and_the_global_dice_counts_voxels(empty):
    summary, contents = summary_of(a=small_pair(), b=empty)
    liver = summary["liver"]
    assert liver["dice_per_case"] == pytest.approx(contents["a"]["liver"]["dice"] / 2)
    counted = np.array(contents["a"]["confusion"])
    common, both = counted[1:, 1:].sum(), counted[1:].sum() + counted[:, 1:].sum() + 50
    assert liver["dice_global"] == pytest.approx(2 * common / both)


def test_who_is_left_out_and_who_was_empty_is_named(empty):
    summary, contents = summary_of(a=small_pair(), b=empty)
    assert summary["liver"]["empties"] == {"prediction": ["b"], "reference": [], "both": []}
    assert summary["lesion"]["empties"] == {"prediction": [], "reference": [], "both": ["b"]}
    distances = summary["liver"]["statistics"]["assd_mm"]
    assert (distances["counted"], distances["left_out"]) == (1, ["b"])
    assert summary["liver"]["assd_mm"] == contents["a"]["liver"]["assd_mm"]
    assert summary["lesion"]["statistics"]["dice"]["counted"] == 2


def test_volumes_are_those_of_the_cases(empty):
    summary, contents = summary_of(a=small_pair(), b=empty)
    differences = [contents[name]["liver"]["prediction_ml"] - contents[name]["liver"]["reference_ml"] for name in "ab"]
    assert summary["volumes"]["liver"]["bias_ml"] == pytest.approx(np.mean(differences))
    assert summary["volumes"]["liver"]["sd_ml"] == pytest.approx(np.std(differences, ddof=1))

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.evaluation_cases import box, pair_of, small_pair
from support.lesion_cases import case, line, noise

from LiverTumorSegLib.evaluation.lesion_detection import detect_lesions
from LiverTumorSegLib.evaluation.lesion_errors import (
    CONTRAST_CLASSES,
    KINDS,
    ORACLES,
    contrast_class,
    find_lesion_errors,
    pool_lesion_errors,
)
from LiverTumorSegLib.evaluation.overlap import confusion, counts


def errors_of(pair, image=None):
    return find_lesion_errors(pair, detect_lesions(pair).rows, image)


@pytest.mark.parametrize(
    ("reference", "prediction", "right", "wrong"),
    [
        ("222..22", "222....", 3, {"missed": 2}),
        ("2222...", ".22....", 2, {"too_small": 2}),
        (".22....", "2222..2", 2, {"too_large": 2, "false": 1}),
        ("222....", ".222...", 2, {"too_small": 1, "too_large": 1}),
        ("22.22..", "22222..", 4, {"too_large": 1}),
        (".......", "22..222", 0, {"false": 5}),
        (".......", ".......", 0, {}),
    ],
)
def test_wrong_voxels_are_of_one_kind(reference, prediction, right, wrong):
    found = errors_of(line(reference, prediction))
    assert found.voxels("right") == right
    assert {kind: found.voxels(kind) for kind in KINDS if found.voxels(kind)} == wrong


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_kinds_add_up_to_the_voxels_that_are_wrong(seed):
    pair = case(*noise(seed))
    found, counted = errors_of(pair), counts(confusion(pair).sum(axis=0), "lesion")
    assert found.voxels("right") == counted.tp
    assert found.voxels("missed") + found.voxels("too_small") == counted.fn
    assert found.voxels("false") + found.voxels("too_large") == counted.fp
    assert found.dice() == counted.dice
    for without in ORACLES.values():
        assert found.dice(without) is None or found.dice(without) >= found.dice()
    assert found.dice(KINDS) in (1, None)


def test_what_is_too_large_counts_with_the_lesion_that_it_shares_most_with():
    found = errors_of(line("222.2..", "2222222"))
    large, small = found.lesions
    assert (large.too_large, small.too_large) == (3, 0)
    assert (large.number, small.number) == (1, 2)
    assert large.touched
    assert small.touched


def test_oracles_take_away_one_kind_of_error():
    found = errors_of(line("2222.2.....", "22....22..2"))
    assert found.to_dict()["oracles"] == {
        "as_it_is": pytest.approx(4 / 10),
        "no_false_lesions": pytest.approx(4 / 7),
        "no_missed_lesions": pytest.approx(6 / 11),
        "right_outlines": pytest.approx(8 / 12),
    }


def test_contrast_is_the_mean_less_the_livers_median():
    pair = small_pair()
    image = np.full(pair.reference.shape, -1000, np.int16)
    image[pair.reference == 1] = 100
    image[pair.prediction == 2] = 75  # the false one
    image[pair.reference == 2] = 50
    image[4:6, 10:12, 10:12] = 130  # the smaller of the reference's
    large, small, false = errors_of(pair, image).lesions
    assert [one.contrast_hu for one in (large, small, false)] == [-50, 30, -25]
    assert [one.contrast for one in (large, small, false)] == [CONTRAST_CLASSES[n] for n in (0, 3, 1)]
    assert (false.of, false.number, false.touched) == ("prediction", 2, False)
    assert {one.contrast for one in errors_of(pair).lesions} == {None}


def test_without_liver_in_the_reference_there_is_no_contrast():
    labels = box((2, 6, 6), (2, (0, 1), (1, 3), (1, 3)))
    (lesion,) = errors_of(pair_of(labels, labels), np.zeros(labels.shape, np.int16)).lesions
    assert lesion.contrast is lesion.contrast_hu is None


def test_classes_of_contrast_end_where_they_say():
    assert [contrast_class(hu) for hu in (-40.1, -40, -20.1, -20, 20, 20.1)] == [
        CONTRAST_CLASSES[n] for n in (0, 1, 1, 2, 2, 3)
    ]


def test_cases_are_pooled_and_oracles_count_those_with_a_lesion():
    cases = {
        "found": errors_of(line("2222", "2222")),
        "missed": errors_of(line("22..", "....")),
        "free": errors_of(line("....", ".2..")),
    }
    pooled = pool_lesion_errors(cases)
    voxel = cases["found"].voxel_ml
    assert pooled["counted"] == 2
    assert pooled["oracles"]["as_it_is"] == pytest.approx(0.5)
    assert pooled["oracles"]["no_missed_lesions"] == pytest.approx(1)
    assert pooled["missed_ml"] == pytest.approx(2 * voxel)
    assert pooled["shares"] == pytest.approx({"missed": 2 / 3, "too_small": 0, "false": 1 / 3, "too_large": 0})
    rows = pooled["by_size"].values()
    assert [sum(row[key] for row in rows) for key in ("lesions", "touched", "false_lesions")] == [2, 1, 1]
    assert pooled["by_contrast"] is None


def test_nothing_is_divided_by_nothing():
    pooled = pool_lesion_errors({"free": errors_of(line("....", "...."))})
    assert pooled["counted"] == 0
    assert set(pooled["oracles"].values()) == set(pooled["shares"].values()) == {None}

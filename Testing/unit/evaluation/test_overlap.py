import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_dice, compute_iou
from support.evaluation_cases import pair_of, small_pair

from LiverTumorSegLib.evaluation.label_pair import STRUCTURES, structure_mask
from LiverTumorSegLib.evaluation.overlap import Counts, confusion, counts, dice, dice_per_slice

LABELS = arrays(np.uint8, (2, 3, 4), elements=st.integers(0, 2))


def test_measures_of_a_case_counted_by_hand():
    measured = Counts(tp=6, fp=2, fn=4, tn=88).measures()
    assert measured == pytest.approx(
        {
            "dice": 12 / 18,
            "iou": 0.5,
            "voe": 0.5,
            "rvd": -0.2,
            "sensitivity": 0.6,
            "specificity": 88 / 90,
            "precision": 0.75,
            "accuracy": 0.94,
        }
    )


def test_a_ratio_of_nothing_to_nothing_is_not_defined():
    measured = Counts(tp=0, fp=0, fn=0, tn=5).measures()
    assert measured.pop("specificity") == measured.pop("accuracy") == 1
    assert set(measured.values()) == {None}
    assert Counts(tp=0, fp=3, fn=0, tn=5).measures()["sensitivity"] is None
    assert Counts(tp=0, fp=0, fn=3, tn=5).measures()["precision"] is None
    assert Counts(tp=4, fp=0, fn=0, tn=0).measures()["specificity"] is None


def test_pairs_of_labels_are_counted_by_slice():
    pair = pair_of([[[0, 1, 2, 2]], [[0, 0, 0, 1]]], [[[0, 1, 1, 2]], [[2, 2, 0, 0]]])
    assert confusion(pair).tolist() == [
        [[1, 0, 0], [0, 1, 1], [0, 0, 1]],
        [[1, 1, 0], [0, 0, 0], [2, 0, 0]],
    ]


@given(LABELS, LABELS)
def test_counts_are_those_of_the_masks(prediction, reference):
    matrix = confusion(pair_of(prediction, reference)).sum(axis=0)
    for structure in STRUCTURES:
        found, real = structure_mask(prediction, structure), structure_mask(reference, structure)
        assert counts(matrix, structure) == Counts(
            int((found & real).sum()),
            int((found & ~real).sum()),
            int((~found & real).sum()),
            int((~found & ~real).sum()),
        )


@pytest.mark.parametrize("structure", STRUCTURES)
def test_dice_and_iou_are_those_of_monai(structure):
    pair = small_pair()
    found, real = (
        torch.from_numpy(structure_mask(x, structure))[None, None].float() for x in (pair.prediction, pair.reference)
    )
    counted = counts(confusion(pair).sum(axis=0), structure)
    assert counted.dice == pytest.approx(compute_dice(found, real).item())
    assert counted.iou == pytest.approx(compute_iou(found, real).item())


def test_dice_by_slice_leaves_out_slices_that_have_nothing():
    pair = pair_of([[[1, 1]], [[0, 0]], [[1, 0]]], [[[1, 0]], [[0, 0]], [[0, 0]]])
    assert dice_per_slice(confusion(pair), "liver") == pytest.approx((2 / 3 + 0) / 2)
    assert dice_per_slice(confusion(pair), "lesion") is None


def test_dice_of_two_masks():
    left, right = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    assert dice(left, right) is None
    left[:2], right[1:3] = True, True
    assert dice(left, right) == pytest.approx(0.5)
    assert dice(left, ~left) == 0

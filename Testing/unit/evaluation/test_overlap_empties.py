import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric

from LiverTumorSegLib.evaluation.overlap import DISTANCES, Counts, Empties, emptiness

DIAGONAL = 321.0
NEITHER, NO_PREDICTION, NO_REFERENCE, NOTHING = (
    Counts(tp=3, fp=1, fn=2, tn=4),
    Counts(tp=0, fp=0, fn=2, tn=8),
    Counts(tp=0, fp=2, fn=0, tn=8),
    Counts(tp=0, fp=0, fn=0, tn=10),
)


def applied(rule, counts):
    measured = counts.measures() | dict.fromkeys((*DISTANCES, "surface_dice"))
    rule.apply(measured, emptiness(counts), DIAGONAL)
    return measured


def test_which_mask_is_empty():
    cases = (NEITHER, NO_PREDICTION, NO_REFERENCE, NOTHING)
    assert [emptiness(counts) for counts in cases] == [None, "prediction", "reference", "both"]
    assert emptiness(Counts(tp=0, fp=1, fn=1, tn=0)) is None, "they do not meet, but neither is empty"


@pytest.mark.parametrize("rule", Empties)
def test_a_case_with_both_is_left_alone(rule):
    assert applied(rule, NEITHER) == NEITHER.measures() | dict.fromkeys((*DISTANCES, "surface_dice"))


@pytest.mark.parametrize("rule", [Empties.LITS, Empties.WORST])
@pytest.mark.parametrize(("counts", "score"), [(NOTHING, 1), (NO_PREDICTION, 0), (NO_REFERENCE, 0)])
def test_overlap_is_one_where_both_are_empty_and_zero_where_one_is(rule, counts, score):
    measured = applied(rule, counts)
    assert [measured[key] for key in ("dice", "iou", "surface_dice", "voe")] == [score, score, score, 1 - score]


def test_volume_difference_with_empty_masks():
    assert applied(Empties.LITS, NOTHING)["rvd"] == 0
    assert applied(Empties.LITS, NO_PREDICTION)["rvd"] == -1
    assert applied(Empties.LITS, NO_REFERENCE)["rvd"] is None


def test_lits_has_no_distance_to_what_is_not_there():
    for counts in (NOTHING, NO_PREDICTION, NO_REFERENCE):
        assert {applied(Empties.LITS, counts)[key] for key in DISTANCES} == {None}


def test_the_worst_case_counts_the_diagonal_so_that_a_missed_structure_cannot_improve_a_mean():
    assert {applied(Empties.WORST, NO_PREDICTION)[key] for key in DISTANCES} == {DIAGONAL}
    assert {applied(Empties.WORST, NO_REFERENCE)[key] for key in DISTANCES} == {DIAGONAL}
    assert {applied(Empties.WORST, NOTHING)[key] for key in DISTANCES} == {0}


def test_leaving_out_is_what_monai_does_by_default():
    masks = {NO_PREDICTION: (0, 1), NO_REFERENCE: (1, 0), NOTHING: (0, 0)}
    for counts, (found, real) in masks.items():
        metric = DiceMetric()
        metric(torch.full((1, 1, 4, 4), float(found)), torch.full((1, 1, 4, 4), float(real)))
        theirs = metric.get_buffer().item()
        ours = applied(Empties.LEAVE_OUT, counts)["dice"]
        assert (ours is None) == np.isnan(theirs)
        assert ours is None or ours == theirs
    assert set(applied(Empties.LEAVE_OUT, NO_REFERENCE).values()) == {None}

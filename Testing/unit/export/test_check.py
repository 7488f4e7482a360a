import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.export.check import OTHER_LABELS, OTHER_LOGITS, Agreement, compare_logits, refuse_disagreement
from LiverTumorSegLib.models.description import Head

JOINT, SIGMOID = Head((1, 2)), Head((2,), sigmoid=True)


def test_equal_logits_agree():
    logits = torch.randn(1, 3, 4, 5)
    assert compare_logits(JOINT, logits, logits) == Agreement(0, float(logits.abs().max()), 1)


def test_labels_are_those_of_the_largest_logit():
    original = torch.tensor([[3.0, 1.0], [2.0, 4.0], [0.0, 0.0]])[None, :, None]
    exported = original.clone()
    exported[0, 2, 0, 0] = 2.5
    assert compare_logits(JOINT, original, exported).same_labels == 1
    exported[0, 2, 0, 0] = 3.5
    assert compare_logits(JOINT, original, exported) == Agreement(3.5, 4, 0.5)


def test_the_label_of_a_sigmoid_is_its_sign():
    original = torch.tensor([-1.0, 1.0, 2.0, -3.0]).view(1, 1, 1, 4)
    assert compare_logits(SIGMOID, original, original + torch.tensor([0.5, 0.5, 0.5, 0.5])).same_labels == 1
    assert compare_logits(SIGMOID, original, original + 1.5).same_labels == 0.75


@pytest.mark.parametrize(
    ("difference", "same", "holds"),
    [
        (OTHER_LOGITS * 10, 1 - OTHER_LABELS / 2, True),
        (OTHER_LOGITS * 11, 1, False),
        (0, 1 - OTHER_LABELS * 2, False),
        (float("nan"), 1, False),
    ],
)
def test_both_tolerances_are_kept_or_nothing_is_written(difference, same, holds):
    agreement = Agreement(difference, 10, same)
    assert agreement.holds is holds
    if holds:
        refuse_disagreement(agreement)
    else:
        with pytest.raises(UserError, match="not the original: logits differ by .* Nothing was written"):
            refuse_disagreement(agreement)

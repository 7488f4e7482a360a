import pytest
import torch

from LiverTumorSegLib.training.losses import partial_label_loss

APART, JOINED = torch.tensor([True]), torch.tensor([False])


def sure(labels):
    return torch.nn.functional.one_hot(labels.long(), 3).permute(0, 3, 1, 2).float() * 40


@pytest.fixture
def labels():
    made = torch.zeros(1, 8, 8, dtype=torch.uint8)
    made[:, 2:6, 2:6] = 1
    made[:, 3:5, 3:5] = 2
    return made


def test_what_is_right_and_sure_costs_nothing(labels):
    assert partial_label_loss(sure(labels), labels, APART) == pytest.approx(0, abs=1e-4)


def test_a_missed_lesion_costs_where_lesions_are_apart(labels):
    liver_only = labels.clamp_max(1)
    assert partial_label_loss(sure(liver_only), labels, APART) > 1


def test_lesions_within_joined_masks_cost_nothing(labels):
    joined = labels.clamp_max(1)
    assert partial_label_loss(sure(labels), joined, JOINED) == pytest.approx(0, abs=1e-4)
    assert partial_label_loss(sure(joined), joined, JOINED) == pytest.approx(0, abs=1e-4)
    assert partial_label_loss(sure(torch.zeros_like(joined)), joined, JOINED) > 1


def test_a_batch_may_mix_both_and_the_gradient_is_finite(labels):
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    loss = partial_label_loss(logits, labels.repeat(2, 1, 1), torch.tensor([True, False]))
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.any()

import pytest
import torch
from torch.nn import functional as F

from LiverTumorSegLib.training.losses import over_levels


@pytest.fixture
def labels():
    return torch.randint(0, 3, (2, 16, 24), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def entropy(logits, labels):
    return F.cross_entropy(logits, labels.long())


def test_one_level_is_the_loss_itself(labels):
    logits = torch.randn(2, 3, 16, 24)
    assert torch.equal(over_levels(entropy, logits, labels), entropy(logits, labels))


def test_a_level_weighs_half_of_the_finer_one_and_all_weigh_one(labels):
    levels = [torch.zeros(2, 3, 16, 24), torch.zeros(2, 3, 8, 12), torch.zeros(2, 3, 4, 6)]
    told = iter([1.0, 10.0, 100.0])
    got = over_levels(lambda logits, labels: torch.tensor(next(told)), levels, labels)
    assert got.item() == pytest.approx((4 * 1 + 2 * 10 + 1 * 100) / 7)


def test_coarser_levels_see_labels_of_their_own_size(labels):
    seen = []
    levels = [torch.zeros(2, 3, 16, 24), torch.zeros(2, 3, 8, 12), torch.zeros(2, 3, 5, 6)]
    over_levels(lambda logits, part: (seen.append(part), logits.sum())[1], levels, labels)
    assert torch.equal(seen[0], labels)
    assert torch.equal(seen[1], labels[:, 1::2, 1::2])
    assert seen[2].shape == (2, 5, 6)
    assert {one.dtype for one in seen} == {torch.uint8}


def test_labels_are_cut_to_the_middle_where_logits_lack_a_border(labels):
    seen = []
    over_levels(lambda logits, part: (seen.append(part), logits.sum())[1], torch.zeros(2, 1, 10, 21), labels)
    assert torch.equal(seen[0], labels[:, 3:13, 1:22])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_in_single_precision(labels, dtype):
    logits = torch.randn(2, 3, 16, 24).to(dtype).requires_grad_()
    loss = over_levels(entropy, [logits, logits[..., ::2, ::2]], labels)
    loss.backward()
    assert loss.dtype == torch.float32
    assert logits.grad.dtype == dtype
    assert loss.item() == pytest.approx(
        over_levels(entropy, [logits.float(), logits.float()[..., ::2, ::2]], labels).item()
    )


def test_volumes_go_the_same_way():
    labels = torch.randint(0, 2, (1, 6, 8, 10))
    levels = [torch.randn(1, 2, 4, 8, 8), torch.randn(1, 2, 2, 4, 4)]
    inner = labels[:, 1:5, :, 1:9]
    wanted = (2 * entropy(levels[0], inner) + entropy(levels[1], inner[:, 1::2, 1::2, 1::2])) / 3
    assert over_levels(entropy, levels, labels).item() == pytest.approx(wanted.item())

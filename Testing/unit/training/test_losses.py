import math
import warnings

import monai.losses
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional as F

from LiverTumorSegLib.training.losses import NamedLoss, partial_label_loss

READ = TypeAdapter(NamedLoss).validate_python
NAMES = ["partial_label", "cross_entropy", "dice", "dice_ce", "focal", "tversky"]
APART = torch.tensor([True, True])


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def example(classes, size=(6, 7)):
    made = torch.Generator().manual_seed(classes)
    labels = torch.randint(0, max(2, classes), (2, *size), generator=made, dtype=torch.uint8)
    return torch.randn(2, classes, *size, generator=made), labels


def sure(labels, classes):
    if classes == 1:
        return (labels[:, None].float() - 0.5) * 80
    return F.one_hot(labels.long(), classes).movedim(-1, 1).float() * 40


def heads(names):
    return [(name, classes) for name in names for classes in (1, 2, 3) if name != "partial_label" or classes == 3]


@pytest.mark.parametrize(("name", "classes"), heads(NAMES))
def test_what_is_right_and_sure_costs_nothing_and_what_is_wrong_does(name, classes):
    _, labels = example(classes)
    loss = READ(name)
    assert loss(sure(labels, classes), labels, APART).item() == pytest.approx(0, abs=1e-4)
    assert loss(sure((labels + 1) % max(2, classes), classes), labels, APART) > 0.5


@pytest.mark.parametrize(("name", "classes"), heads(NAMES))
@pytest.mark.parametrize("shown", [0, 1])
def test_the_gradient_is_finite_where_only_one_class_is_shown(name, classes, shown):
    logits, labels = example(classes)
    logits.requires_grad_()
    loss = READ(name)(logits, torch.full_like(labels, shown), APART)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.any()


@pytest.mark.parametrize("name", NAMES)
def test_labels_without_foreground_that_are_seen_as_such_cost_nothing(name):
    labels = torch.zeros(2, 5, 5, dtype=torch.uint8)
    assert READ(name)(sure(labels, 3), labels, APART).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("name", "classes"), heads(NAMES))
def test_volumes_are_slices_with_an_axis_more(name, classes):
    logits, labels = example(classes, (4, 6))
    flat = READ(name)(logits, labels, APART)
    deep = READ(name)(logits[:, :, None], labels[:, None], APART)
    assert deep.item() == pytest.approx(flat.item(), rel=1e-5)


def test_the_default_is_the_loss_for_joined_labels():
    logits, labels = example(3)
    joined = torch.tensor([True, False])
    assert torch.equal(READ("partial_label")(logits, labels, joined), partial_label_loss(logits, labels, joined))


def test_cross_entropy_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]], [[1.0, 0.0]]]])
    labels = torch.tensor([[[1, 0]]])
    own = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(-2))]
    assert READ("cross_entropy")(logits, labels, APART).item() == pytest.approx(sum(own) / 2)
    weighted = READ({"name": "cross_entropy", "weights": [1, 3]})(logits, labels, APART)
    assert weighted.item() == pytest.approx((3 * own[0] + own[1]) / 4)


def test_cross_entropy_of_one_channel_is_that_of_a_sigmoid():
    logits, labels = example(1)
    wanted = F.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    assert READ("cross_entropy")(logits, labels, APART).item() == pytest.approx(wanted.item())
    weights = torch.where(labels > 0, 5.0, 2.0)
    wanted = F.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), weights, reduction="sum") / weights.sum()
    weighted = READ({"name": "cross_entropy", "weights": [2, 5]})(logits, labels, APART)
    assert weighted.item() == pytest.approx(wanted.item())


def test_median_frequency_weights_are_fitted_to_labels_once():
    loss = READ({"name": "cross_entropy", "weights": "median_frequency"})
    with pytest.raises(ValueError, match="fitted to the training labels first"):
        loss(*example(1), APART)
    fitted = loss.fitted([torch.tensor([[[0, 0, 0, 1]]])], 1)
    assert fitted.weights == pytest.approx((2 / 3, 2))
    assert fitted.fitted([], 1) == fitted


def test_dice_by_hand():
    labels = torch.tensor([[[1, 1, 0, 0]], [[0, 0, 0, 0]]])
    logits = torch.tensor([[[[0.0, 40.0, 0.0, -40.0]]], [[[-40.0, -40.0, 0.0, -40.0]]]])
    assert READ("dice")(logits, labels, APART).item() == pytest.approx(1 - 2 * 1.5 / (2.5 + 2), abs=1e-4)
    each = READ({"name": "dice", "over_batch": False})(logits, labels, APART)
    assert each.item() == pytest.approx((1 - 2 * 1.5 / (2 + 2) + 1) / 2, abs=1e-4)


def test_the_background_can_be_left_out_of_several_classes():
    logits, labels = example(3)
    probability, target = logits.softmax(1), F.one_hot(labels.long(), 3).movedim(-1, 1)
    axes = (0, 2, 3)
    dice = 1 - 2 * (probability * target).sum(axes) / (probability.sum(axes) + target.sum(axes))
    assert READ("dice")(logits, labels, APART).item() == pytest.approx(dice.mean().item(), abs=1e-5)
    without = READ({"name": "dice", "background": False})(logits, labels, APART)
    assert without.item() == pytest.approx(dice[1:].mean().item(), abs=1e-5)
    one, wanted = example(1)
    loss = READ({"name": "dice", "background": False})
    assert torch.equal(loss(one, wanted, APART), READ("dice")(one, wanted, APART))


@pytest.mark.parametrize("classes", [1, 3])
def test_dice_and_cross_entropy_are_added_by_their_weights(classes):
    logits, labels = example(classes)
    both = READ({"name": "dice_ce", "dice": 2, "cross_entropy": 0.5})(logits, labels, APART)
    dice, entropy = (READ(name)(logits, labels, APART) for name in ("dice", "cross_entropy"))
    assert both.item() == pytest.approx(2 * dice.item() + 0.5 * entropy.item(), rel=1e-5)


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_focal_loss_is_its_formula(classes):
    logits, labels = example(classes)
    two_or_more = torch.cat([torch.zeros_like(logits), logits], 1) if classes == 1 else logits
    log_p = two_or_more.log_softmax(1).gather(1, labels[:, None].long())[:, 0]
    wanted = -((1 - log_p.exp()) ** 2) * log_p
    assert READ("focal")(logits, labels, APART).item() == pytest.approx(wanted.mean().item(), rel=1e-5)
    weights = torch.where(labels > 0, 0.25, 0.75)
    weighted = READ({"name": "focal", "alpha": 0.25})(logits, labels, APART)
    assert weighted.item() == pytest.approx((weights * wanted).mean().item(), rel=1e-5)
    unfocused = READ({"name": "focal", "gamma": 0})(logits, labels, APART)
    assert unfocused.item() == pytest.approx(READ("cross_entropy")(logits, labels, APART).item(), rel=1e-5)


def test_tversky_by_hand_weighs_what_is_missed_more():
    labels = torch.tensor([[[1, 1, 1, 0, 0]]])
    logits = torch.tensor([[[[40.0, 40.0, -40.0, 40.0, 40.0]]]])
    assert READ("tversky")(logits, labels, APART).item() == pytest.approx(1 - 2 / (2 + 0.3 * 2 + 0.7 * 1), abs=1e-4)
    even = READ({"name": "tversky", "alpha": 0.5, "beta": 0.5})
    for classes in (1, 3):
        logits, labels = example(classes)
        dice = monai.losses.DiceLoss(sigmoid=classes == 1, softmax=classes > 1, to_onehot_y=classes > 1, batch=True)(
            logits, labels[:, None]
        )
        assert even(logits, labels, APART).item() == pytest.approx(dice.item(), abs=1e-5)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("jaccard", "'jaccard' found using 'name' does not match .* 'dice'"),
        ({"name": "dice", "gamma": 2}, "Extra inputs"),
        ({"name": "focal", "gamma": -1}, "greater than or equal to 0"),
        ({"name": "focal", "alpha": 1.5}, "less than or equal to 1"),
        ({"name": "cross_entropy", "weights": [1]}, "at least 2"),
        ({"name": "cross_entropy", "weights": [1, 0, 2]}, "a class's weight must be larger than 0, not 0"),
        ({"name": "cross_entropy", "weights": [1, -0.5]}, "a class's weight must be larger than 0, not -0.5"),
        ({"name": "cross_entropy", "weights": "rare"}, "median_frequency"),
        ({"gamma": 2}, "name"),
    ],
)
def test_a_wrong_name_or_option_is_said(entry, words):
    with pytest.raises(ValidationError, match=words):
        READ(entry)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_survives_being_written_down(name):
    loss = READ(name)
    assert loss.name == name
    assert READ(loss.model_dump(mode="json")) == loss


@pytest.mark.parametrize(("classes", "weights"), [(1, (1, 2)), (2, (1, 2)), (3, (1, 2, 3))])
def test_weights_are_those_of_the_channels_of_logits_and_two_for_a_sigmoid(classes, weights):
    READ({"name": "cross_entropy", "weights": weights}).check_weights(classes)
    with pytest.raises(ValueError, match=f"need {len(weights)} weights in the loss, not {len(weights) + 1}"):
        READ({"name": "cross_entropy", "weights": (*weights, 1)}).check_weights(classes)

import numpy as np
import pytest
import torch
from support.training_cases import patient, recipe_with

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks import SliceNetwork
from LiverTumorSegLib.training.scoring import SliceScorer

CPU = torch.device("cpu")
PLAIN = ("stack.slices=1", "network={name: unet, in_channels: 1}")
LESION_BLOCK = np.s_[1, 2:4, 2:4]


class Grey(SliceNetwork):
    """Liver from a grey of a quarter on, lesion from three quarters: the middle channel decides."""

    source = "none"

    def __init__(self, channels=1):
        super().__init__(channels, 3)

    def logits(self, slices):
        middle = slices[:, slices.shape[1] // 2].float()
        return torch.stack([torch.full_like(middle, 0.25), middle, 2 * middle - 0.75], dim=1)


def scorer_of(folder, patients, *changes, loss=lambda logits, *_: logits.sum() * 0 + len(logits)):
    return SliceScorer(recipe_with(folder, *PLAIN, *changes), patients, loss)


def scores_of(scorer, network=None):
    return scorer(scorer.engine(network or Grey(), CPU))


def labels_with_lesion():
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[:, 1:6, 1:6] = 1
    labels[LESION_BLOCK] = 2
    return labels


def test_what_is_found_as_it_is_has_a_dice_of_1(tmp_path):
    scores = scores_of(scorer_of(tmp_path, [patient(labels_with_lesion())]))
    assert scores.dice == {"liver": 1.0, "lesion": 1.0}


def test_dice_is_over_all_slices_of_a_patient_and_then_the_mean_over_those_that_have_the_structure(tmp_path):
    labels = labels_with_lesion()
    seen = torch.as_tensor(labels).float() / 2
    seen[1, 2, 2] = 0.5  # a quarter of the lesion is taken for liver
    seen[0, 1:6, 1:6] = 0  # and a third of the liver for background
    healthy = np.zeros((2, 8, 8), np.uint8)
    healthy[:, :4] = 1
    scores = scores_of(scorer_of(tmp_path, [patient(labels, seen), patient(healthy, name="b")]))
    assert scores.dice["lesion"] == pytest.approx(2 * 3 / (3 + 4))
    assert scores.dice["liver"] == pytest.approx((2 * 50 / (50 + 75) + 1) / 2)


def test_a_lesion_found_in_a_liver_counts_as_liver(tmp_path):
    labels = np.ones((1, 8, 8), np.uint8)
    scores = scores_of(scorer_of(tmp_path, [patient(labels, torch.ones(1, 8, 8))]))
    assert scores.dice == {"liver": 1.0, "lesion": None}


def test_the_loss_is_the_mean_over_patients_of_the_mean_over_slices(tmp_path):
    def loss(logits, labels, lesions_apart):
        assert lesions_apart.tolist() == [True] * len(labels)
        return labels.float().mean()

    first, second = np.ones((5, 8, 8), np.uint8), np.zeros((1, 8, 8), np.uint8)
    first[4] = 2
    scores = scores_of(scorer_of(tmp_path, [patient(first), patient(second)], loss=loss))
    assert scores.loss == pytest.approx((6 / 5 + 0) / 2)


def test_neighbours_are_channels_as_in_training(tmp_path):
    seen = []

    class Watching(Grey):
        def logits(self, slices):
            seen.append((slices[:, :, 0, 0] * 10).round().tolist())
            return super().logits(slices)

    greys = (torch.arange(5) / 10)[:, None, None].expand(5, 8, 8)
    changes = ("stack={slices: 3, spacing_mm: 4}", "network.in_channels=3")
    scorer = scorer_of(tmp_path, [patient(np.ones((5, 8, 8)), greys)], *changes)
    scorer.predict(scorer.engine(Watching(3), CPU), scorer.patients[0], 2)
    assert seen == [[[0, 2, 4]]]


def test_binary_networks_are_measured_on_what_they_tell_apart(tmp_path):
    class Sigmoid(Grey):
        def logits(self, slices):
            return slices - 0.75

    changes = ("labels=[background, lesion]", "network.classes=1", "loss=dice")
    scores = scores_of(scorer_of(tmp_path, [patient(labels_with_lesion())], *changes), Sigmoid())
    assert scores.dice == {"lesion": 1.0}


def test_networks_that_lack_borders_and_odd_sizes_are_measured_too(tmp_path):
    network = networks.create("unet_valid", 1, 3, features=[2, 2, 2, 2, 2])
    labels = np.zeros((2, 33, 21), np.uint8)
    labels[:, 5:9, 5:9] = 1
    scorer = scorer_of(tmp_path, [patient(labels)])
    assert scorer.predict(scorer.engine(network, CPU), scorer.patients[0], 1).shape == (33, 21)
    assert 0 <= scores_of(scorer, network).dice["liver"] <= 1


def test_measuring_changes_neither_the_network_nor_its_gradients(tmp_path):
    network = networks.create("unet", 1, 3, features=[2, 2, 2, 2, 2, 2])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scores_of(scorer_of(tmp_path, [patient(np.ones((2, 32, 32)))]), network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("monitor", ["lesion_dice", "score"])
def test_a_judgement_that_no_patient_allows_is_refused(tmp_path, monitor):
    healthy = patient(np.ones((2, 8, 8)) if monitor == "lesion_dice" else np.zeros((2, 8, 8)))
    changes = ("callbacks.save=best", f"callbacks.best.monitor={monitor}")
    with pytest.raises(UserError, match=f"callbacks.save: best cannot judge by {monitor}, since no validation patient"):
        scorer_of(tmp_path, [healthy], *changes)
    scorer_of(tmp_path, [healthy])

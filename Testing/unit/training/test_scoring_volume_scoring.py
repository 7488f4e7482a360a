import numpy as np
import pytest
import torch
from support.models import describe
from support.training_cases import patient, volume_recipe

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.segment import SegmentationOptions, segment
from LiverTumorSegLib.models.description import NetworkSpec, Patches
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.networks import SliceNetwork
from LiverTumorSegLib.training.scoring import VolumeScorer

CPU = torch.device("cpu")


class Grey(SliceNetwork):
    """Liver from a grey of a quarter on, lesion from three quarters, voxel by voxel."""

    axes = 3
    source = "none"

    def __init__(self):
        super().__init__(1, 3)
        self.seen = []

    def logits(self, slices):
        self.seen.append(tuple(slices.shape))
        grey = slices[:, 0].float()
        return torch.stack([torch.full_like(grey, 0.25), grey, 2 * grey - 0.75], dim=1)


def scorer_of(folder, patients, *changes, loss=lambda logits, *_: logits.sum() * 0 + 1):
    return VolumeScorer(volume_recipe(folder, *changes), patients, loss)


def scores_of(scorer, network=None):
    return scorer(scorer.engine(network or Grey(), CPU))


def labels_with_lesion():
    labels = np.zeros((40, 36, 38), np.uint8)
    labels[10:30, 8:25, 6:30] = 1
    labels[12:16, 10:14, 10:14] = 2
    return labels


def test_what_is_found_as_it_is_has_a_dice_of_1(tmp_path):
    scores = scores_of(scorer_of(tmp_path, [patient(labels_with_lesion())]))
    assert scores.dice == {"liver": 1.0, "lesion": 1.0}


def test_dice_is_that_of_the_whole_volume(tmp_path):
    labels, seen = labels_with_lesion(), torch.as_tensor(labels_with_lesion()).float() / 2
    seen[12:14, 10:14, 10:14] = 0.5  # half of the lesion is taken for liver
    seen[20:30] = 0  # and half of the liver for background
    scores = scores_of(scorer_of(tmp_path, [patient(labels, seen)]))
    assert scores.dice["lesion"] == pytest.approx(2 * 32 / (32 + 64))
    assert scores.dice["liver"] == pytest.approx(2 / 3)


def test_the_loss_is_the_mean_over_patients_of_that_of_their_volumes(tmp_path):
    def loss(logits, labels, lesions_apart):
        assert logits.shape == (1, 3, *labels.shape[1:])
        assert lesions_apart.tolist() == [True]
        return labels.float().mean()

    first, second = np.ones((5, 8, 8), np.uint8), np.zeros((9, 8, 8), np.uint8)
    assert scores_of(scorer_of(tmp_path, [patient(first), patient(second)], loss=loss)).loss == pytest.approx(0.5)


def test_the_network_sees_patches_of_the_recipes_size(tmp_path):
    network = Grey()
    scorer = scorer_of(tmp_path, [patient(labels_with_lesion())], "patches.size=[32, 48, 32]")
    engine = scorer.engine(network, CPU)
    watched = engine._network.seen
    scorer(engine)
    assert set(watched) == {(1, 1, 32, 48, 32)}
    assert len(watched) == 2 * 2  # overlapping along slices and columns, padded along rows


def test_labels_are_those_that_inference_gives_on_the_same_voxels(tmp_path):
    torch.manual_seed(0)
    network = networks.create("unet3d", 1, 3, features=(4, 4, 4, 4, 4, 4)).eval()
    greys = np.random.default_rng(0).integers(0, 256, (40, 36, 38))
    with torch.no_grad():  # so that every label occurs
        network.body.final_conv.bias -= network(torch.rand(2, 1, 32, 32, 32)).mean(dim=(0, 2, 3, 4))
    patches = Patches(spacing_mm=(2.0, 2.0, 2.0), size=(32, 32, 32))
    spec = NetworkSpec(name="unet3d", in_channels=1, options={"features": [4] * 6})
    chain = describe().preprocessing.model_validate([{"step": "window", "level": 127.5, "width": 255}])
    model = Model(describe(network=spec, patches=patches, preprocessing=chain), network)
    volume = Volume(greys.astype(np.int16), np.diag([-2.0, -2.0, 2.0, 1.0]))
    found = segment(volume, model, "cpu", options=SegmentationOptions(precision="float32")).labels
    assert set(np.unique(found)) == {0, 1, 2}
    changes = ("preprocessing=[{step: z_score, over: volume}]", "patches.size=[32, 32, 32]")  # for 32 bits
    scorer = scorer_of(tmp_path, [patient(found, greys / 255.0)], *changes)
    assert all(value > 0.99 for value in scores_of(scorer, network).dice.values())


@pytest.mark.parametrize("at", [0, 20, 39])
def test_a_slice_is_predicted_from_the_patches_around_it(tmp_path, at):
    one = patient(labels_with_lesion())
    scorer = scorer_of(tmp_path, [one])
    found = scorer.predict(scorer.engine(Grey(), CPU), one, at)
    assert np.array_equal(found, one.labels[at].numpy())


def test_a_slice_of_a_volume_lower_than_a_patch_is_predicted(tmp_path):
    one = patient(labels_with_lesion()[10:15])
    scorer = scorer_of(tmp_path, [one])
    found = scorer.predict(scorer.engine(Grey(), CPU), one, 4)
    assert dice(found > 0, one.labels[4].numpy() > 0) == 1


def test_memory_that_runs_out_for_a_patch_is_made_room_for(tmp_path, monkeypatch):
    scorer = scorer_of(tmp_path, [patient(labels_with_lesion())])
    engine = scorer.engine(Grey(), CPU)
    made = []
    monkeypatch.setattr(engine, "recover", made.append)

    def fail_once(_network, _patches):
        if not made:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)

    engine._network.register_forward_pre_hook(fail_once)
    assert scorer(engine).dice == {"liver": 1.0, "lesion": 1.0}
    assert len(made) == 1

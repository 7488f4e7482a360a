import numpy as np
import pytest
import torch
from support.models import describe

from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets.prepare import prepare_volume
from LiverTumorSegLib.inference import sliding_window
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.slice_cache import SliceCache
from LiverTumorSegLib.models.description import Patches
from LiverTumorSegLib.networks import SliceNetwork
from LiverTumorSegLib.preprocessing import Chain

SPACING, WANTED = (2.0, 0.9, 0.8), (3.1, 1.7, 1.3)
CHAINS = {
    "window": [{"step": "window", "level": 0, "width": 400}],
    "channels": [
        {"step": "channels", "chains": [[{"step": "window", "level": 0, "width": w}] for w in (200, 400)]},
        {"step": "resample", "spacing_mm": 1.1},
    ],
    "volume": [{"step": "crop_to_body"}, {"step": "z_score", "over": "volume"}],
}


class Nothing(SliceNetwork):
    axes = 3
    source = "none"

    def logits(self, slices):
        return slices


def case():
    random = np.random.default_rng(2)
    voxels = np.full((11, 30, 34), -1000, np.int16)
    voxels[:, 4:26, 5:28] = random.integers(-150, 150, (11, 22, 23))
    return voxels, torch.from_numpy(random.integers(0, 3, voxels.shape).astype(np.uint8))


@pytest.mark.parametrize("name", CHAINS)
def test_training_sees_what_inference_shows(name):
    voxels, labels = case()
    chain = Chain.model_validate(CHAINS[name])
    placement = DevicePlacement(torch.device("cpu"), torch.float32, 2)
    store = SliceCache(voxels, SPACING, describe(preprocessing=chain, network=_of(chain)), placement)
    engine = Predictor(Nothing(chain.channels, chain.channels), placement, 1)
    shown = sliding_window._standardised(store, Patches(spacing_mm=WANTED, size=(8, 8, 8)), engine, Job())
    pixels, marked = prepare_volume(voxels, labels, SPACING, chain, WANTED)
    assert pixels.transpose(0, 1).shape == shown[0].shape
    assert marked.shape == shown.shape[2:]
    kept = pixels.float() / (255 if pixels.dtype == torch.uint8 else 1)
    assert (pixels.dtype == torch.uint8) == (name != "volume")
    assert kept.transpose(0, 1).numpy() == pytest.approx(shown[0].numpy(), abs=0.51 / 255)
    assert pixels.is_contiguous()
    assert marked.is_contiguous()


def _of(chain):
    return {"name": "unet3d", "in_channels": chain.channels}


def test_labels_are_the_nearest_of_each_voxel_in_the_patient():
    voxels, labels = case()
    _, marked = prepare_volume(voxels, labels, SPACING, Chain.model_validate(CHAINS["window"]), WANTED)
    assert marked.shape == (7, 16, 21)
    at = [((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(labels.shape, marked.shape, strict=True)]
    assert np.array_equal(marked.numpy(), labels.numpy()[np.ix_(*at)])


def test_labels_follow_what_the_chain_crops():
    voxels, labels = case()
    chain = Chain.model_validate([{"step": "crop", "rows": [4, 26], "columns": [5, 28]}])
    _, marked = prepare_volume(voxels, labels, (2.0, 1.0, 1.0), chain, (2.0, 1.0, 1.0))
    assert torch.equal(marked, labels[:, 4:26, 5:28])


def test_an_array_that_runs_backwards_is_taken_as_it_is_seen():
    voxels, labels = case()
    chain = Chain.model_validate(CHAINS["window"])
    turned = prepare_volume(voxels[::-1, :, ::-1], labels, SPACING, chain, WANTED)[0]
    assert torch.equal(turned, prepare_volume(voxels[::-1, :, ::-1].copy(), labels, SPACING, chain, WANTED)[0])

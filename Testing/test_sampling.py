import numpy as np
import pytest
import torch

from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.model import Stack
from LiverTumorSegLib.training.augmentation import Augmentation
from LiverTumorSegLib.training.recipe import Sampling
from LiverTumorSegLib.training.sampling import SliceSampler


def patient(name, slices, lesions_apart=True):
    """Lesion in the last slice, liver in the second half, nothing in the first."""
    labels = torch.zeros(slices, 48, 48, dtype=torch.uint8)
    labels[slices // 2 :, 10:30, 10:30] = 1
    if lesions_apart:
        labels[-1, 15:20, 15:20] = 2
    pixels = torch.arange(slices * 48 * 48).remainder(251).to(torch.uint8).reshape(slices, 48, 48)
    return Patient(name, np.arange(slices), pixels, labels, 2.0, lesions_apart)


def batches(count, **changes):
    patients = [patient("a", 8), patient("b", 30), patient("c", 4, lesions_apart=False)]
    options = {
        "sampling": Sampling(),
        "augmentation": Augmentation(rotation=0, zoom=(1, 1), shift=0, stretch=0, shear=0),
        "stack": Stack(slices=3),
        "crop": 32,
        "batch": 8,
        "seed": 1,
    }
    sampler = iter(SliceSampler(patients, **options | changes))
    return [next(sampler) for _ in range(count)]


def test_batches_have_the_stack_as_channels_and_the_crops_size():
    (batch,) = batches(1)
    assert batch["pixels"].shape == (8, 3, 32, 32)
    assert batch["labels"].shape == (8, 32, 32)
    assert batch["lesions_apart"].dtype == torch.bool


def test_the_seed_decides():
    first, again, other = (batches(1, seed=seed)[0]["pixels"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("kind", "label"), [("lesion", 2), ("liver", 1), ("other", 0)])
def test_a_share_of_all_shows_that_kind_alone(kind, label):
    shares = dict.fromkeys(("lesion", "liver", "other", "joined"), 0.0) | {kind: 1.0}
    (batch,) = batches(1, sampling=Sampling(**shares))
    shown = batch["labels"].flatten(1).amax(dim=1)
    assert (shown >= label).all()
    assert (shown == 0).all() == (label == 0)
    assert batch["lesions_apart"].all()


def test_shares_are_kept_over_many_batches():
    joined = torch.cat([batch["lesions_apart"] for batch in batches(60, sampling=Sampling(joined=0.3, other=0.0))])
    assert (~joined).float().mean() == pytest.approx(0.3, abs=0.06)

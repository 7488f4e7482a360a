import numpy as np
import pytest
import torch
from support.counted_operations import Counting

from LiverTumorSegLib.training.augmentation.device_lesions import BlobRounds, paint_rounds
from LiverTumorSegLib.training.augmentation.options import SyntheticLesions
from LiverTumorSegLib.training.augmentation.sending import send_together
from LiverTumorSegLib.training.augmentation.synthetic_lesions import draw_blobs, paint_lesions

RANGES = SyntheticLesions(share=0.8, most=6, radius=(2, 20), rim=0.5)
APART = torch.tensor([True, True, True, False, True, True])


def batch(seed, channels):
    """Liver up to the border of some slices, lesions in one, and a slice without."""
    random = np.random.default_rng(seed)
    labels = torch.zeros(6, 70, 90, dtype=torch.uint8)
    labels[:5, :50, 20:] = 1
    labels[1, 10:20, 30:40] = 2
    pixels = torch.from_numpy(random.random((6, channels, 70, 90), np.float32))
    return pixels, labels, draw_blobs(RANGES, 6, random)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_lesions_are_those_that_the_host_paints(seed, channels):
    pixels, labels, blobs = batch(seed, channels)
    assert len({blob.sample for blob in blobs}) < len(blobs)  # some lie in what an earlier one has left of the liver
    before = pixels.clone(), labels.clone()
    rounds = BlobRounds.of(blobs, 6, channels, 2.4)
    ours = paint_rounds(pixels, labels, APART, rounds, torch.from_numpy)
    theirs = paint_lesions(pixels, labels, APART, blobs, 2.4)
    assert torch.equal(ours[1], theirs[1])
    assert (ours[1] != labels).any()
    assert torch.allclose(ours[0], theirs[0], atol=1e-6)
    assert (ours[0].dtype, ours[1].dtype) == (pixels.dtype, labels.dtype)
    assert all(torch.equal(one, other) for one, other in zip(before, (pixels, labels), strict=True))


def test_a_round_has_one_lesion_of_a_sample_at_most():
    _, _, blobs = batch(0, 1)
    counts = np.bincount([blob.sample for blob in blobs], minlength=6)
    rounds = BlobRounds.of(blobs, 6, 1, 2.4)
    assert len(rounds.numbers) == counts.max()
    assert rounds.numbers[:, :, 0].sum(axis=0).tolist() == counts.tolist()


@pytest.mark.parametrize("samples", [6, 24])
def test_painting_waits_for_nothing_and_asks_for_as_much_whatever_the_samples(samples):
    """On the meta device tensors have no numbers, so that whatever waits for one fails."""
    blobs = draw_blobs(RANGES.model_copy(update={"share": 1.0, "most": 3}), samples, np.random.default_rng(0))
    rounds = BlobRounds.of(blobs, samples, 3, 2.4)
    pixels = torch.empty(samples, 3, 70, 90, device="meta")
    labels = torch.empty(samples, 70, 90, dtype=torch.uint8, device="meta")
    apart = torch.empty(samples, dtype=torch.bool, device="meta")
    with Counting() as counting:
        painted, marked = paint_rounds(pixels, labels, apart, rounds, send_together(rounds, pixels.device))
    assert (painted.shape, marked.shape, marked.dtype) == (pixels.shape, labels.shape, labels.dtype)
    assert counting.seen["upload"] == 1
    assert sum(counting.seen.values()) / len(rounds.numbers) < 200  # kernels and views
    assert len(rounds.numbers) == 3

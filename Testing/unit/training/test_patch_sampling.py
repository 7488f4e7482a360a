from itertools import islice

import numpy as np
import pytest
import torch
from support.counted_operations import Counting
from torch.utils._pytree import tree_map_only

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.prefetch import PrefetchedBatches
from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.models.description import Patches
from LiverTumorSegLib.training.augmentation import SETS, Augmentation
from LiverTumorSegLib.training.lightning_distributed import SharedBatches
from LiverTumorSegLib.training.patch_sampling import PatchSampler, augment_patches
from LiverTumorSegLib.training.recipe_options import Sampling

SHARES = ("lesion", "liver", "other", "joined")
LESION, LIVER = np.s_[20:24, 22:26, 24:30], np.s_[14:26, 12:30, 10:34]


def patient(name="a", shape=(40, 44, 48), lesions_apart=True, channels=1, pixels=None):
    """A box of liver with a box of lesion; no two voxels near each other are equal."""
    labels = torch.zeros(shape, dtype=torch.uint8)
    labels[LIVER] = 1
    if lesions_apart:
        labels[LESION] = 2
    if pixels is None:
        values = torch.arange(labels.numel() * channels).remainder(251)
        pixels = values.to(torch.uint8).reshape(shape[0], channels, *shape[1:])
    return Patient(name, np.arange(shape[0]), pixels, labels, 2.0, lesions_apart)


def only(kind):
    return Sampling(**dict.fromkeys(SHARES, 0.0) | {kind: 1.0})


def drawn(count, *patients, **changes):
    return list(islice(sampler(*patients, **changes), count))


def sampler(*patients, **changes):
    options = {
        "sampling": Sampling(),
        "augmentation": SETS["none"],
        "patches": Patches(spacing_mm=(2.0, 1.0, 1.0), size=(8, 12, 16)),
        "batch": 4,
        "seed": 1,
    }
    everyone = list(patients) or [patient(), patient("b", lesions_apart=False)]
    return PatchSampler(everyone, **options | changes)


def batches(count, *patients, **changes):
    return [augment_patches(batch) for batch in drawn(count, *patients, **changes)]


def test_batches_have_the_size_of_the_patches():
    (batch,) = batches(1, patient(channels=2))
    assert batch["pixels"].shape == (4, 2, 8, 12, 16)
    assert batch["labels"].shape == (4, 8, 12, 16)
    assert batch["labels"].dtype == torch.uint8
    assert batch["lesions_apart"].dtype == torch.bool


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    options = {"augmentation": Augmentation(elastic=0.5)}
    third = batches(3, **options)[2]
    (begun_there,) = batches(1, first=2, **options)
    (other,) = batches(1, first=2, seed=2, **options)
    assert all(torch.equal(third[name], begun_there[name]) for name in third)
    assert not torch.equal(third["pixels"], other["pixels"])


def test_all_that_is_read_from_a_disk_is_read_while_it_is_drawn():
    (batch,) = drawn(1)
    assert all(box.is_contiguous() for name in ("boxes", "labels") for box in batch[name])  # no views of mapped files


@pytest.mark.parametrize(("kind", "least"), [("lesion", 2), ("liver", 1)])
def test_patches_are_centred_on_what_they_are_drawn_for(kind, least):
    for batch in batches(5, sampling=only(kind)):
        assert (batch["labels"][:, 4, 6, 8] >= least).all()
        assert batch["lesions_apart"].all()


def test_joined_masks_have_a_share_of_their_own():
    (batch,) = batches(1, sampling=only("joined"))
    assert not batch["lesions_apart"].any()
    assert (batch["labels"][:, 4, 6, 8] == 1).all()


def test_other_patches_come_from_anywhere():
    pixels = torch.cat([batch["pixels"] for batch in batches(150, patient(), sampling=only("other"))])
    corners = {pixels[at, 0, 0, 0, 0].mul(255).round().item() for at in range(len(pixels))}
    assert len(corners) > 100
    shown = torch.cat([batch["labels"][:, 4, 6, 8] for batch in batches(150, patient(), sampling=only("other"))])
    share = float(patient().labels[4:-3, 6:-5, 8:-7].bool().float().mean())
    assert (shown > 0).float().mean() == pytest.approx(share, abs=0.1)


def test_shares_are_kept_over_many_batches():
    joined = torch.cat([batch["lesions_apart"] for batch in drawn(80, sampling=Sampling(joined=0.3, other=0.0))])
    assert (~joined).float().mean() == pytest.approx(0.3, abs=0.08)


def test_without_augmentation_voxels_are_those_of_the_volume():
    one = patient()
    whole = one.pixels[:, 0].unfold(0, 8, 1).unfold(1, 12, 1).unfold(2, 16, 1)
    known = {whole[k, j, i].numpy().tobytes() for k in range(33) for j in range(33) for i in range(33)}
    (batch,) = batches(1, one)
    assert all(sample.mul(255).round().to(torch.uint8).numpy().tobytes() in known for sample in batch["pixels"][:, 0])


def test_a_volume_smaller_than_a_patch_repeats_its_border():
    small = Patient(
        "a", np.arange(3), torch.full((3, 1, 5, 40), 255, dtype=torch.uint8), torch.ones(3, 5, 40), 2.0, True
    )
    (batch,) = batches(1, small, sampling=only("liver"))
    assert (batch["pixels"] == 1).all()
    assert (batch["labels"] == 1).all()


def test_standard_scores_stay_what_they_are_also_beside_bytes():
    scores = torch.randn(40, 1, 44, 48).half()
    for others in ((), (patient("b"),)):
        (batch,) = drawn(1, patient(pixels=scores), *others, batch=8)
        assert not batch["in_unit"]
        assert all(box.dtype == torch.float32 for box in batch["boxes"])
        pixels = augment_patches(batch)["pixels"]
        assert pixels.min() < -1
        assert pixels.max() > 1


def test_intensities_change_as_those_of_slices_do():
    flat = patient(pixels=torch.full((40, 1, 44, 48), 100, dtype=torch.uint8))
    ranges = SETS["none"].model_copy(update={"liver_offset": (-0.2, -0.2), "liver_share": 1.0, "noise": 0.0})
    (batch,) = batches(1, flat, augmentation=ranges, sampling=only("liver"))
    inside = batch["pixels"][:, 0][batch["labels"] == 1]
    assert inside.min().item() == pytest.approx(100 / 255 - 0.2, abs=1e-5)
    for changed in ({"noise": 0.3}, {"blur": 1.0}, {"gain": 0.5}, {"offset": 0.3}, {"gamma": 0.5}, {"floor": 1.0}):
        still, other = (
            batches(1, augmentation=SETS["none"].model_copy(update=some), sampling=only("liver"))[0]["pixels"]
            for some in ({}, changed)
        )
        assert other.shape == still.shape
        assert not torch.allclose(still, other)


def test_processes_share_a_batch_out():
    options = {"augmentation": Augmentation(elastic=0.5)}
    (whole,) = batches(1, **options)
    halves = [augment_patches(SharedBatches(sampler(**options), share).draw(0)) for share in (slice(0, 2), slice(2, 4))]
    for name in whole:
        assert torch.allclose(torch.cat([half[name] for half in halves]).float(), whole[name].float(), atol=1e-5)


def test_shares_that_no_volume_can_have_are_refused():
    with pytest.raises(UserError, match="shows what the recipe's sampling asks for"):
        drawn(1, patient(), sampling=only("joined"))


def test_on_a_device_a_batch_waits_for_nothing_and_sends_one_piece():
    """On the meta device tensors have no numbers, so that whatever waits for one fails."""
    counts = []
    for batch in drawn(2, augmentation=Augmentation(elastic=0.5, elastic_points=5, gamma=0.3, blur=1, liver_share=1)):
        there = tree_map_only(torch.Tensor, lambda values: values.to("meta"), batch)
        with Counting() as counting:
            made = augment_patches(there)
        assert made["pixels"].shape == (4, 1, 8, 12, 16)
        counts.append(counting.seen["upload"])
    assert counts[1] == 1  # the first brings what all batches share


def test_a_batch_is_the_same_whoever_draws_it_and_in_whatever_order():
    options = {"augmentation": Augmentation(elastic=0.5)}
    wanted, several = drawn(6, **options), PrefetchedBatches(sampler(**options), threads=3)
    for one, other in zip(wanted, islice(several, 6), strict=True):
        assert all(torch.equal(*boxes) for boxes in zip(one["boxes"], other["boxes"], strict=True))
        assert np.array_equal(one["placement"].matrix, other["placement"].matrix)
        assert torch.equal(one["intensities"].noise, other["intensities"].noise)

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from support.counted_operations import Counting
from torch.utils._pytree import tree_map_only

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.prefetch import PrefetchedBatches
from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.models.description import SliceStack
from LiverTumorSegLib.training.augmentation import SETS, Augmentation
from LiverTumorSegLib.training.augmentation.options import SyntheticLesions
from LiverTumorSegLib.training.recipe_options import Sampling
from LiverTumorSegLib.training.slice_sampling import SliceSampler, augment_slices

SHARES = ("lesion", "liver", "other", "joined")


def patient(name, slices, lesions_apart=True, channels=1, pixels=None):
    """Lesion in the last slice, liver in the second half, nothing in the first; no two pixels in a row are equal."""
    labels = torch.zeros(slices, 48, 48, dtype=torch.uint8)
    labels[slices // 2 :, 10:30, 10:30] = 1
    if lesions_apart:
        labels[-1, 15:20, 15:20] = 2
    if pixels is None:
        values = torch.arange(slices * channels * 48 * 48).remainder(251)
        pixels = values.to(torch.uint8).reshape(slices, channels, 48, 48)
    return Patient(name, np.arange(slices), pixels, labels, 2.0, lesions_apart)


def drawn(count, patients=None, **changes):
    return list(islice(sampler(patients, **changes), count))


def sampler(patients=None, **changes):
    patients = patients or [patient("a", 8), patient("b", 30), patient("c", 4, lesions_apart=False)]
    options = {
        "sampling": Sampling(),
        "augmentation": Augmentation(rotation=0, zoom=(1, 1), shift=0, stretch=0, shear=0),
        "stack": SliceStack(slices=3),
        "crop": 32,
        "batch": 8,
        "seed": 1,
    }
    return SliceSampler(patients, **options | changes)


def batches(count, *patients, **changes):
    return [augment_slices(batch) for batch in drawn(count, patients, **changes)]


def only(kind):
    return Sampling(**dict.fromkeys(SHARES, 0.0) | {kind: 1.0})


def test_batches_have_the_stack_as_channels_and_the_crops_size():
    (batch,) = batches(1)
    assert batch["pixels"].shape == (8, 3, 32, 32)
    assert batch["labels"].shape == (8, 32, 32)
    assert batch["lesions_apart"].dtype == torch.bool


def test_the_seed_decides():
    first, again, other = (batches(1, seed=seed)[0]["pixels"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    third = batches(3)[2]
    (begun_there,) = batches(1, first=2)
    assert torch.equal(third["pixels"], begun_there["pixels"])
    assert torch.equal(third["labels"], begun_there["labels"])


@pytest.mark.parametrize(("kind", "label"), [("lesion", 2), ("liver", 1), ("other", 0)])
def test_a_share_of_all_shows_that_kind_alone(kind, label):
    (batch,) = batches(1, sampling=only(kind))
    shown = batch["labels"].flatten(1).amax(dim=1)
    assert (shown >= label).all()
    assert (shown == 0).all() == (label == 0)
    assert batch["lesions_apart"].all()


def test_shares_are_kept_over_many_batches():
    joined = torch.cat([batch["lesions_apart"] for batch in batches(60, sampling=Sampling(joined=0.3, other=0.0))])
    assert (~joined).float().mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("kind", ["lesion", "other"])
def test_without_augmentation_pixels_are_those_of_the_slices_to_the_last_bit(kind):
    one = patient("a", 12)
    (batch,) = batches(1, one, augmentation=SETS["none"], sampling=only(kind), stack=SliceStack(), crop=16)
    whole = one.pixels[:, 0].float() / 255
    parts = {part.numpy().tobytes() for part in whole.unfold(1, 16, 1).unfold(2, 16, 1).reshape(-1, 16, 16)}
    assert all(sample[0].numpy().tobytes() in parts for sample in batch["pixels"])


def test_a_cut_is_centred_on_what_was_drawn_or_on_the_slice():
    options = {"augmentation": SETS["none"], "sampling": only("lesion"), "crop": 48}
    (batch,) = batches(1, patient("a", 8), **options)
    assert (batch["labels"][:, 24, 24] == 2).all()
    options["sampling"] = only("lesion").model_copy(update={"centred": False})
    (batch,) = batches(1, patient("a", 8), **options)
    assert torch.equal(batch["labels"][0], patient("a", 8).labels[-1])


def test_channels_go_slice_by_slice():
    numbers = torch.arange(8 * 2).reshape(8, 2, 1, 1).expand(8, 2, 48, 48).to(torch.uint8)
    still = {"augmentation": SETS["none"], "sampling": only("liver").model_copy(update={"centred": False})}
    (batch,) = batches(1, patient("a", 8, pixels=numbers), stack=SliceStack(slices=3, spacing_mm=2.0), crop=16, **still)
    shown = (batch["pixels"][..., 8, 8] * 255).round()
    assert shown.shape == (8, 6)
    for sample in shown.tolist():
        middle = int(sample[2]) // 2
        slices = [max(0, middle - 1), middle, min(7, middle + 1)]
        assert sample == [2 * number + channel for number in slices for channel in (0, 1)]


def test_slices_of_several_sizes_share_a_batch():
    small = Patient(
        "d",
        np.arange(2),
        torch.full((2, 1, 20, 30), 255, dtype=torch.uint8),
        torch.ones(2, 20, 30, dtype=torch.uint8),
        2.0,
        True,
    )
    still = {"augmentation": SETS["none"], "sampling": only("liver").model_copy(update={"centred": False})}
    (batch,) = drawn(1, [small, patient("b", 30)], stack=SliceStack(), crop=32, **still)
    assert batch["slices"].shape == (8, 1, 48, 48)
    cut = augment_slices(batch)
    found = batch["sizes"].tolist().count([20, 30])
    assert 0 < found < 8
    whole = [sample for sample, labels in zip(cut["pixels"], cut["labels"], strict=True) if labels.all()]
    assert len(whole) == found
    assert all((sample == 1).all() for sample in whole)


def test_standard_scores_stay_what_they_are():
    scores = torch.randn(8, 1, 48, 48).half()
    (batch,) = batches(1, patient("a", 8, pixels=scores), augmentation=SETS["none"], stack=SliceStack())
    assert batch["pixels"].dtype == torch.float32
    assert batch["pixels"].min() < -1
    assert batch["pixels"].max() > 1


@pytest.mark.parametrize(("values", "in_unit"), [(1.0, True), (3.0, False)])
def test_offsets_are_for_values_in_0_to_1_however_they_are_stored(values, in_unit):
    pixels = (torch.arange(8 * 48 * 48).remainder(1000) / 999 * values).reshape(8, 1, 48, 48).half()
    ranges = SETS["none"].model_copy(update={"offset": 0.5})
    options = {"stack": SliceStack(), "sampling": only("other"), "crop": 16}
    (batch,) = batches(1, patient("a", 8, pixels=pixels), augmentation=ranges, **options)
    (still,) = batches(1, patient("a", 8, pixels=pixels), augmentation=SETS["none"], **options)
    assert (batch["pixels"].amax() <= 1) == in_unit
    assert torch.equal(batch["pixels"], still["pixels"]) != in_unit


@pytest.mark.parametrize(
    ("patients", "shares"),
    [
        ([patient("a", 8)], only("joined")),
        ([patient("a", 8)], Sampling(**dict.fromkeys(SHARES, 0.0))),
        ([], Sampling()),
    ],
)
def test_shares_that_no_slice_can_have_are_refused(patients, shares):
    options = {"augmentation": SETS["none"], "stack": SliceStack(), "crop": 16, "batch": 1, "seed": 0}
    with pytest.raises(UserError, match="No training slice shows what the recipe's sampling asks for"):
        SliceSampler(patients, sampling=shares, **options)


def test_the_distance_of_neighbours_stays_in_its_range():
    numbers = torch.arange(200).reshape(200, 1, 1, 1).expand(200, 1, 48, 48).to(torch.uint8)
    ranges = SETS["none"].model_copy(update={"distance": (0.5, 1.5)})
    options = {
        "augmentation": ranges,
        "sampling": only("other"),
        "stack": SliceStack(slices=3, spacing_mm=20.0),
        "crop": 4,
    }
    shown = [
        (batch["pixels"][:, :, 2, 2] * 255).round()
        for batch in batches(10, patient("a", 200, pixels=numbers), **options)
    ]
    apart = torch.cat([sample[:, 2] - sample[:, 1] for sample in shown])
    assert set(apart.tolist()) <= set(range(5, 16))
    assert apart.min() < 8
    assert apart.max() > 12


def marked(slices):
    """A patient whose slices tell their number, as no pixel of one occurs in another."""
    one = patient("a", slices)
    return replace(one, pixels=torch.arange(slices, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 48, 48))


def seen(count, shuffled, slices=6, **changes):
    options = {"sampling": Sampling(shuffled=shuffled, centred=False), "stack": SliceStack(), "batch": 4}
    found = drawn(count, [marked(slices)], **options | changes)
    return [int(number) for batch in found for number in batch["slices"][:, 0, 0, 0]]


def test_shuffled_slices_come_once_an_epoch_in_an_order_of_its_own():
    numbers = seen(3, "all")
    assert sorted(numbers[:6]) == sorted(numbers[6:]) == list(range(6))
    assert numbers[:6] != numbers[6:]
    assert seen(3, "all", seed=2) != numbers


def test_shuffled_slices_are_those_that_show_what_is_asked_for():
    assert set(seen(3, "liver")) == {3, 4, 5}
    assert set(seen(3, "lesion")) == {5}


def test_a_sampler_of_shuffled_slices_begins_at_any_batch():
    assert seen(2, "all", first=1) == seen(3, "all")[4:]


def test_shuffled_slices_that_nobody_shows_are_refused():
    with pytest.raises(UserError, match="No training slice shows the lesion .* set sampling.shuffled to all, or"):
        drawn(1, [patient("a", 4, lesions_apart=False)], sampling=Sampling(shuffled="lesion"))


PAINTED = SETS["none"].model_copy(update={"synthetic_lesions": SyntheticLesions(share=1, radius=(3, 3))})


def test_lesions_are_painted_into_liver_where_the_recipe_asks_for_them():
    options = {"sampling": only("liver"), "stack": SliceStack()}
    painted, plain = (
        batches(1, patient("a", 8), augmentation=ranges, **options)[0] for ranges in (PAINTED, SETS["none"])
    )
    new = (painted["labels"] == 2) & (plain["labels"] == 1)
    assert new.flatten(1).any(dim=1).all()
    assert (painted["pixels"][:, 0][new] != plain["pixels"][:, 0][new]).float().mean() > 0.9


def test_lesions_are_not_painted_into_what_no_window_made():
    with pytest.raises(UserError, match="slices from 0 to 1, and the recipe's preprocessing ends elsewhere"):
        drawn(1, [patient("a", 8, pixels=torch.randn(8, 1, 48, 48).half())], augmentation=PAINTED)


def test_on_a_device_a_batch_waits_for_nothing_and_sends_one_piece():
    """On the meta device tensors have no numbers, so that whatever waits for one fails."""
    every = Augmentation(
        elastic=1, gamma=0.3, blur=1, liver_share=1, synthetic_lesions=SyntheticLesions(share=1, radius=(2, 4))
    )
    counts = []
    for batch in drawn(2, augmentation=every):
        there = tree_map_only(torch.Tensor, lambda values: values.to("meta"), batch)
        with Counting() as counting:
            made = augment_slices(there)
        assert made["pixels"].shape == (8, 3, 32, 32)
        counts.append(counting.seen["upload"])
    assert counts[1] == 1  # the first brings what all batches share


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(shuffled="all")])
@pytest.mark.parametrize("first", [0, 5])
def test_a_batch_is_the_same_whoever_draws_it_and_wherever_drawing_begins(sampling, first):
    """Of slices that are shuffled there are six batches an epoch: threads are in two at a time."""
    options = {"sampling": sampling, "augmentation": Augmentation(synthetic_lesions=SyntheticLesions())}
    wanted = drawn(20, **options)[first:]
    several = PrefetchedBatches(sampler(first=first, **options), threads=4)
    for one, other in zip(wanted, islice(several, len(wanted)), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in ("slices", "labels", "sizes", "lesions_apart"))
        assert np.array_equal(one["placement"].matrix, other["placement"].matrix)
        assert torch.equal(one["intensities"].noise, other["intensities"].noise)
        assert [blob.centre for blob in one["blobs"]] == [blob.centre for blob in other["blobs"]]


def test_drawing_from_slices_that_a_device_keeps_sends_it_nothing():
    there = [replace(one, pixels=one.pixels.to("meta"), known=one.overview) for one in (patient("a", 8),)]
    kept = sampler(there)
    with Counting() as counting:
        batch = kept.draw(0)
    assert batch["slices"].device.type == "meta"
    assert counting.seen["upload"] == counting.seen["index"] == 0

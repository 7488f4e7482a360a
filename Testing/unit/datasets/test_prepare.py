import numpy as np
import pytest
import torch

from LiverTumorSegLib.datasets.prepare import crop_or_pad, prepare
from LiverTumorSegLib.preprocessing import Chain

SPACING = (2.0, 0.9, 0.8)
WINDOW = Chain.model_validate([{"step": "window", "level": 0, "width": 200}])


def case():
    random = np.random.default_rng(2)
    voxels = random.integers(-150, 150, (7, 12, 10)).astype(np.int16)
    return voxels, torch.from_numpy(random.integers(0, 3, voxels.shape).astype(np.uint8))


def test_a_window_becomes_greys_in_8_bits():
    voxels, labels = case()
    pixels, marked = prepare(voxels, labels, SPACING, WINDOW)
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (7, 1, 12, 10))
    greys = np.rint((voxels.clip(-100, 100) + 100.0) / 200 * 255)
    assert np.abs(pixels[:, 0].numpy() - greys).max() <= 1
    assert torch.equal(marked, labels)


def test_slices_that_are_not_kept_still_count_for_what_is_fitted_to_the_volume():
    voxels, labels = case()
    chain = Chain.model_validate([{"step": "z_score", "over": "volume"}])
    every = prepare(voxels, labels, SPACING, chain)
    third = prepare(voxels, labels, SPACING, chain, every=3)
    assert [len(part) for part in third] == [3, 3]
    assert all(torch.equal(some, whole[[0, 3, 6]]) for some, whole in zip(third, every, strict=True))


def test_a_chain_that_needs_the_liver_takes_its_median_from_the_labels():
    voxels, labels = case()
    steps = [{"step": "liver_level", "hu": 50}, {"step": "window", "level": 50, "width": 200}]
    pixels, _ = prepare(voxels, labels, SPACING, Chain.model_validate(steps))
    median = np.median(voxels[labels.numpy() == 1])
    greys = np.rint(((voxels - median) / 200 + 0.5).clip(0, 1) * 255)
    assert np.abs(pixels[:, 0].numpy() - greys).max() <= 1
    nobody, _ = prepare(voxels, torch.zeros_like(labels), SPACING, Chain.model_validate(steps))
    assert torch.equal(nobody, prepare(voxels, labels, SPACING, Chain.model_validate(steps[1:]))[0])


def test_an_array_that_runs_backwards_is_taken_as_it_is_seen():
    voxels, labels = case()
    turned = prepare(voxels[::-1, ::-1], labels, SPACING, WINDOW)[0]
    copied = prepare(voxels[::-1, ::-1].copy(), labels, SPACING, WINDOW)[0]
    assert torch.equal(turned, copied)
    assert turned.is_contiguous()


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("step", ["z_score", "clahe", "median"])
def test_slices_that_are_prepared_together_are_those_that_are_prepared_one_by_one(step, every):
    voxels, labels = case()
    chain = Chain.model_validate([{"step": "window", "level": 0, "width": 200}, {"step": step}])
    one, many = (prepare(voxels, labels, SPACING, chain, every=every, at_once=count) for count in (1, 3))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(many, one, strict=True))


@pytest.mark.parametrize("frame", [(7, 12, 10), (4, 12, 7), (12, 15, 10), (3, 20, 8)])
def test_a_frame_is_about_the_middle_with_zeros_beyond(frame):
    voxels, _ = case()
    voxels = torch.from_numpy(voxels)
    made = crop_or_pad(voxels[:, None], frame)[:, 0]
    assert tuple(made.shape) == frame
    placed = tuple(
        (wanted - there) // 2 if wanted > there else -((there - wanted) // 2)
        for wanted, there in zip(frame, voxels.shape, strict=True)
    )
    for place in np.ndindex(frame):
        source = tuple(at - offset for at, offset in zip(place, placed, strict=True))
        inside = all(0 <= at < size for at, size in zip(source, voxels.shape, strict=True))
        assert made[place] == (voxels[source] if inside else 0)

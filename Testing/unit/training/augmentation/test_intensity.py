import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.counted_operations import Counting

from LiverTumorSegLib.networks import upsampling
from LiverTumorSegLib.training.augmentation.intensity import change_intensities, draw_intensities
from LiverTumorSegLib.training.augmentation.options import SETS

SHAPE = (4, 3, 40, 40)


def changed(pixels, labels, *, in_window=True, seed=0, **ranges):
    changes = draw_intensities(SETS["none"].model_copy(update=ranges), tuple(pixels.shape), np.random.default_rng(seed))
    return change_intensities(pixels, labels, changes, in_window=in_window), changes


@pytest.fixture
def pixels():
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    made = torch.zeros(4, 40, 40, dtype=torch.uint8)
    made[:, 10:20], made[:, 20:30] = 1, 2
    return made


@pytest.mark.parametrize("in_window", [True, False])
def test_ranges_without_changes_give_the_pixels_to_the_last_bit(pixels, labels, in_window):
    values = pixels if in_window else pixels * 6 - 3
    assert torch.equal(changed(values, labels, in_window=in_window)[0], values)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_intensities_stay_in_the_window_and_the_seed_decides(seed):
    values = torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))
    labels = torch.randint(0, 3, (4, 40, 40), dtype=torch.uint8)
    ranges = SETS["unet-lits"].model_dump()
    first, again, other = (changed(values, labels, seed=s, **ranges)[0] for s in (seed, seed, seed + 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 1


def test_the_pixels_that_are_given_are_not_touched(pixels, labels):
    before = pixels.clone()
    changed(pixels, labels, **SETS["unet-lits"].model_dump())
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("offset", [-0.3, 0.1])
def test_the_liver_gets_its_own_offset_and_its_lesions_keep_their_contrast(labels, offset):
    grey = torch.full((4, 1, 40, 40), 0.5)
    image, _ = changed(grey, labels, liver_share=1, liver_offset=(offset, offset))
    assert image[0, 0, [5, 15, 25], 20].tolist() == pytest.approx([0.5, 0.5 + offset, 0.5 + offset])


def test_contrast_changes_about_the_middle_of_the_window_and_about_nought_without_one(pixels, labels):
    quiet = pixels / 2 + 0.25
    image, changes = changed(quiet, labels, gain=0.2)
    wanted = 0.5 + (quiet.numpy() - 0.5) * (1 + changes.gain[:, None, None, None])
    assert np.allclose(image.numpy(), wanted, atol=1e-6)
    image, changes = changed(pixels * 6 - 3, labels, in_window=False, gain=0.2)
    assert np.allclose(image.numpy(), (pixels.numpy() * 6 - 3) * (1 + changes.gain[:, None, None, None]), atol=1e-5)
    assert 0 < abs(changes.gain).max() <= 0.2


def test_standard_scores_keep_their_range_and_get_no_offsets_of_a_window(pixels, labels):
    scores = pixels * 6 - 3
    in_windows = {"offset": 0.06, "floor": 1.0, "liver_share": 1.0, "liver_offset": (0.1, 0.2)}
    assert torch.equal(changed(scores, labels, in_window=False, **in_windows)[0], scores)
    assert not torch.equal(changed(pixels, labels, in_window=True, **in_windows)[0], pixels)


def test_gamma_is_a_power_that_keeps_the_sign(labels):
    values = torch.tensor([-2.0, 0.0, 0.25, 3.0]).expand(4, 1, 40, 4).contiguous()
    image, changes = changed(values, labels[..., :4], in_window=False, gamma=0.3)
    for one, power in zip(image[:, 0, 0].tolist(), changes.gamma, strict=True):
        assert one == pytest.approx([-(2**power), 0, 0.25**power, 3**power], rel=1e-5)
    assert (abs(np.log(changes.gamma)) <= 0.3).all()
    assert len(set(changes.gamma)) == 4


def test_noise_has_the_deviation_that_was_drawn():
    grey = torch.full((3, 1, 200, 200), 0.5)
    image, changes = changed(grey, torch.zeros(3, 200, 200, dtype=torch.uint8), in_window=False, noise=0.1)
    assert (image - 0.5).flatten(1).std(dim=1).tolist() == pytest.approx(
        changes.noise.flatten(1).std(dim=1).tolist(), rel=1e-4
    )
    assert (changes.noise.flatten(1).std(dim=1) < 0.102).all()
    assert changes.noise.mean().abs() < 1e-3


def test_a_lower_resolution_smooths_as_often_as_it_is_asked_for():
    fine = torch.rand(200, 1, 20, 20)
    image, _ = changed(fine, torch.zeros(200, 20, 20, dtype=torch.uint8), blur=0.3)
    rough = (image != fine).flatten(1).any(dim=1)
    assert rough.float().mean() == pytest.approx(0.3, abs=0.1)
    assert image[rough].std() < 0.8 * fine[rough].std()
    assert float(image[rough].mean()) == pytest.approx(float(fine[rough].mean()), abs=0.02)


def test_a_floor_cuts_off_the_dark_end(pixels, labels):
    image, changes = changed(pixels, labels, floor=1)
    for one, floor in zip(image, changes.floor, strict=True):
        assert one.min() == pytest.approx(floor)
    assert 0 < changes.floor.max() <= 0.2


def test_the_samples_of_a_batch_do_not_depend_on_each_other(pixels, labels):
    changes = draw_intensities(
        SETS["unet-lits"].model_copy(update={"gamma": 0.2, "blur": 1}), SHAPE, np.random.default_rng(3)
    )
    together = change_intensities(pixels, labels, changes, in_window=True)
    for one in range(len(pixels)):
        part = slice(one, one + 1)
        own = type(changes)(*(values[part] for values in changes))
        alone = change_intensities(pixels[part], labels[part], own, in_window=True)
        assert torch.allclose(alone[0], together[one], atol=1e-6)


def test_a_lower_resolution_is_not_taken_apart_where_pytorch_would(pixels, labels, monkeypatch):
    wanted, _ = changed(pixels, labels, blur=1)
    monkeypatch.setattr(upsampling, "is_taken_apart", lambda _: True)
    with Counting() as counting:
        ours, _ = changed(pixels, labels, blur=1)
    assert counting.seen["upsample_bilinear2d"] == len(pixels)
    assert torch.equal(ours, wanted)

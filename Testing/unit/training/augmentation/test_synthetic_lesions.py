import numpy as np
import pytest
import torch
from scipy import ndimage

from LiverTumorSegLib.training.augmentation.options import SyntheticLesions
from LiverTumorSegLib.training.augmentation.synthetic_lesions import draw_blobs, paint_lesions

RANGES = SyntheticLesions(share=1, most=1, radius=(8, 8), contrast=(0.2, 0.2), bright=0, rim=0)
SIZE = 96


@pytest.fixture
def liver():
    labels = torch.zeros(4, SIZE, SIZE, dtype=torch.uint8)
    labels[:, 8:88, 8:88] = 1
    return labels


def painted(labels, ranges=RANGES, *, seed=0, channels=1, apart=True, depth=2.4):
    grey = torch.full((len(labels), channels, *labels.shape[1:]), 0.6)
    blobs = draw_blobs(ranges, len(labels), np.random.default_rng(seed))
    return paint_lesions(grey, labels, torch.full((len(labels),), apart), blobs, depth)


def test_a_lesion_is_darker_by_its_contrast_and_labelled_where_it_is(liver):
    for seed in range(5):
        pixels, labels = painted(liver, seed=seed)
        inside = torch.from_numpy(np.stack([ndimage.binary_erosion(one == 2, iterations=3) for one in labels]))
        beyond = torch.from_numpy(np.stack([~ndimage.binary_dilation(one == 2, iterations=6) for one in labels]))
        assert pixels[:, 0][inside].mean() == pytest.approx(0.4, abs=0.03)
        assert torch.allclose(pixels[:, 0][beyond], torch.tensor(0.6), atol=1e-3)


def test_a_lesion_is_about_as_large_as_a_circle_of_its_radius(liver):
    areas = [int((one == 2).sum()) for seed in range(20) for one in painted(liver, seed=seed)[1]]
    assert np.median(areas) == pytest.approx(np.pi * 8**2, rel=0.15)  # those at the liver's border lose a part


def test_only_liver_turns_into_lesion_and_nothing_else_changes(liver):
    liver[:, 40:50, 40:50] = 2
    pixels, labels = painted(liver, RANGES.model_copy(update={"most": 10, "radius": (5.0, 30.0)}))
    changed = labels != liver
    assert changed.any()
    assert (liver[changed] == 1).all()
    assert (labels[changed] == 2).all()
    assert (pixels[:, 0][liver != 1] == 0.6).all()


def test_neighbouring_slices_show_less_of_a_lesion_the_farther_they_are(liver):
    pixels, _ = painted(liver, channels=5, depth=4.0)
    shown = (0.6 - pixels).sum(dim=(2, 3))
    assert torch.allclose(shown, shown.flip(1))
    assert (shown[:, 2] > shown[:, 1]).all()
    assert (shown[:, 1] > shown[:, 0]).all()
    assert (shown[:, 0] < shown[:, 2] / 10).all()  # two slices lie 8 pixels off, where the ball ends


def test_bright_lesions_and_rims_are_brighter(liver):
    brighter, _ = painted(liver, RANGES.model_copy(update={"bright": 1.0, "contrast": (0.1, 0.1)}))
    assert brighter.max() > 0.65
    assert brighter.min() > 0.55
    rim, labels = painted(liver, RANGES.model_copy(update={"rim": 1.0, "contrast": (0.0, 0.0)}), seed=3)
    on_outline = np.stack([ndimage.binary_dilation(one == 2) & ~ndimage.binary_erosion(one == 2) for one in labels])
    assert ((rim[:, 0] - 0.6).abs() > 1e-3)[torch.from_numpy(on_outline)].float().mean() > 0.9


def test_samples_without_liver_or_with_joined_masks_stay_as_they_are(liver):
    _, joined = painted(liver, apart=False)
    assert torch.equal(joined, liver)
    empty = torch.zeros_like(liver)
    pixels, labels = painted(empty)
    assert torch.equal(labels, empty)
    assert (pixels == 0.6).all()


def test_the_share_of_samples_and_the_number_of_lesions_are_as_asked():
    ranges = SyntheticLesions(share=0.3, most=3)
    blobs = draw_blobs(ranges, 4000, np.random.default_rng(1))
    counts = np.bincount([blob.sample for blob in blobs], minlength=4000)
    assert (counts > 0).mean() == pytest.approx(0.3, abs=0.03)
    assert np.bincount(counts)[1:] == pytest.approx([400, 400, 400], rel=0.15)


def test_the_same_numbers_paint_the_same_and_what_is_given_is_not_touched(liver):
    before = liver.clone()
    first, again, other = (painted(liver, SyntheticLesions(share=1), seed=seed)[0] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(liver, before)


def test_values_stay_in_the_window(liver):
    pixels, _ = painted(liver, RANGES.model_copy(update={"contrast": (0.9, 0.9)}))
    assert pixels.min() == 0

import numpy as np
import pytest
import torch

from LiverTumorSegLib.training.augmentation import Augmentation, Placement, change_intensities, cut, draw_placement


def test_a_straight_cut_is_a_part_of_the_slice():
    pixels, labels = torch.rand(2, 30, 40), torch.randint(0, 3, (30, 40), dtype=torch.uint8)
    image, mask = cut(pixels, labels, Placement(np.array([14.5, 20.5]), np.eye(2), 10))
    assert torch.allclose(image, pixels[:, 10:20, 16:26], atol=1e-5)
    assert torch.equal(mask, labels[10:20, 16:26])


def test_outside_the_slice_everything_is_nought():
    image, mask = cut(torch.ones(1, 8, 8), torch.ones(8, 8, dtype=torch.uint8), Placement(np.zeros(2), np.eye(2), 12))
    assert not image[0, :5, :].any()
    assert not mask[:5, :].any()
    assert image[0, 8, 8] == 1


def test_pixels_and_labels_move_together():
    random = np.random.default_rng(0)
    labels = torch.zeros(80, 80, dtype=torch.uint8)
    labels[30:50, 25:45] = 1
    for _ in range(20):
        placement = draw_placement(Augmentation(), (40, 35), 64, random)
        image, mask = cut(labels[None].float(), labels, placement)
        assert ((image[0] > 0.5) != (mask > 0)).float().mean() < 0.01


def test_zoom_and_turn_stay_in_their_ranges():
    random, ranges = np.random.default_rng(1), Augmentation(rotation=10, zoom=(0.8, 1.25), stretch=0, shear=0, shift=3)
    for _ in range(50):
        placement = draw_placement(ranges, (50, 60), 32, random)
        zoom = 1 / np.sqrt(np.linalg.det(placement.matrix))
        assert 0.8 <= zoom <= 1.25
        assert abs(np.degrees(np.arctan2(*placement.matrix[::-1, 0]))) <= 10
        assert abs(placement.centre - [50, 60]).max() <= 3


def test_intensities_stay_in_the_window_and_the_seed_decides():
    pixels, labels = torch.rand(3, 40, 40), torch.randint(0, 3, (40, 40), dtype=torch.uint8)
    first, again = (change_intensities(pixels, labels, Augmentation(), np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, pixels)
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("offset", [-0.3, 0.1])
def test_the_liver_alone_gets_its_own_offset(offset):
    nothing = {"gain": 0, "offset": 0, "noise": 0, "blur": 0, "floor": 0}
    ranges = Augmentation(liver_share=1, liver_offset=(offset, offset), **nothing)
    labels = torch.zeros(40, 40, dtype=torch.uint8)
    labels[10:20], labels[20:30] = 1, 2
    changed = change_intensities(torch.full((1, 40, 40), 0.5), labels, ranges, np.random.default_rng(0))[0]
    assert changed[[5, 15, 25], 20].tolist() == pytest.approx([0.5, 0.5 + offset, 0.5 + offset / 2])

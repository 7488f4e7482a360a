import numpy as np
import pytest
import torch

from LiverTumorSegLib.preprocessing.resampling import resample_to_shape, standard_shape


def batches(volume, size=3):
    """Slices of one channel, a few at a time."""
    return torch.as_tensor(volume, dtype=torch.float32)[:, None].split(size)


def test_the_shape_is_the_whole_number_nearest_to_the_spacing():
    assert standard_shape((100, 512, 512), (2.5, 0.8, 0.7), (2.0, 1.5, 1.5)) == (125, 273, 239)
    assert standard_shape((1, 1, 1), (0.5, 0.5, 0.5), (5.0, 5.0, 5.0)) == (1, 1, 1)


def test_shrinking_to_half_without_a_rest_averages_and_keeps_straight_lines():
    ramp = np.arange(12.0)[:, None, None] + 10 * np.arange(8.0)[:, None] + 100 * np.arange(10.0)
    found = resample_to_shape(batches(ramp), (6, 4, 5))[0, 0].numpy()
    wanted = ramp.reshape(6, 2, 4, 2, 5, 2).mean(axis=(1, 3, 5))
    assert found[1:-1, 1:-1, 1:-1] == pytest.approx(wanted[1:-1, 1:-1, 1:-1], abs=1e-3)


def test_enlarging_is_linear_between_voxels_and_repeats_the_border():
    found = resample_to_shape(batches(np.array([0.0, 4.0]).repeat(6).reshape(2, 2, 3)), (4, 2, 3))[
        0, 0, :, 1, 2
    ].tolist()
    assert found == pytest.approx([0, 1, 3, 4])


def test_the_same_shape_changes_nothing_and_batches_make_no_difference():
    volume = np.random.default_rng(0).random((7, 5, 6)).astype(np.float32)
    assert np.array_equal(resample_to_shape(batches(volume), volume.shape)[0, 0].numpy(), volume)
    parts = [resample_to_shape(batches(volume, size), (4, 7, 3)) for size in (1, 7)]
    assert torch.allclose(*parts, atol=1e-6)

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.transform import resize
from torch.nn import functional as F

from LiverTumorSegLib.inference.nnunet.resampling import find_way, new_shape, thick_axis
from LiverTumorSegLib.models.nnunet.settings import Resampling

CUBIC, LINEAR = Resampling(method="spline"), Resampling(method="spline", order=1)
NOW, THEN = (1.0, 1.0, 1.0), (1.2, 0.8, 0.8)


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("order", range(6))
def test_a_spline_is_scikit_image_s(order):
    given = image(9, 14, 40)
    way = find_way(Resampling(method="spline", order=order), given.shape, (13, 14, 33), NOW, THEN)
    wanted = resize(given, (13, 14, 33), order, mode="edge", anti_aliasing=False)
    assert np.abs(way(torch.from_numpy(given)).numpy() - wanted).max() < 1e-10
    assert np.abs(way(torch.from_numpy(given).float()).numpy() - wanted).max() < 1e-4


def test_a_spline_is_clipped_to_what_was_there():
    edge = np.zeros((20, 20, 20))
    edge[10:] = 1
    way = find_way(CUBIC, edge.shape, (31, 31, 31), NOW, THEN)
    assert (way(torch.from_numpy(edge)).min(), way(torch.from_numpy(edge)).max()) == (0, 1)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("order_z", [0, 1, 3])
def test_thick_slices_are_resampled_one_by_one_and_then_across(axis, order_z):
    given, spacing = np.moveaxis(image(7, 15, 12), 0, axis), [1.0, 1.0, 1.0]
    spacing[axis] = 4.0
    shape = np.moveaxis(np.zeros((11, 19, 9)), 0, axis).shape
    way = find_way(Resampling(method="spline", order_z=order_z), given.shape, shape, spacing, THEN)
    slices = [resize(each, (19, 9), 3, mode="edge", anti_aliasing=False) for each in np.moveaxis(given, axis, 0)]
    at = (np.arange(11) + 0.5) * (7 / 11) - 0.5
    places = np.meshgrid(at, np.arange(19), np.arange(9), indexing="ij")
    wanted = ndimage.map_coordinates(np.stack(slices), places, order=order_z, mode="nearest")
    assert way.apart == axis
    assert np.abs(way(torch.from_numpy(given)).numpy() - np.moveaxis(wanted, 0, axis)).max() < 1e-10


def test_linear_is_pytorch_s():
    given = torch.from_numpy(image(2, 7, 15, 12)).float()
    rule = Resampling(method="linear")
    plain = find_way(rule, (7, 15, 12), (9, 11, 20), NOW, THEN)
    assert torch.allclose(plain(given), F.interpolate(given[None], (9, 11, 20), mode="trilinear")[0], atol=1e-5)
    apart = find_way(rule, (7, 15, 12), (9, 11, 20), (4.0, 1.0, 1.0), THEN)
    planes = F.interpolate(given, (11, 20), mode="bilinear")
    wanted = F.interpolate(planes[None], (9, 11, 20), mode="nearest-exact")[0]
    assert torch.allclose(apart(given), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("now", "then", "forced", "expected"),
    [
        ((3.0, 1.0, 1.0), (1.0, 1.0, 1.0), None, None),  # three times as long is not yet
        ((3.1, 1.0, 1.0), (1.0, 1.0, 1.0), None, 0),
        ((1.0, 1.0, 1.0), (1.0, 1.0, 3.1), None, 2),
        ((1.0, 5.0, 1.0), (1.0, 1.0, 9.0), None, 1),  # what there is goes before what is wanted
        ((0.5, 2.0, 2.0), (1.0, 1.0, 1.0), None, None),  # two of them are the longest
        ((0.5, 2.0, 2.0000001), (1.0, 1.0, 1.0), None, None),
        ((1.1, 1.0, 1.0), (1.0, 1.0, 1.0), True, 0),
        ((9.0, 1.0, 1.0), (1.0, 1.0, 1.0), False, None),
    ],
)
def test_the_longest_side_decides_which_axis_is_apart(now, then, forced, expected):
    assert thick_axis(Resampling(method="spline", separate_z=forced), now, then) == expected


def test_half_a_voxel_more_goes_to_the_even_number():
    assert new_shape((33, 35, 1), (1.0, 1.0, 0.1), (2.0, 2.0, 5.0)) == (16, 18, 1)


def test_what_stays_as_it_is_is_not_touched():
    given = torch.from_numpy(image(5, 6, 7))
    assert find_way(CUBIC, (5, 6, 7), (5, 6, 7), NOW, THEN)(given) is given


@pytest.mark.parametrize("rule", [CUBIC, LINEAR, Resampling(method="linear")])
def test_a_part_is_that_of_the_whole(rule):
    given = torch.from_numpy(image(2, 40, 30, 20))
    way = find_way(rule, (40, 30, 20), (57, 24, 33), NOW, THEN)
    whole, bounds = way(given), way.bounds(given)
    part, first = way.narrowed(0, 11, 19)
    part, second = part.narrowed(1, 3, 20)
    assert torch.allclose(part(given[:, first, second], bounds), whole[:, 11:19, 3:20], atol=1e-6)
    assert first.stop - first.start < 40 or rule is CUBIC


def test_what_voxels_have_a_share_in_is_known():
    along = find_way(LINEAR, (40, 4, 4), (60, 4, 4), NOW, THEN).axes[0]
    line = torch.zeros(40, dtype=torch.float64)
    line[10:13] = 1
    made = torch.nonzero(along(line[:, None, None], 0)).flatten()
    assert along.reached(10, 13) == (int(made[0]), int(torch.nonzero(along(line[:, None, None], 0))[-1, 0]) + 1)


def test_what_is_not_resampled_keeps_its_shape():
    with pytest.raises(ValueError, match="not resampled"):
        find_way(Resampling(method="none"), (4, 4, 4), (5, 5, 5), NOW, THEN)

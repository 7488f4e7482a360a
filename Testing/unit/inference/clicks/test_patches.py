import numpy as np
import pytest
import torch

from LiverTumorSegLib.inference.clicks.patches import Patch, Slab, cut

QUARTER = ((0.0, -1.0), (1.0, 0.0))
OBLIQUE = ((0.9, -0.4), (0.5, 1.1))


def ramp(positions=None, pixel_mm=(0.8, 0.7), shape=(90, 100), first=(-3.0, 5.0)):
    """Values that rise by 1, 2 and 3 a millimetre along slices, rows and columns."""
    positions = np.arange(40) * 2.5 if positions is None else np.asarray(positions, float)
    rows = first[0] + np.arange(shape[0]) * pixel_mm[0]
    columns = first[1] + np.arange(shape[1]) * pixel_mm[1]
    values = positions[:, None, None] + 2 * rows[:, None] + 3 * columns
    return Slab(torch.from_numpy(values), positions, first, pixel_mm)


def values_of(patch):
    """What the ramp is at the patch's voxels."""
    places = np.stack(np.meshgrid(*(np.arange(n) for n in patch.size), indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.array([patch.point(tuple(place)) for place in places])
    return (points @ (1, 2, 3)).reshape(patch.size)


@pytest.mark.parametrize("turn", [((1.0, 0.0), (0.0, 1.0)), QUARTER, OBLIQUE], ids=["straight", "quarter", "oblique"])
@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("step_mm", [(1.5, 1.0, 1.0), (3.0, 2.0, 2.0)])
def test_a_patch_is_at_its_true_place_and_of_true_size(turn, upwards, step_mm):
    patch = Patch((50.0, 30.0, 40.0), (8, 10, 12), step_mm, turn, upwards)
    np.testing.assert_allclose(cut(ramp(), patch).numpy(), values_of(patch), rtol=1e-5)


def test_slices_that_are_not_evenly_spaced_are_where_they_say():
    patch = Patch((50.0, 30.0, 40.0), (8, 4, 4), (2.0, 1.0, 1.0))
    uneven = ramp([0, 10, 20, 38, 41, 45, 50, 60, 61, 90])
    np.testing.assert_allclose(cut(uneven, patch).numpy(), values_of(patch), rtol=1e-5)


def test_a_place_is_found_back():
    patch = Patch((50.0, 30.0, 40.0), (8, 10, 12), (1.5, 1.0, 1.0), OBLIQUE, upwards=False)
    assert patch.place(patch.point((1.0, 2.5, 9.0))) == pytest.approx((1.0, 2.5, 9.0))
    assert patch.place(patch.centre) == pytest.approx((3.5, 4.5, 5.5))


def test_larger_voxels_are_averages():
    stripes = torch.zeros(20, 40, 40)
    stripes[:, :, ::2] = 1
    slab = Slab(stripes, np.arange(20.0), (0.0, 0.0), (1.0, 1.0))
    wide = cut(slab, Patch((10.0, 20.0, 20.0), (4, 4, 4), (2.0, 2.0, 2.0)))
    torch.testing.assert_close(wide, torch.full((4, 4, 4), 0.5))


def test_a_single_thin_slice_is_not_lost_between_thick_ones():
    slab = Slab(torch.zeros(40, 8, 8), np.arange(40.0), (0.0, 0.0), (1.0, 1.0))
    slab.pixels[21] = 1
    seen = cut(slab, Patch((20.0, 4.0, 4.0), (8, 2, 2), (4.0, 1.0, 1.0)))[:, 0, 0]
    assert float(seen.sum()) == pytest.approx(0.25, abs=0.01)


def test_beyond_the_slab_its_border_goes_on():
    patch = Patch((-20.0, 30.0, 40.0), (4, 4, 4), (1.0, 1.0, 1.0))
    lowest = Patch((0.0, 30.0, 40.0), (1, 4, 4), (1.0, 1.0, 1.0))
    torch.testing.assert_close(cut(ramp(), patch), cut(ramp(), lowest).expand(4, 4, 4))


def test_bytes_stand_for_shares_of_their_brightest():
    slab = Slab(torch.full((4, 8, 8), 51, dtype=torch.uint8), np.arange(4.0), (0.0, 0.0), (1.0, 1.0), 255.0)
    assert float(cut(slab, Patch((1.0, 4.0, 4.0), (2, 2, 2), (1.0, 1.0, 1.0))).mean()) == pytest.approx(0.2)


def test_one_slice_is_a_slab():
    slab = Slab(torch.ones(1, 8, 8), np.array([5.0]), (0.0, 0.0), (1.0, 1.0))
    assert cut(slab, Patch((5.0, 4.0, 4.0), (3, 2, 2), (1.0, 1.0, 1.0))).shape == (3, 2, 2)


def test_the_reach_covers_a_turned_patch():
    patch = Patch((0.0, 0.0, 0.0), (2, 10, 20), (1.0, 1.0, 1.0), QUARTER)
    assert patch.reach_mm == (1.0, 10.0, 5.0)

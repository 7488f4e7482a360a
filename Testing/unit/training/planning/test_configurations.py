import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.planning.configurations import plan_configuration

FULL = {"spacing": (1.0, 0.8, 0.8), "median_shape": (400.0, 512.0, 512.0), "voxels": 1e10, "classes": 3}


def test_more_memory_first_gives_larger_patches():
    small, usual, large = (plan_configuration("3d_fullres", **FULL, memory_gb=gb) for gb in (4, 8, 40))
    assert (small.batch, usual.batch, large.batch) == (2, 2, 2)
    assert (small.patch, usual.patch, large.patch) == ((96, 112, 112), (112, 160, 128), (192, 256, 256))


def test_where_the_whole_ct_is_a_patch_more_memory_gives_larger_batches():
    shape = {**FULL, "median_shape": (64.0, 64.0, 64.0)}
    batches = [plan_configuration("3d_fullres", **shape, memory_gb=gb).batch for gb in (8, 16)]
    assert batches == [20, 40]


def test_a_batch_shows_a_twentieth_of_all_voxels_at_most():
    found = plan_configuration("2d", (1.0, 1.0), (64.0, 64.0), voxels=100 * 64**2, classes=3)
    assert found.batch == 5


@pytest.mark.parametrize(("memory", "shown"), [(0.001, "6 x 8 x 7"), (1e-12, r"\d x \d x \d")])
def test_too_little_memory_is_said(memory, shown):
    with pytest.raises(UserError, match=f"would see {shown} voxels, too few to halve: give larger CTs, or more --mem"):
        plan_configuration("3d_fullres", **FULL, memory_gb=memory)


def test_cts_too_small_for_any_network_are_said():
    with pytest.raises(UserError, match="would see 7 x 7 voxels, too few to halve"):
        plan_configuration("2d", (1.0, 1.0), (7.0, 7.0), voxels=1e6, classes=3)

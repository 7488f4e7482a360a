import numpy as np
import pytest
import torch
from support.nnunet_models import settings_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.nnunet.tiles import find_tiles, gaussian, mirrors


def tiles_of(shape, patch=(16, 32, 32), **changes):
    spacing = {"spacing_mm": (2.0,) * len(patch)}
    return find_tiles(shape, settings_of(("background", "liver"), patch=patch, **(spacing | changes)))


def test_tiles_lie_half_a_tile_apart_at_most_and_as_evenly_as_can_be():
    found = tiles_of((45, 32, 110), (16, 32, 64))
    assert sorted({start[0] for start in found.starts}) == [0, 7, 14, 22, 29]  # 7.25 voxels, halves to the even
    assert sorted({start[1] for start in found.starts}) == [0]
    assert sorted({start[2] for start in found.starts}) == [0, 23, 46]
    assert list(found.starts) == sorted(found.starts)


def test_the_step_is_the_model_s():
    assert len(tiles_of((16, 32, 96)).starts) == 5
    assert len(tiles_of((16, 32, 96), step=0.8).starts) == 4


def test_slices_are_seen_one_by_one():
    found = tiles_of((5, 40, 32), (32, 32))
    assert found.size == (1, 32, 32)
    assert len(found.starts) == 10
    assert {start[0] for start in found.starts} == set(range(5))


def test_a_small_image_is_padded_in_the_middle_the_odd_voxel_after_it():
    found = tiles_of((16, 29, 40))
    image = torch.ones(16, 29, 40)
    padded = found.pad(image)
    assert padded.shape == found.shape == (16, 32, 40)
    assert padded[:, 0].sum() == padded[:, 30:].sum() == 0
    assert padded[:, 1:30].min() == 1
    assert torch.equal(found.unpad(padded), image)


def test_the_middle_counts_most_and_nothing_nothing():
    weights = gaussian((16, 33, 20), torch.float16)
    assert weights[8, 16, 10] == weights.max() == 10
    assert weights.min() > 0
    assert weights.dtype is torch.float16
    assert torch.allclose(weights.float(), gaussian((16, 33, 20), torch.float32), atol=0.01)


def test_tiles_with_nothing_but_air_and_padding_are_told():
    image = torch.full((40, 20, 32), -1.0)
    image[33:, 5, 5] = -0.5
    found = tiles_of(image.shape)
    shown = found.showing(image, -0.9)
    assert len(found.starts) == 4
    assert shown.starts == tuple(start for start in found.starts if start[0] + 16 > 33)
    assert shown.showing(image, 0.0).starts == ()


def test_each_set_of_axes_is_mirrored_once():
    settings = settings_of(("background", "liver"), mirror_axes=(0, 1, 2))
    assert mirrors(settings) == [(2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
    assert mirrors(settings_of(("background", "liver"))) == []


def test_a_patch_that_is_far_too_small_is_refused():
    with pytest.raises(UserError, match="takes days"):
        tiles_of((400, 512, 512), (4, 4, 4))


def test_every_voxel_is_seen():
    seen = np.zeros((37, 50, 61), int)
    found = tiles_of(seen.shape)
    for number in range(len(found.starts)):
        found.patch(seen, number)[:] += 1
    assert seen.min() >= 1

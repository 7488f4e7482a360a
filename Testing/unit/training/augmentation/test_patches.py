import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference
from scipy import ndimage

from LiverTumorSegLib.training.augmentation import SETS, Augmentation, cut_patches, draw_patches
from LiverTumorSegLib.training.augmentation.patches import PatchPlacement, affine_in_space
from LiverTumorSegLib.training.augmentation.spatial import affine_in_plane

EVEN = (1.0, 1.0, 1.0)
STILL = SETS["none"]


def smooth(shape=(24, 30, 28), seed=0):
    noise = np.random.default_rng(seed).random(shape)
    return torch.from_numpy(ndimage.gaussian_filter(noise, 3).astype(np.float32))[None]


def placement(matrix, size=(12, 14, 16), centre=(11.5, 14.5, 13.5)):
    return PatchPlacement(size, np.array([centre], np.float32), np.asarray(matrix, np.float32)[None])


def drawn(ranges, centre=(12, 15, 14), shape=(24, 30, 28), size=(12, 14, 16), batch=1, seed=0, spacing=EVEN):
    centres, shapes = np.tile(np.array(centre, float), (batch, 1)), np.tile(np.array(shape), (batch, 1))
    return draw_patches(ranges, centres, shapes, size, spacing, np.random.default_rng(seed))


def test_without_changes_voxels_are_those_of_the_volume():
    volume = smooth()
    labels = (volume[0] > 0.5).to(torch.uint8)
    pixels, marked = cut_patches([volume], [labels], drawn(STILL))
    part = np.s_[6:18, 8:22, 6:22]
    assert pixels[0, 0].numpy() == pytest.approx(volume[0][part].numpy(), abs=1e-5)
    assert torch.equal(marked[0], labels[part])


def test_resampling_is_that_of_scipy():
    volume = smooth()
    matrix = affine_in_space(np.array([[20.0, 8.0, -6.0]]), np.array([0.05]), np.array([[1.1, 0.9, 1.2]]), (2, 1, 1))[0]
    place = placement(matrix)
    middle = (np.array(place.size) - 1) / 2
    wanted = ndimage.affine_transform(
        volume[0].numpy(), matrix, place.centre[0] - matrix @ middle, place.size, order=1, mode="nearest"
    )
    pixels, _ = cut_patches([volume], [volume[0].to(torch.uint8)], place)
    assert pixels[0, 0].numpy() == pytest.approx(wanted, abs=1e-4)


def test_turning_about_the_long_axis_is_that_of_slices():
    degrees, shear, zoom = np.array([25.0]), np.array([0.07]), np.array([[1.2, 0.9]])
    flat = affine_in_plane(degrees, shear, zoom)[0]
    whole = affine_in_space(np.array([[25.0, 0, 0]]), shear, np.array([[1.0, 1.2, 0.9]]), (3.0, 0.8, 0.8))[0]
    assert whole[1:, 1:] == pytest.approx(flat, abs=1e-6)
    assert whole[0].tolist() == whole[:, 0].tolist() == [1, 0, 0]


def test_what_is_turned_keeps_its_millimetres_whatever_the_spacing():
    spacing = np.array([5.0, 0.7, 1.1])
    matrix = affine_in_space(np.array([[30.0, 20.0, -10.0]]), np.zeros(1), np.ones((1, 3)), spacing)[0]
    turn = matrix * spacing[:, None] / spacing
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-5)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("ranges", [STILL, Augmentation(), STILL.model_copy(update={"elastic": 20.0})])
def test_a_box_holds_all_that_its_patch_needs(ranges):
    volume = smooth((60, 70, 64))
    labels = (volume[0] * 255).to(torch.uint8)
    for seed in range(5):
        place = drawn(ranges, (30, 35, 32), (60, 70, 64), seed=seed)
        first, stop = (edge.clip(0, (60, 70, 64)) for edge in place.reach())
        part = tuple(map(slice, first[0], stop[0]))
        whole = cut_patches([volume], [labels], place)
        boxed = cut_patches([volume[(slice(None), *part)]], [labels[part]], place.within(first))
        assert torch.allclose(whole[0], boxed[0], atol=1e-5)
        assert (whole[1] != boxed[1]).float().mean() < 1e-3  # a rounding error away from the middle of two


@pytest.mark.parametrize("shape", [(24, 30, 28), (5, 9, 30), (12, 13, 16), (7, 40, 3)])
def test_patches_go_no_further_than_those_of_inference(shape):
    size, volume = (12, 14, 16), smooth(shape)
    seen = []
    sliding_window_inference(
        volume[None], size, 1, lambda patch: seen.append(patch[0, 0]) or patch, 0.75, padding_mode="replicate"
    )
    shown = {patch.numpy().round(4).tobytes() for patch in seen}
    for corner in (np.zeros(3), np.array(shape) - 1.0):
        place = drawn(STILL, corner, shape)
        pixels, _ = cut_patches([volume], [volume[0].to(torch.uint8)], place)
        assert pixels[0, 0].numpy().round(4).tobytes() in shown


def test_every_sample_has_changes_of_its_own_and_labels_go_with_the_image():
    volume = smooth()
    labels = (volume[0] * 1000).to(torch.int32)
    place = drawn(Augmentation(elastic=1.0), batch=3)
    pixels, marked = cut_patches([volume] * 3, [labels] * 3, place)
    assert not torch.equal(pixels[0], pixels[1])
    assert (marked.float() / 1000 - pixels[:, 0]).abs().max() < 0.02


def test_ranges_are_kept_and_the_seed_decides():
    ranges = Augmentation(rotation=12, tilt=3, zoom=(1, 1), stretch=0, shear=0, shift=2)
    place = drawn(ranges, batch=400)
    assert place.matrix.tobytes() == drawn(ranges, batch=400).matrix.tobytes()
    assert place.matrix.tobytes() != drawn(ranges, batch=400, seed=1).matrix.tobytes()
    turned = np.degrees(np.arctan2(place.matrix[:, 2, 1], place.matrix[:, 1, 1]))
    tilted = np.degrees(np.arcsin(np.abs(place.matrix[:, 0, 1:]).max(axis=1)))
    assert 11 < np.abs(turned).max() < 12.5
    assert 2.5 < tilted.max() < 4.3
    assert np.unique(place.centre[:, 0]).tolist() == [9.5, 10.5, 11.5, 12.5, 13.5]


@pytest.mark.parametrize(("isotropic", "axes"), [(True, 1), (False, 3)])
def test_magnification_is_alike_along_all_axes_or_each_its_own(isotropic, axes):
    ranges = STILL.model_copy(update={"zoom": (0.5, 2.0), "isotropic": isotropic})
    zooms = np.linalg.norm(drawn(ranges).matrix[0], axis=0)
    assert len(np.unique(zooms.round(5))) == axes


def test_no_tilt_is_a_third_of_the_rotation():
    ranges = STILL.model_copy(update={"rotation": 30.0, "tilt": None})
    same = ranges.model_copy(update={"tilt": 10.0})
    assert np.array_equal(drawn(ranges).matrix, drawn(same).matrix)
    assert drawn(SETS["li"]).matrix[0, 0].tolist() != drawn(STILL).matrix[0, 0].tolist()

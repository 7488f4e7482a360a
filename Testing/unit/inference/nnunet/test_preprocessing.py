import numpy as np
import pytest
import torch
from scipy import ndimage
from support.nnunet_models import settings_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.nnunet.preprocessing import find_crop, normalise, plan_spacing, prepare
from LiverTumorSegLib.models.nnunet.settings import Normalisation, Resampling

CPU, SPACING = torch.device("cpu"), (2.0, 1.5, 1.5)


def settings(**changes):
    return settings_of(("background", "liver"), **changes)


@pytest.fixture
def voxels():
    """HU with zeros around them."""
    voxels = np.zeros((14, 20, 22), np.int16)
    voxels[2:11, 3:18, 1:20] = np.random.default_rng(0).integers(-1000, 400, (9, 15, 19))
    voxels[5, 8, 8] = 0
    return voxels


def test_rims_of_zeros_are_cut_off(voxels):
    assert find_crop(voxels) == (slice(2, 11), slice(3, 18), slice(1, 20))


def test_of_nothing_nothing_is_cut_off():
    assert find_crop(np.zeros((3, 4, 5), np.int16)) == (slice(0, 3), slice(0, 4), slice(0, 5))


def test_hounsfield_units_are_clipped_and_scaled():
    rule = Normalisation(scheme="ct", low=-100, high=200, mean=50, deviation=25)
    image, air = normalise(np.array([-1000, -100, 50, 75, 900], np.int16), rule)
    assert image.tolist() == [-6, -6, 0, 1, 6]
    assert image.dtype == np.float32
    assert -6 < air < -5.99  # nothing less is ever seen


def test_rounding_makes_no_body_of_air():
    rule = Normalisation(scheme="ct", low=-110.123, high=205.5, mean=98.77, deviation=41.3)
    image, air = normalise(np.full((4, 4, 4), -1000, np.int16), rule)
    assert (image <= air).all()


def test_air_that_is_not_clipped_is_known(voxels):
    rule = Normalisation(scheme="ct", low=-1024, high=1000, mean=0, deviation=100)
    assert normalise(voxels, rule)[1] == pytest.approx(-9, abs=0.01)
    image, air = normalise(voxels, Normalisation(scheme="z_score"))
    assert air == pytest.approx((-900 - voxels.mean()) / voxels.std(), abs=0.01)
    assert image.mean() == pytest.approx(0, abs=1e-6)


def test_a_score_may_be_of_what_is_not_zero_alone(voxels):
    image, air = normalise(voxels, Normalisation(scheme="z_score", within_mask=True))
    inside = ndimage.binary_fill_holes(voxels != 0)
    assert inside[5, 8, 8]
    assert image[inside].mean() == pytest.approx(0, abs=1e-5)
    assert image[inside].std() == pytest.approx(1, abs=1e-5)
    assert not image[~inside].any()
    assert air == -np.inf
    assert not normalise(np.zeros((2, 2, 2), np.int16), Normalisation(scheme="z_score", within_mask=True))[0].any()


def test_the_range_of_a_ct_may_become_0_to_1(voxels):
    image, air = normalise(voxels, Normalisation(scheme="to_unit"))
    assert (image.min(), image.max()) == (0, 1)
    assert air == pytest.approx((-900 - int(voxels.min())) / (int(voxels.max()) - int(voxels.min())), abs=0.01)


def test_bytes_are_scaled_and_hounsfield_units_refused(voxels):
    rule = Normalisation(scheme="of_bytes")
    assert normalise(np.array([0, 51, 255], np.int16), rule)[0].tolist() == pytest.approx([0, 0.2, 1])
    with pytest.raises(UserError, match="values of 0 to 255"):
        normalise(voxels, rule)


def test_an_image_is_cropped_then_normalised_then_resampled(voxels):
    plan = settings(spacing_mm=(3.0, 2.0, 2.0))
    image, layout = prepare(voxels, SPACING, plan, torch.float64, CPU)
    normalised, _ = normalise(voxels[layout.crop], plan.normalisation)
    wanted = ndimage.zoom(normalised, (6 / 9, 11 / 15, 14 / 19), order=3, mode="nearest", grid_mode=True)
    assert layout.cropped == (9, 15, 19)
    assert np.allclose(image.numpy(), wanted.clip(normalised.min(), normalised.max()), atol=1e-5)
    assert image.dtype is torch.float32


def test_a_network_for_slices_keeps_them_as_far_apart_as_they_are(voxels):
    plan = settings(patch=(16, 16), spacing_mm=(1.0, 1.0))
    assert plan_spacing(plan, SPACING) == (2.0, 1.0, 1.0)
    assert prepare(voxels, SPACING, plan, torch.float32, CPU)[0].shape == (9, 22, 28)


def test_what_is_not_resampled_keeps_its_voxels(voxels):
    plan = settings(image=Resampling(method="none"), spacing_mm=(9.0, 9.0, 9.0))
    assert prepare(voxels, SPACING, plan, torch.float32, CPU)[0].shape == (9, 15, 19)


def test_resampled_voxels_keep_their_outer_edges(voxels):
    image, layout = prepare(voxels, SPACING, settings(spacing_mm=(3.0, 2.0, 2.0)), torch.float32, CPU)
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    placed = layout.affine(affine, image.shape)
    first, last = np.array([1, 3, 2]), np.array([20, 18, 11])
    assert np.allclose(placed @ [-0.5, -0.5, -0.5, 1], affine @ [*(first - 0.5), 1])
    assert np.allclose(placed @ [*(np.array(image.shape[::-1]) - 0.5), 1], affine @ [*(last - 0.5), 1])


def test_an_image_that_no_memory_holds_is_refused(voxels):
    far = settings(spacing_mm=(0.051, 0.051, 0.051))
    with pytest.raises(UserError, match="check the volume's spacing"):
        prepare(voxels, (80.0, 60.0, 60.0), far, torch.float32, CPU)

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from support import preprocessing_cases as cases

from LiverTumorSegLib.preprocessing import Gaussian, Median, smoothed

every_source = pytest.mark.parametrize("source", cases.SOURCES)


@every_source
@pytest.mark.parametrize("size", [3, 5])
def test_the_median_is_bit_for_bit_scipys(source, size):
    slices = cases.hounsfield(source)
    for plane, found in zip(cases.planes(slices), cases.planes(Median(size=size)(slices)), strict=True):
        assert np.array_equal(found, ndimage.median_filter(plane, size, mode="mirror"))


@pytest.mark.parametrize("size", [3, 5])
def test_the_median_is_simpleitks_within_the_border(size):
    slices, margin = cases.hounsfield("phantom"), size // 2
    inner = (slice(margin, -margin),) * 2
    for plane, found in zip(cases.planes(slices), cases.planes(Median(size=size)(slices)), strict=True):
        expected = sitk.GetArrayFromImage(sitk.Median(sitk.GetImageFromArray(plane), [margin] * 2))
        assert np.array_equal(found[inner], expected[inner])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([3, 5]), st.integers(0, 999))
def test_the_median_of_any_size_is_scipys(rows, columns, size, seed):
    slices = cases.made(1, 1, rows, columns, seed=seed)
    expected = ndimage.median_filter(cases.planes(slices)[0], size, mode="mirror")
    assert np.array_equal(cases.planes(Median(size=size)(slices))[0], expected)


def test_the_median_keeps_an_edge_and_drops_a_speck():
    pixels = torch.zeros(1, 1, 8, 8)
    pixels[..., 4:] = 100.0
    pixels[..., 2, 2] = 999.0
    found = Median()(cases.made(1, 1, 8, 8).with_pixels(pixels)).pixels[0, 0]
    assert found.tolist() == [[0.0] * 4 + [100.0] * 4] * 8


def test_the_median_keeps_half_precision():
    slices = cases.made(1, 1, 20, 30)
    half = slices.with_pixels(slices.pixels.bfloat16())
    assert torch.equal(Median()(half).pixels, Median()(half.with_pixels(half.pixels.float())).pixels.bfloat16())


@pytest.mark.parametrize("size", [1, 4, 7])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValidationError):
        Median(size=size)


@every_source
@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 3.7])
def test_the_gaussian_is_scipys_to_float_rounding(source, sigma):
    slices = cases.hounsfield(source)
    for plane, found in zip(cases.planes(slices), cases.planes(Gaussian(sigma=sigma)(slices)), strict=True):
        expected = ndimage.gaussian_filter(plane.astype(np.float64), sigma, mode="mirror")
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(plane).max())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.2, 6))
def test_the_gaussian_of_any_size_is_scipys(rows, columns, sigma):
    slices = cases.made(1, 1, rows, columns)
    expected = ndimage.gaussian_filter(cases.planes(slices)[0].astype(np.float64), sigma, mode="mirror")
    np.testing.assert_allclose(cases.planes(Gaussian(sigma=sigma)(slices))[0], expected, rtol=0, atol=1e-3)


def test_probabilities_can_be_smoothed_by_their_variance():
    probabilities = torch.zeros(3, 9, 11)
    probabilities[:, 4, 5] = 1.0
    found = smoothed(probabilities, 0.25**0.5)
    weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.25))
    weights /= weights.sum()
    np.testing.assert_allclose(found[1, 2:7, 3:8].numpy(), np.outer(weights, weights), rtol=0, atol=1e-6)
    assert found.sum((1, 2)).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_smoothed_probabilities_are_scipys():
    probabilities = torch.rand(3, 30, 41, generator=torch.Generator().manual_seed(0)).softmax(0)
    expected = [
        ndimage.gaussian_filter(one.numpy().astype(np.float64), 0.25**0.5, mode="mirror") for one in probabilities
    ]
    found = smoothed(probabilities, 0.25**0.5)
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-6)
    assert found.sum(0).numpy() == pytest.approx(np.ones((30, 41)), abs=1e-6)

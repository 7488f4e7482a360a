import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.transforms import HistogramNormalize
from skimage import exposure
from support import preprocessing_cases as cases

from LiverTumorSegLib.preprocessing import (
    Chain,
    FrequencyHistogram,
    HistogramEqualisation,
    Slices,
    Window,
    frequency_bins,
    frequency_scaled,
)

every_source = pytest.mark.parametrize("source", cases.SOURCES)


def stated_tolerance(plane, bins):
    """What the docstring says, and float32's rounding of the result."""
    return np.histogram(plane, bins, (0, 1))[0][1:].max() / plane.size / 32 + 1e-6


def defined_bins(values, bins):
    """Section 3.4 in the terms of NumPy."""
    ordered = np.sort(values)
    return np.unique([ordered[int(f * len(ordered))] for f in (0.001, *((np.arange(bins) + 0.5) / bins), 0.999)])


def defined_scaling(values, bins):
    breaks = defined_bins(values, bins)
    return np.interp(values, breaks, np.linspace(0, 1, len(breaks)))


@every_source
@pytest.mark.parametrize("bins", [256, 64, 100])
def test_equalisation_is_scikit_images_to_the_stated_tolerance(source, bins):
    windowed = Window(level=60, width=180)(cases.hounsfield(source))
    equalised = HistogramEqualisation(bins=bins)(windowed)
    for plane, found in zip(cases.planes(windowed), cases.planes(equalised), strict=True):
        assert (plane.min(), plane.max()) == (0, 1)  # between which scikit-image puts its bins
        expected = exposure.equalize_hist(plane, bins)
        np.testing.assert_allclose(found, expected, rtol=0, atol=stated_tolerance(plane, bins))


@every_source
def test_equalisation_is_monais_but_for_the_stretching(source):
    windowed = Window(level=50, width=100)(cases.hounsfield(source))
    for plane, found in zip(cases.planes(windowed), cases.planes(HistogramEqualisation()(windowed)), strict=True):
        lowest = np.histogram(plane, 256, (0, 1))[0][0] / plane.size  # MONAI makes this share 0
        monai = HistogramNormalize(256, 0, 1)(plane) * (1 - lowest) + lowest
        np.testing.assert_allclose(found, monai, rtol=0, atol=stated_tolerance(plane, 256))


def test_equalisation_of_few_values_by_hand():
    pixels = torch.tensor([[[[0.125, 0.125, 0.375, 0.875]]]])  # centres of bins 0, 1 and 3 of 4
    found = HistogramEqualisation(bins=4)(Slices(pixels, (1, 1))).pixels.flatten()
    assert found.tolist() == pytest.approx([0.5, 0.5, 0.75, 1.0], abs=0.25 / 32)


def test_equalisation_clips_to_the_unit_interval():
    pixels = torch.tensor([[[[-5.0, 0.0, 0.5, 1.0, 7.0]]]])
    found = HistogramEqualisation()(Slices(pixels, (1, 1))).pixels.flatten().tolist()
    assert found[0] == found[1] < found[2] < found[3] == found[4] == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_equalisation_keeps_the_order_and_spreads_evenly(seed):
    pixels = torch.from_numpy(np.random.default_rng(seed).beta(2, 5, (1, 1, 90, 110)).astype(np.float32))
    found = HistogramEqualisation()(Slices(pixels, (1, 1))).pixels.flatten()
    assert (found[pixels.flatten().argsort()].diff() >= 0).all()
    shares = torch.histc(found, 10, 0, 1) / found.numel()
    assert shares.min() > 0.07
    assert shares.max() < 0.13


@every_source
@pytest.mark.parametrize("bins", [100, 8])
def test_frequency_scaling_is_as_defined(source, bins):
    slices = cases.hounsfield(source)
    found = FrequencyHistogram(bins=bins)(slices)
    for plane, scaled in zip(cases.planes(slices), cases.planes(found), strict=True):
        expected = defined_scaling(plane.ravel(), bins).reshape(plane.shape)
        np.testing.assert_allclose(scaled, expected, rtol=0, atol=2e-6)


@every_source
def test_frequency_bins_are_equally_populated(source):
    values = torch.from_numpy(np.random.default_rng(3).permutation(40_000).astype(np.float32))
    counts = np.histogram(values, frequency_bins(values, 50))[0]
    assert counts[1:-1] == pytest.approx(800, abs=1)


def test_frequency_bins_of_few_values_by_hand():
    values = torch.tensor([50.0, 10.0, 40.0, 20.0, 30.0, 60.0, 80.0, 70.0])
    assert frequency_bins(values, 2).tolist() == [10, 30, 70, 80]  # ranks 0, 8/4, 8 x 3/4 and 7
    assert frequency_scaled(
        torch.tensor([0.0, 10, 20, 30, 50, 70, 75, 90]), torch.tensor([10.0, 30, 70, 80])
    ).tolist() == (pytest.approx([0, 0, 1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6, 1]))


def test_an_edge_that_repeats_counts_once():
    breaks = torch.tensor([5.0, 5.0, 5.0, 7.0, 9.0, 9.0])
    found = frequency_scaled(torch.tensor([4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), breaks)
    assert found.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]


def test_where_all_edges_are_one_everything_is_zero():
    assert frequency_scaled(torch.tensor([1.0, 5.0, 9.0]), torch.full((4,), 5.0)).tolist() == [0, 0, 0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-1024, 3071), min_size=1, max_size=300), st.integers(1, 60))
def test_frequency_scaling_is_as_defined_for_any_values(values, bins):
    array = np.array(values, np.float32)
    pixels = torch.from_numpy(array)
    found = frequency_scaled(pixels, frequency_bins(pixels, bins))
    np.testing.assert_allclose(found.numpy(), defined_scaling(array, bins), rtol=0, atol=2e-6)


def test_over_a_volume_all_slices_share_the_bins():
    view = np.random.default_rng(0).normal(0, 300, (11, 30, 40)).astype(np.int16)
    chain = Chain.model_validate([{"step": "frequency_histogram", "bins": 20, "over": "volume"}])
    fitted = chain.fitted(view, (1.0, 1.0, 1.0))
    found = fitted(Slices(torch.from_numpy(view[:, None].astype(np.float32)), (1.0, 1.0))).pixels
    expected = defined_scaling(view.ravel().astype(np.float32), 20).reshape(view.shape)
    np.testing.assert_allclose(found[:, 0].numpy(), expected, rtol=0, atol=2e-6)
    assert Chain.from_json(fitted.to_json()) == fitted
    assert not fitted.needs_volume


def test_a_large_volume_is_sampled_on_an_even_grid(monkeypatch):
    monkeypatch.setattr("LiverTumorSegLib.preprocessing.histogram._SAMPLES", 1000)
    view = np.random.default_rng(0).normal(0, 300, (12, 60, 80)).astype(np.int16)
    chain = Chain.model_validate([{"step": "frequency_histogram", "bins": 4, "over": "volume"}])
    (breaks,) = chain.fitted(view, (1.0, 1.0, 1.0)).root[0].breaks
    stride = 8  # the least whose square makes 12 x 60 x 80 at most 1000
    sampled = view[:, ::stride, ::stride].ravel()
    assert list(breaks) == np.sort(sampled)[[0, 120, 360, 600, 840, 959]].tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"bins": 0},
        {"breaks": ((0.0, 1.0, 2.0),), "bins": 1},
        {"over": "volume", "bins": 2, "breaks": ((0.0, 1.0, 2.0),)},
        {"over": "volume", "bins": 1, "breaks": ((0.0, 2.0, 1.0),)},
    ],
)
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(ValueError, match="frequency_histogram|FrequencyHistogram"):
        FrequencyHistogram(**options)

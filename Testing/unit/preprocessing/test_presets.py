import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats
from skimage import exposure
from support import preprocessing_cases as cases

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.preprocessing import Chain, named, named_chains

NAMES = ["ahmad", "dhanush", "elmenabawy", "elmenabawy_without", "kulkarni", "li"]
every_source = pytest.mark.parametrize("source", ["phantom", "ct"])


def prepared(name, source):
    slices = cases.hounsfield(source)
    return zip(cases.planes(slices), named(name)(slices).pixels.numpy(), strict=True)


def resized(plane, size):
    """Pillow's bilinear, antialiased when shrinking."""
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))


def frequency_scaled(plane, bins=100):
    """Through edges at the fractions of the sorted pixels to equal steps from 0 to 1."""
    fractions = [0.001, *((np.arange(bins) + 0.5) / bins), 0.999]
    edges = np.unique(np.sort(plane, axis=None)[(np.array(fractions) * plane.size).astype(int)]).astype(np.float64)
    return np.interp(plane, edges, np.linspace(0, 1, len(edges)))


def test_there_is_one_for_each_system_and_for_the_row_without():
    assert [entry.name for entry in named_chains()] == NAMES
    for entry in named_chains():
        assert entry.source
        assert entry.says
        assert entry.chosen


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_back_from_json_and_needs_no_volume(name):
    assert Chain.from_json(named(name).to_json()) == named(name)
    assert not named(name).needs_volume
    assert named(name).channels == (3 if name == "kulkarni" else 1)


def test_an_unknown_name_is_refused_in_one_sentence_with_those_that_there_are():
    with pytest.raises(UserError, match="“nobody”.*ahmad, dhanush, elmenabawy.*li") as caught:
        named("nobody")
    assert "\n" not in str(caught.value)


@every_source
def test_dhanush_spreads_a_slices_greys_and_gives_it_zero_mean_and_unit_variance(source):
    for plane, found in prepared("dhanush", source):
        equalised = exposure.equalize_hist(np.clip((plane + 100) / 500, 0, 1))
        np.testing.assert_allclose(found[0], stats.zscore(equalised, axis=None), rtol=0, atol=2e-2)
        assert found[0].mean() == pytest.approx(0, abs=1e-4)
        assert found[0].std() == pytest.approx(1, abs=1e-4)


@every_source
def test_li_equalises_a_window_of_250_hu_around_water(source):
    for plane, found in prepared("li", source):
        windowed = np.clip((plane + 125) / 250, 0, 1)
        np.testing.assert_allclose(found[0], exposure.equalize_hist(windowed), rtol=0, atol=2e-3)


@every_source
def test_elmenabawy_equalises_and_then_takes_the_median(source):
    for plane, found in prepared("elmenabawy", source):
        scaled = np.clip((plane + 2000) / 4000, 0, 1)
        counts, edges = np.histogram(scaled, 256, (0, 1))
        equalised = np.interp(scaled, (edges[:-1] + edges[1:]) / 2, counts.cumsum() / counts.sum())
        expected = ndimage.median_filter(equalised, 3, mode="mirror")
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=counts.max() / counts.sum() / 32 + 1e-6)


@every_source
def test_elmenabawy_without_keeps_the_range_alone(source):
    for plane, found in prepared("elmenabawy_without", source):
        np.testing.assert_allclose(found[0], np.clip((plane + 2000) / 4000, 0, 1), rtol=0, atol=1e-6)


@every_source
def test_kulkarni_has_two_windows_and_the_frequency_histogram(source):
    for plane, found in prepared("kulkarni", source):
        assert found.shape == (3, 256, 256)
        windows = [np.clip((plane.astype(np.float64) - low) / width, 0, 1) for low, width in ((-45, 150), (-40, 200))]
        expected = [resized(channel, (256, 256)) for channel in (*windows, frequency_scaled(plane))]
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


@every_source
def test_ahmad_smooths_scales_and_resamples(source):
    slices = cases.hounsfield(source)
    out = named("ahmad")(slices)
    assert out.spacing == pytest.approx((1.5, 1.5), rel=0.02)
    size = [round(count * mm / 1.5) for count, mm in zip(slices.size, slices.spacing, strict=True)]
    for plane, found in zip(cases.planes(slices), out.pixels[:, 0].numpy(), strict=True):
        smooth = ndimage.gaussian_filter(plane.astype(np.float64), 0.5, mode="mirror")
        expected = resized(np.clip((smooth + 1000) / 2000, 0, 1), size)
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)

import numpy as np
import preprocessing_cases as cases
import pytest
from scipy import ndimage, stats
from skimage import exposure

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.preprocessing import Chain, named, named_chains

NAMES = ["ahmad", "dhanush", "elmenabawy", "elmenabawy_without", "kulkarni", "li"]
every_source = pytest.mark.parametrize("source", ["phantom", "ct"])


def prepared(name, source):
    slices = cases.hounsfield(source)
    return zip(cases.planes(slices), named(name)(slices).pixels.numpy(), strict=True)


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
def test_dhanush_has_zero_mean_and_unit_variance(source):
    for plane, found in prepared("dhanush", source):
        expected = stats.zscore(plane.clip(-1024, 3071).astype(np.float64), axis=None)
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=2e-6)


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
        assert found.min() >= -1e-6
        assert found.max() <= 1 + 1e-6
        means = [np.clip((plane - low) / width, 0, 1).mean() for low, width in ((-45, 150), (-40, 200))]
        assert found[:2].mean((1, 2)) == pytest.approx(means, abs=0.01)
        assert found[2].mean() == pytest.approx(0.5, abs=0.06)  # evenly spread


@every_source
def test_ahmad_smooths_scales_and_resamples(source):
    slices = cases.hounsfield(source)
    out = named("ahmad")(slices)
    assert out.spacing == pytest.approx((1.5, 1.5), rel=0.02)
    smooth = ndimage.gaussian_filter(cases.planes(slices)[0], 0.5, mode="mirror")
    scaled = np.clip((smooth + 1000) / 2000, 0, 1)
    assert out.pixels[0, 0].mean() == pytest.approx(scaled.mean(), abs=2e-3)
    assert out.pixels.min() >= -1e-6
    assert out.pixels.max() <= 1 + 1e-6

import numpy as np
import pytest
import torch
from monai.transforms import ScaleIntensity, ScaleIntensityRange
from pydantic import ValidationError
from scipy import stats
from support import preprocessing_cases as cases

from LiverTumorSegLib.preprocessing import Chain, HuRange, LiverLevel, MinMax, Slices, Window, ZScore

every_source = pytest.mark.parametrize("source", cases.SOURCES)


def test_window_clips_and_scales():
    given_ = Slices(torch.tensor([[[[-41.0, -40, 10, 60, 160, 3000]]]]), (1, 1))
    assert Window(level=60, width=200)(given_).pixels.flatten().tolist() == [0, 0, 0.25, 0.5, 1, 1]


def test_window_leaves_its_input_alone():
    before = cases.made(1, 1, 4, 4)
    kept = before.pixels.clone()
    Window(level=0, width=100)(before)
    assert torch.equal(before.pixels, kept)


def test_a_window_is_bit_for_bit_what_trained_models_saw():
    pixels = cases.hounsfield("phantom").pixels
    expected = ((pixels - (60 - 200 / 2)) / 200).clamp(0, 1)
    assert torch.equal(Window(level=60, width=200)(Slices(pixels, (1, 1))).pixels, expected)


@every_source
def test_a_window_is_monais_range(source):
    slices = cases.hounsfield(source)
    expected = ScaleIntensityRange(-45, 105, 0, 1, clip=True)(slices.pixels)
    torch.testing.assert_close(Window(level=30, width=150)(slices).pixels, expected, rtol=0, atol=1e-6)


@every_source
def test_a_range_clips_and_does_not_scale(source):
    slices = cases.hounsfield(source)
    expected = np.clip(slices.pixels.numpy(), -100, 150)
    assert np.array_equal(HuRange(low=-100, high=150)(slices).pixels.numpy(), expected)


def test_the_livers_median_comes_to_lie_where_it_should_and_contrasts_stay():
    slices = Slices(torch.tensor([[[[-1000.0, 70.0, 95.0]]]]), (1, 1))
    assert LiverLevel(hu=100, median=70)(slices).pixels.tolist() == [[[[-970.0, 100.0, 125.0]]]]
    with pytest.raises(ValueError, match="“liver_level” needs the liver's median: call the chain's `with_liver`"):
        LiverLevel(hu=100)(slices)


@every_source
def test_min_max_is_monais_for_each_slice(source):
    slices = cases.hounsfield(source)
    expected = np.stack([ScaleIntensity(0, 1)(plane) for plane in cases.planes(slices)])
    scaled = MinMax()(slices).pixels[:, 0].numpy()
    np.testing.assert_allclose(scaled, expected, rtol=0, atol=1e-6)
    assert (scaled.min((1, 2)) == 0).all()
    assert (scaled.max((1, 2)) == 1).all()


def test_min_max_of_a_constant_slice_is_zero():
    assert not MinMax()(Slices(torch.full((2, 1, 5, 5), -7.25), (1, 1))).pixels.any()


@every_source
def test_z_score_is_scipys_for_each_slice(source):
    slices = cases.hounsfield(source)
    expected = np.stack([stats.zscore(plane.astype(np.float64), axis=None) for plane in cases.planes(slices)])
    np.testing.assert_allclose(ZScore()(slices).pixels[:, 0].numpy(), expected, rtol=0, atol=2e-6)


def test_z_score_is_by_slice_and_channel():
    pixels = ZScore()(cases.made(3, 2, 40, 50)).pixels.numpy()
    assert pixels.mean(axis=(2, 3)) == pytest.approx(np.zeros((3, 2)), abs=1e-5)
    assert pixels.std(axis=(2, 3)) == pytest.approx(np.ones((3, 2)), abs=1e-4)


@pytest.mark.parametrize("value", [7.0, 1000.1, -3.3333])
def test_z_score_of_a_constant_slice_is_zero(value):
    assert not ZScore()(Slices(torch.full((1, 1, 512, 300), value), (1, 1))).pixels.any()


def test_z_score_over_a_volume_has_the_mean_and_deviation_of_all_its_slices():
    view = np.random.default_rng(0).normal(-400, 500, (19, 30, 40)).astype(np.int16)
    chain = Chain.model_validate([{"step": "z_score", "over": "volume"}]).fitted(view, (1.0, 1.0, 1.0))
    expected = (view - view.mean()) / view.std()
    found = chain(Slices(torch.from_numpy(view[:, None].astype(np.float32)), (1.0, 1.0))).pixels[:, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert chain.root[0].mean == pytest.approx((view.mean(),))


def test_z_score_over_a_volume_sees_what_the_steps_before_made_of_it_channel_by_channel():
    view = np.random.default_rng(0).normal(0, 200, (9, 20, 24)).astype(np.int16)
    windows = [{"step": "window", "level": 0, "width": 200}], [{"step": "hu_range", "low": -50, "high": 50}]
    chain = Chain.model_validate([{"step": "channels", "chains": windows}, {"step": "z_score", "over": "volume"}])
    step = chain.fitted(view, (1.0, 1.0, 1.0)).root[1]
    made = np.clip((view + 100) / 200, 0, 1), np.clip(view, -50, 50)
    assert step.mean == pytest.approx([channel.mean() for channel in made], rel=1e-5)
    assert step.deviation == pytest.approx([channel.std() for channel in made], rel=1e-5)


def test_the_deviation_of_a_volume_is_exact_far_from_zero():
    view = (np.random.default_rng(0).integers(-2, 3, (9, 64, 64)) + 30000).astype(np.int16)
    view[4:] += 1
    (step,) = Chain.model_validate([{"step": "z_score", "over": "volume"}]).fitted(view, (1.0, 1.0, 1.0)).root
    assert step.mean == pytest.approx((view.mean(),), rel=1e-9)
    assert step.deviation == pytest.approx((view.std(),), rel=1e-5)


def test_a_constant_volume_of_no_whole_number_becomes_zero():
    view = np.full((3, 5, 67), 13, np.int16)
    steps = [{"step": "window", "level": 7, "width": 30}, {"step": "z_score", "over": "volume"}]
    chain = Chain.model_validate(steps).fitted(view, (1.0, 1.0, 1.0))
    assert not chain(Slices(torch.full((1, 1, 5, 67), 13.0), (1.0, 1.0))).pixels.any()


def test_a_constant_volume_becomes_zero():
    view = np.full((3, 5, 6), -1000, np.int16)
    chain = Chain.model_validate([{"step": "z_score", "over": "volume"}]).fitted(view, (1.0, 1.0, 1.0))
    assert not chain(Slices(torch.full((1, 1, 5, 6), -1000.0), (1.0, 1.0))).pixels.any()


def test_z_score_over_the_foreground_clips_first_as_nnu_net_does():
    step = ZScore(over="foreground", mean=100, deviation=40, low=-20, high=200)
    pixels = step(Slices(torch.tensor([[[[-1000.0, -20, 100, 180, 200, 3000]]]]), (1, 1))).pixels
    assert pixels.flatten().tolist() == [-3, -3, 0, 2, 2.5, 2.5]


def test_a_mean_may_be_given_for_each_channel():
    step = ZScore(over="foreground", mean=(100, 50), deviation=(10, 5))
    pixels = step(Slices(torch.full((1, 2, 1, 1), 60.0), (1, 1))).pixels
    assert pixels.flatten().tolist() == [-4, 2]


@pytest.mark.parametrize("mean", [100.0, (100.0, 50.0)])
def test_a_mean_is_read_as_strictly_as_models_are(mean):
    chain = Chain.model_validate([{"step": "z_score", "over": "foreground", "mean": mean, "deviation": mean}])
    assert Chain.model_validate_json(chain.to_json(), strict=True) == chain


@pytest.mark.parametrize(
    "options",
    [
        {"mean": 1.0, "deviation": 1.0},
        {"over": "volume", "mean": 1.0},
        {"over": "foreground"},
        {"over": "foreground", "mean": 1.0},
        {"over": "foreground", "mean": 1.0, "deviation": 1.0, "low": 0},
        {"over": "foreground", "mean": 1.0, "deviation": 1.0, "low": 5, "high": 5},
        {"over": "foreground", "mean": (), "deviation": ()},
        {"over": "volume", "low": 0, "high": 1},
        {"over": "patient"},
    ],
)
def test_numbers_that_do_not_belong_together_are_refused(options):
    with pytest.raises(ValidationError):
        ZScore(**options)


def test_a_range_has_its_limits_in_order():
    with pytest.raises(ValidationError, match="not below"):
        HuRange(low=100, high=-100)

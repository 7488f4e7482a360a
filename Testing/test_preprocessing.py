import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.preprocessing import Chain, Resample, Resize, Slices, Window, ZScore


def slices(*shape, spacing=(1.0, 1.0)):
    return Slices(torch.from_numpy(np.random.default_rng(0).normal(0, 100, shape).astype(np.float32)), spacing)


def test_window_clips_and_scales():
    given_ = Slices(torch.tensor([[[[-41.0, -40, 10, 60, 160, 3000]]]]), (1, 1))
    assert Window(level=60, width=200)(given_).pixels.flatten().tolist() == [0, 0, 0.25, 0.5, 1, 1]


def test_window_leaves_its_input_alone():
    before = slices(1, 1, 4, 4)
    kept = before.pixels.clone()
    Window(level=0, width=100)(before)
    assert torch.equal(before.pixels, kept)


def test_z_score_is_by_slice_and_channel():
    pixels = ZScore()(slices(3, 2, 40, 50)).pixels.numpy()
    assert pixels.mean(axis=(2, 3)) == pytest.approx(np.zeros((3, 2)), abs=1e-5)
    assert pixels.std(axis=(2, 3)) == pytest.approx(np.ones((3, 2)), abs=1e-4)


def test_z_score_of_a_constant_slice_is_zero():
    assert not ZScore()(Slices(torch.full((1, 1, 5, 5), 7.0), (1, 1))).pixels.any()


def test_resize_gives_the_size_and_the_spacing_that_follows():
    out = Resize(height=20, width=50)(slices(1, 1, 40, 100, spacing=(0.5, 0.6)))
    assert out.pixels.shape == (1, 1, 20, 50)
    assert out.spacing == pytest.approx((1.0, 1.2))


@given(st.integers(1, 90), st.integers(1, 90), st.floats(0.3, 3), st.floats(0.3, 3), st.floats(0.4, 4))
def test_resample_keeps_the_extent_in_millimetres(height, width, dy, dx, wanted):
    out = Resample(spacing_mm=wanted)(slices(1, 1, height, width, spacing=(dy, dx)))
    rows, columns = out.pixels.shape[-2:]
    assert rows * out.spacing[0] == pytest.approx(height * dy)
    assert columns * out.spacing[1] == pytest.approx(width * dx)
    assert abs(rows - height * dy / wanted) <= max(0.5, 1 - height * dy / wanted) + 1e-6


def test_resample_places_pixels_where_they_were():
    ramp = torch.arange(60, dtype=torch.float32).expand(1, 1, 30, 60)
    out = Resample(spacing_mm=2.0)(Slices(ramp, (1, 1))).pixels
    assert out[0, 0, 10, 1:-1].tolist() == pytest.approx((np.arange(1, 29) * 2 + 0.5).tolist(), abs=1e-3)


def test_a_chain_comes_back_from_its_json():
    chain = Chain.model_validate(
        [
            {"step": "window", "level": 60, "width": 200},
            {"step": "z_score"},
            {"step": "resize", "height": 8, "width": 9},
            {"step": "resample", "spacing_mm": 1.5},
        ]
    )
    again = Chain.from_json(chain.to_json())
    assert again == chain
    assert torch.equal(again(slices(2, 1, 16, 16)).pixels, chain(slices(2, 1, 16, 16)).pixels)
    assert chain.spacing_mm == 1.5
    assert Chain.from_json("[]").spacing_mm is None


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        '[{"step": "sharpen"}]',
        '[{"step": "window", "level": 1}]',
        '[{"step": "window", "level": 1, "width": 0}]',
        '[{"step": "window", "level": 1, "width": NaN}]',
        '[{"step": "z_score", "by": "volume"}]',
    ],
)
def test_a_chain_that_is_not_right_is_refused_in_one_sentence(text):
    with pytest.raises(UserError, match="preprocessing chain is not valid") as caught:
        Chain.from_json(text)
    assert "\n" not in str(caught.value)

import json

import numpy as np
import pytest
import torch
from support import preprocessing_cases as cases
from torch.nn import functional as F

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.preprocessing import Chain, Slices, Window, named_chains

SHIPPED = '[{"step":"window","level":60,"width":200},{"step":"resample","spacing_mm":1.25}]'
LIVER = {"step": "window", "level": 30, "width": 150}
WIDE = {"step": "window", "level": 60, "width": 200}


def channels(*chains):
    return Chain.model_validate([{"step": "channels", "chains": chains}])


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
    slices = cases.made(2, 1, 16, 16)
    assert torch.equal(again(slices).pixels, chain(slices).pixels)
    assert chain.spacing_mm == 1.5
    assert Chain.from_json("[]").spacing_mm is None


def test_the_shipped_models_chain_is_bit_for_bit_what_it_was():
    pixels = cases.hounsfield("phantom").pixels
    out = Chain.from_json(SHIPPED)(Slices(pixels, (0.8, 0.7)))
    windowed = ((pixels - -40) / 200).clamp(0, 1)
    size = [round(150 * 0.8 / 1.25), round(176 * 0.7 / 1.25)]
    assert torch.equal(out.pixels, F.interpolate(windowed, size=size, mode="bilinear", antialias=True))
    assert out.spacing == (0.8 * 150 / size[0], 0.7 * 176 / size[1])


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
        '[{"step": "z_score", "over": "foreground"}]',
        '[{"step": "hu_range", "low": 5, "high": 1}]',
        '[{"step": "clahe", "bins": 8}]',
        '[{"step": "crop", "rows": [5, 5], "columns": [0, 9]}]',
        '[{"step": "channels", "chains": []}]',
        '[{"step": "channels", "chains": [[{"step": "sharpen"}]]}]',
    ],
)
def test_a_chain_that_is_not_right_is_refused_in_one_sentence(text):
    with pytest.raises(UserError, match="preprocessing chain is not valid") as caught:
        Chain.from_json(text)
    assert "\n" not in str(caught.value)


def test_a_chain_of_a_file_is_called_by_it():
    with pytest.raises(UserError, match=r"^The chain a\.json is not valid: there is no “widht” at step 1"):
        Chain.from_json('[{"step": "window", "level": 1, "widht": 2}]', "The chain a.json")


BODY = {"step": "crop_to_body"}


@pytest.mark.parametrize(
    "steps",
    [
        [WIDE, BODY],
        [{"step": "z_score"}, {"step": "median"}, BODY],
        [{"step": "channels", "chains": [[], [WIDE]]}, BODY],
        [WIDE, {"step": "channels", "chains": [[], [BODY]]}],
    ],
)
def test_a_body_is_looked_for_in_hu_alone(steps):
    with pytest.raises(
        UserError, match=r": crop_to_body needs HU: move crop_to_body before the steps that change HU\.$"
    ) as caught:
        Chain.from_json(json.dumps(steps))
    assert "\n" not in str(caught.value)


def test_steps_that_keep_hu_may_come_before_the_body_is_looked_for():
    keeping = [{"step": "hu_range", "low": -1000, "high": 1000}, {"step": "gaussian", "sigma": 1}]
    assert Chain.model_validate([*keeping, {"step": "channels", "chains": [[], keeping]}, BODY, WIDE]).needs_volume


MIN_MAX, EQUALISED = {"step": "min_max"}, {"step": "histogram_equalisation"}


@pytest.mark.parametrize(
    ("fits", "steps"),
    [
        (True, [WIDE]),
        (True, [{"step": "window", "level": 0, "width": 512}]),
        (False, [{"step": "window", "level": 0, "width": 513}]),
        (False, [{"step": "window", "level": 0, "width": 4000}, {"step": "window", "level": 0.5, "width": 0.5}]),
        (True, [{"step": "window", "level": 0, "width": 4000}, EQUALISED, {"step": "median"}]),
        (True, [{"step": "window", "level": 0, "width": 4000}, {"step": "clahe"}]),
        (True, [{"step": "frequency_histogram"}, {"step": "resize", "height": 4, "width": 4}]),
        (False, []),
        (False, [{"step": "z_score"}]),
        (False, [MIN_MAX]),
        (False, [{"step": "hu_range", "low": -1024, "high": 3071}, MIN_MAX]),
        (True, [WIDE, MIN_MAX]),
        (True, [{"step": "channels", "chains": [[WIDE], [LIVER], [{"step": "frequency_histogram"}]]}]),
        (False, [{"step": "channels", "chains": [[WIDE], [MIN_MAX]]}]),
        (True, [{"step": "channels", "chains": [[WIDE], []]}, EQUALISED]),
    ],
)
def test_8_bits_hold_windows_of_512_hu_and_what_is_spread(fits, steps):
    assert Chain.model_validate(steps).fits_8_bits is fits


def test_of_the_named_chains_the_wide_windows_and_the_z_score_do_not_fit_8_bits():
    without = {entry.name for entry in named_chains() if not entry.chain.fits_8_bits}
    assert without == {"ahmad", "elmenabawy_without"}


def test_channels_stand_in_the_order_of_their_chains():
    slices = cases.hounsfield("phantom")
    out = channels([LIVER], [WIDE], [])(slices).pixels
    assert torch.equal(out[:, :1], Window(level=30, width=150)(slices).pixels)
    assert torch.equal(out[:, 1:2], Window(level=60, width=200)(slices).pixels)
    assert torch.equal(out[:, 2:], slices.pixels)


def test_the_number_of_channels_multiplies():
    assert Chain.from_json("[]").channels == 1
    assert Chain.from_json(SHIPPED).channels == 1
    three = channels([LIVER], [{"step": "channels", "chains": [[LIVER], [WIDE]]}])
    assert three.channels == 3
    twice = Chain.model_validate([*three.root, {"step": "channels", "chains": [[], []]}])
    assert twice.channels == twice(cases.made(1, 1, 4, 4)).pixels.shape[1] == 6


@pytest.mark.parametrize(
    "last",
    [
        {"step": "resize", "height": 8, "width": 9},
        {"step": "crop", "rows": (0, 9), "columns": (0, 16)},
        {"step": "crop", "rows": (1, 11), "columns": (0, 16)},
    ],
)
def test_channels_in_different_places_are_refused_in_one_sentence(last):
    first = {"step": "crop", "rows": (0, 10), "columns": (0, 16)}
    with pytest.raises(UserError, match="same pixels.*10 x 16 pixels, chain 2") as caught:
        channels([first], [last])(cases.made(1, 1, 16, 16))
    assert "\n" not in str(caught.value)


def test_the_spacing_is_found_among_channels():
    resampling = [LIVER, {"step": "resample", "spacing_mm": 1.5}]
    assert channels(resampling, resampling).spacing_mm == 1.5
    assert channels([LIVER], [WIDE]).spacing_mm is None


def test_a_chain_that_needs_no_volume_is_its_own_fitted_chain():
    chain = Chain.from_json(SHIPPED)
    assert not chain.needs_volume
    assert chain.fitted(np.zeros((1, 4, 4), np.int16), (1.0, 1.0, 1.0)) is chain


def test_fitting_reaches_the_steps_within_channels_and_leaves_the_chain_as_it_was():
    view = np.random.default_rng(0).normal(0, 100, (5, 20, 30)).astype(np.int16)
    chain = Chain.model_validate(
        [
            {"step": "hu_range", "low": -50, "high": 80},
            {"step": "channels", "chains": [[{"step": "z_score", "over": "volume"}], [WIDE]]},
            {"step": "resize", "height": 10, "width": 12},
        ]
    )
    fitted = chain.fitted(view, (1.0, 1.0, 1.0))
    assert chain.needs_volume
    assert not fitted.needs_volume
    clipped = np.clip(view, -50, 80)
    assert fitted.root[1].chains[0].root[0].mean == pytest.approx((clipped.mean(),))
    assert (fitted.root[0], fitted.root[2], fitted.root[1].chains[1]) == (
        chain.root[0],
        chain.root[2],
        chain.root[1].chains[1],
    )
    assert Chain.from_json(fitted.to_json()) == fitted


def test_a_fitted_chain_that_is_fitted_again_stays_as_it_is():
    view = np.random.default_rng(0).normal(0, 100, (5, 20, 30)).astype(np.int16)
    fitted = Chain.model_validate([{"step": "z_score", "over": "volume"}]).fitted(view, (1.0, 1.0, 1.0))
    assert fitted.fitted(view + 100, (1.0, 1.0, 1.0)) == fitted


def test_a_chain_over_the_volume_says_that_it_has_to_be_fitted():
    with pytest.raises(ValueError, match="fitted"):
        channels([LIVER], [{"step": "z_score", "over": "volume"}])(cases.made(1, 1, 4, 4))


WINDOW = {"step": "window", "level": 60, "width": 200}


@pytest.mark.parametrize(
    ("steps", "unit"),
    [
        ([], False),
        ([WINDOW], True),
        ([WINDOW, {"step": "median"}, {"step": "resize", "height": 8, "width": 8}], True),
        ([WINDOW, {"step": "z_score"}], False),
        ([{"step": "z_score"}, {"step": "min_max"}], True),
        ([{"step": "hu_range", "low": -100, "high": 200}, {"step": "gaussian", "sigma": 1}], False),
        ([{"step": "channels", "chains": [[WINDOW], [{"step": "clahe"}]]}], True),
        ([{"step": "channels", "chains": [[WINDOW], [{"step": "z_score"}]]}], False),
        ([WINDOW, {"step": "channels", "chains": [[], [{"step": "histogram_equalisation"}]]}], True),
    ],
)
def test_whether_values_end_between_0_and_1_follows_from_the_steps(steps, unit):
    assert Chain.model_validate(steps).ends_in_unit is unit


def test_of_the_published_chains_only_the_z_scores_do_not_end_between_0_and_1():
    assert {entry.name for entry in named_chains() if not entry.chain.ends_in_unit} == {"dhanush"}


LEVELLED = [{"step": "hu_range", "low": -40, "high": 160}, {"step": "liver_level", "hu": 100}]


def test_a_chain_learns_the_livers_median_of_a_patient_and_forgets_it():
    stored = Chain.model_validate([*LEVELLED, {"step": "window", "level": 60, "width": 200}])
    assert stored.needs_liver
    assert stored.fits_8_bits
    known = stored.with_liver(70.0)
    assert not known.needs_liver
    assert known(Slices(torch.tensor([[[[70.0, 90.0, 3000.0]]]]), (1.0, 1.0))).pixels.tolist() == [
        [[[pytest.approx(0.7), pytest.approx(0.8), 1.0]]]
    ]
    assert "median" not in stored.to_json()


def test_without_a_liver_nothing_is_shifted():
    slices = Slices(torch.tensor([[[[70.0]]]]), (1.0, 1.0))
    assert Chain.model_validate(LEVELLED).with_liver(None)(slices).pixels.tolist() == [[[[70.0]]]]


def test_chains_within_channels_learn_the_median_too():
    chain = Chain.model_validate([{"step": "channels", "chains": [LEVELLED, [{"step": "median"}]]}])
    assert chain.needs_liver
    assert not chain.with_liver(70.0).needs_liver
    plain = Chain.model_validate([{"step": "median"}])
    assert plain.with_liver(70.0) is plain


def test_the_liver_is_levelled_in_hu_alone():
    with pytest.raises(UserError, match="liver_level needs HU: move liver_level before the steps that change HU"):
        Chain.from_json('[{"step": "window", "level": 60, "width": 200}, {"step": "liver_level", "hu": 100}]')

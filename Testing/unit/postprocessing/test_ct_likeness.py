import numpy as np
import pytest
from pydantic import ValidationError

from LiverTumorSegLib.postprocessing.ct_likeness import (
    CTMeasures,
    Range,
    SeenCTs,
    describe_doubts,
    measure_ct,
)

SPACING = (2.0, 1.5, 1.5)
USUAL = CTMeasures(100.0, 12.0, 2.0, 700.0)
SEEN = SeenCTs(liver_hu=Range(low=64, high=136), noise_hu=Range(low=4, high=26), slice_mm=Range(low=0.8, high=5))


@pytest.fixture
def case():
    """A body of 160 by 120 pixels with a couch under it, and a liver of 110 HU with noise of 15."""
    hounsfield = np.full((12, 180, 220), -1000, np.int16)
    hounsfield[:, 20:140, 30:190] = 30
    hounsfield[:, 150:153, 10:210] = 200
    hounsfield[:, 60:70, 100:110] = -700  # lung is part of the body
    labels = np.zeros(hounsfield.shape, np.uint8)
    labels[2:10, 40:100, 40:90] = 1
    labels[4:6, 50:60, 50:60] = 2
    liver = labels > 0
    hounsfield[liver] = np.random.default_rng(0).normal(110, 15, liver.sum())
    return labels, hounsfield


def test_a_ct_is_measured_by_the_liver_in_it(case):
    found = measure_ct(*case, SPACING)
    assert found.liver_hu == pytest.approx(110, abs=1)
    assert found.noise_hu == pytest.approx(15, abs=1)
    assert found.slice_mm == 2.0
    assert found.body_cm2 == pytest.approx(160 * 120 * 1.5 * 1.5 / 100, rel=0.01)


def test_without_a_liver_there_is_nothing_to_measure_it_by(case):
    labels, hounsfield = case
    assert measure_ct(np.zeros_like(labels), hounsfield, SPACING) is None
    assert measure_ct(np.where(labels == 2, 2, 0).astype(np.uint8), hounsfield, SPACING) is None


def test_a_usual_ct_leaves_no_doubt():
    assert list(describe_doubts(USUAL, SEEN)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"liver_hu": 50.0}, "a liver of 50 HU, theirs from 64 on: perhaps without contrast agent"),
        ({"liver_hu": 180.0}, "a liver of 180 HU, theirs up to 136: perhaps another phase"),
        ({"noise_hu": 40.0}, "noise of 40 HU, theirs up to 26"),
        ({"slice_mm": 7.5}, "slices 7.5 mm apart, theirs up to 5.0 mm"),
    ],
)
def test_what_is_unlike_the_cts_trained_on_is_said(change, words):
    (sentence,) = describe_doubts(USUAL._replace(**change), SEEN)
    assert (
        sentence == f"This CT is unlike most that the model was trained on ({words}): check its result with more care."
    )
    assert list(describe_doubts(USUAL._replace(**change), None)) == []


def test_all_of_it_is_one_sentence():
    (sentence,) = describe_doubts(USUAL._replace(liver_hu=50.0, noise_hu=40.0, slice_mm=9.0), SEEN)
    assert sentence.count(";") == 2


@pytest.mark.parametrize("area", [120.0, 1700.0])
def test_a_body_that_no_adult_has_is_said(area):
    (sentence,) = describe_doubts(USUAL._replace(body_cm2=area), SEEN)
    assert f"covers {area:.0f} cm²" in sentence
    assert "the spacing in the file is false" in sentence


def test_ranges_are_those_of_most_patients():
    many = [USUAL._replace(liver_hu=float(value)) for value in range(101)]
    seen = SeenCTs.of(many)
    assert (seen.liver_hu.low, seen.liver_hu.high) == (5, 95)
    assert (seen.noise_hu.low, seen.noise_hu.high) == (12, 12)
    with pytest.raises(ValidationError, match="does not run from 2 to 1"):
        Range(low=2, high=1)

import numpy as np
import pytest
from scipy import ndimage

from LiverTumorSegLib.postprocessing.candidates import lesion_contrasts


@pytest.fixture
def liver():
    """A liver of 100 HU in 40."""
    labels = np.zeros((20, 40, 40), np.uint8)
    labels[2:18, 4:36, 4:36] = 1
    return labels, np.where(labels, 100, 40).astype(np.int16)


def measured(labels, hounsfield, spacing=(2.0, 1.0, 1.0)):
    parts, _ = ndimage.label(labels == 2)
    return lesion_contrasts(parts, labels, hounsfield, spacing).tolist()


def test_lesions_darker_and_brighter_than_the_liver_have_their_difference(liver):
    labels, hounsfield = liver
    for rows, value in ((slice(8, 12), 70), (slice(26, 30), 125)):
        labels[8:10, rows, 18:22] = 2
        hounsfield[8:10, rows, 18:22] = value
    assert measured(labels, hounsfield) == [np.inf, -30, 25]


def test_what_is_beside_the_outline_or_far_off_or_no_liver_does_not_count(liver):
    labels, hounsfield = liver
    labels[8:10, 6:10, 18:22] = 2  # background from 3 mm off
    hounsfield[labels == 2] = 70
    away = ndimage.distance_transform_edt(labels != 2, sampling=(2, 1, 1))
    hounsfield[(away <= 2) & (labels == 1)] = -500
    hounsfield[(away > 10) & (labels == 1)] = 500
    assert measured(labels, hounsfield) == [np.inf, -30]


def test_spacing_decides_what_is_around(liver):
    labels, hounsfield = liver
    labels[8:10, 18:22, 18:22] = 2
    hounsfield[labels == 2] = 70
    hounsfield[11:] = 0  # 3 slices off and more: out of reach of slices 10 mm apart, but not of 2 mm
    assert measured(labels, hounsfield, (11.0, 1.0, 1.0)) == [np.inf, -30]
    assert measured(labels, hounsfield)[1] > -10


def test_a_lesion_with_hardly_any_liver_around_it_has_no_contrast():
    labels = np.full((6, 8, 8), 2, np.uint8)
    labels[0, 0, :5] = 1
    assert measured(labels, np.zeros(labels.shape, np.int16)) == [np.inf, np.inf]


def test_flips_and_axis_orders_give_the_same_to_the_last_bit(liver):
    labels, hounsfield = liver
    random = np.random.default_rng(0)
    hounsfield = (hounsfield + random.normal(0, 20, hounsfield.shape)).astype(np.int16)
    labels[8:11, 12:17, 10:18] = 2
    wanted = measured(labels, hounsfield)
    assert measured(labels[::-1, :, ::-1], hounsfield[::-1, :, ::-1]) == wanted
    turned = [np.ascontiguousarray(array.transpose(2, 0, 1)) for array in (labels, hounsfield)]
    assert measured(*turned, (1.0, 2.0, 1.0)) == wanted


def test_without_lesions_there_is_nothing_to_measure(liver):
    assert measured(*liver) == [np.inf]

import numpy as np
import pytest
from support.models import KEEP_ALL

from LiverTumorSegLib.core.labels import bounding_box
from LiverTumorSegLib.postprocessing.cleaning import clean_labels, remove_lesion
from LiverTumorSegLib.postprocessing.settings import Postprocessing

ML = 0.001  # a cubic millimetre


def only(**switched_on):
    return KEEP_ALL.model_copy(update=switched_on)


@pytest.fixture
def labels():
    """A liver with a hole, a lesion in it, one on it, one apart; a smaller liver with a lesion of its own."""
    made = np.zeros((12, 30, 30), np.uint8)
    made[1:11, 2:16, 2:16] = 1
    made[5, 8, 8] = 0
    made[3:5, 4:6, 4:6] = 2
    made[4:7, 16:18, 5:8] = 2
    made[2:6, 25:28, 2:5] = 2
    made[2:6, 22:28, 22:28] = 1
    made[3, 24, 24] = 2
    return made


def cleaned(labels, settings, voxel_ml=ML):
    result = labels.copy()
    clean_labels(result, voxel_ml, settings)
    return result


def test_everything_can_be_switched_off(labels):
    assert np.array_equal(cleaned(labels, KEEP_ALL), labels)


def test_the_largest_liver_is_kept_and_lesions_stay(labels):
    result = cleaned(labels, only(largest_liver=True))
    assert not (result[2:6, 22:28, 22:28] == 1).any()
    assert np.array_equal(result == 2, labels == 2)


def test_lesions_away_from_any_liver_are_dropped(labels):
    result = cleaned(labels, only(lesions_in_liver=True))
    assert not result[2:6, 25:28, 2:5].any()
    assert result[3, 24, 24] == 2
    assert (result[4:7, 16:18, 5:8] == 2).all()


def test_a_lesion_apart_that_is_larger_than_the_liver_does_not_stand_for_it():
    labels = np.zeros((8, 30, 30), np.uint8)
    labels[2:5, 2:8, 2:8] = 1
    labels[3, 4, 4] = 2
    labels[1:7, 14:28, 14:28] = 2
    result = cleaned(labels, only(largest_liver=True, lesions_in_liver=True))
    assert np.array_equal(result[:, :10, :10], labels[:, :10, :10])
    assert not result[:, 10:, 10:].any()


def test_with_both_only_the_largest_liver_and_its_lesions_stay(labels):
    result = cleaned(labels, only(largest_liver=True, lesions_in_liver=True))
    expected = labels.copy()
    expected[:, 18:] = 0
    assert np.array_equal(result, expected)


def test_holes_become_liver_but_the_outside_does_not(labels):
    result = cleaned(labels, only(fill_holes=True))
    changed = np.argwhere(result != labels)
    assert changed.tolist() == [[5, 8, 8]]
    assert result[5, 8, 8] == 1


def test_a_notch_open_to_the_border_of_the_volume_is_no_hole():
    labels = np.ones((5, 6, 7), np.uint8)
    labels[0, 3, 3] = labels[2, 2, 2] = 0
    clean_labels(labels, ML, only(fill_holes=True))
    assert np.argwhere(labels == 0).tolist() == [[0, 3, 3]]


def test_lesions_below_the_volume_become_liver(labels):
    result = cleaned(labels, only(smallest_lesion_ml=8 * ML))
    assert result[3, 24, 24] == 1
    assert (result[3:5, 4:6, 4:6] == 2).all()


def test_small_lesions_away_from_the_liver_become_background(labels):
    labels[9, 27, 4] = 2
    result = cleaned(labels, only(smallest_lesion_ml=50 * ML))
    assert result[9, 27, 4] == 0
    assert not result[2:6, 25:28, 2:5].any()


def test_what_is_too_small_for_a_liver_is_dropped(labels):
    volume = np.count_nonzero(labels) * ML
    assert np.array_equal(cleaned(labels, only(smallest_liver_ml=volume)), labels)
    assert not cleaned(labels, only(smallest_liver_ml=volume + ML)).any()


def test_no_labels_stay_no_labels():
    labels = np.zeros((3, 4, 5), np.uint8)
    clean_labels(labels, ML, Postprocessing())
    assert not labels.any()


def test_lesions_alone_are_kept_as_their_own_liver():
    labels = np.zeros((3, 9, 9), np.uint8)
    labels[:, 2:7, 2:7] = 2
    assert np.array_equal(cleaned(labels, Postprocessing(smallest_lesion_ml=0, smallest_liver_ml=0)), labels)


def test_bounds_hold_every_label_and_no_more(labels):
    assert bounding_box(labels) == (slice(1, 11), slice(2, 28), slice(2, 28))


def test_a_lesion_taken_away_becomes_what_is_around_it():
    labels = np.zeros((5, 9, 9), np.uint8)
    labels[1:4, 1:8, 1:5] = 1
    labels[2, 3:5, 2:4] = 2  # in the liver
    labels[2, 3:5, 7:9] = 2  # beside it, at the end of the CT
    remove_lesion(labels, (2, 3, 2))
    assert (labels[2, 3:5, 2:4] == 1).all()
    assert (labels[2, 3:5, 7:9] == 2).all()
    remove_lesion(labels, (2, 4, 8))
    assert (labels[2, 3:5, 7:9] == 0).all()
    before = labels.copy()
    remove_lesion(labels, (0, 0, 0))
    remove_lesion(labels, (9, 0, 0))
    assert np.array_equal(labels, before)

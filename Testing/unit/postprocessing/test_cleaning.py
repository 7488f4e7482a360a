import numpy as np
import pytest
from support.models import KEEP_ALL

from LiverTumorSegLib.core.labels import bounding_box
from LiverTumorSegLib.postprocessing.cleaning import SegmentedCT, clean_labels
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
    clean_labels(result, voxel_ml, settings, seen(result))
    return result


def seen(labels, hounsfield=None, spacing=(1.0, 1.0, 1.0)):
    return SegmentedCT(np.zeros(labels.shape, np.int16) if hounsfield is None else hounsfield, spacing)


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
    clean_labels(labels, ML, only(fill_holes=True), seen(labels))
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


def test_lesions_that_the_network_is_less_sure_of_become_liver(labels):
    confidence = np.where(labels == 2, 204, 0).astype(np.uint8)  # 0.8
    confidence[3:5, 4:6, 4:6] = 128
    confidence[3, 4, 4] = 255  # the mean counts: 0.56
    ct = SegmentedCT(np.zeros(labels.shape, np.int16), (1.0, 1.0, 1.0), confidence)
    kept = labels.copy()
    kept[3:5, 4:6, 4:6] = 1
    for least, expected in (
        (0, labels),
        (0.55, labels),
        (0.57, kept),
        (0.79, kept),
        (0.81, np.where(kept == 2, 1, kept)),
    ):
        result = labels.copy()
        clean_labels(result, ML, only(least_probability=least), ct)
        assert np.array_equal(result == 2, expected == 2), least


def test_how_sure_the_network_was_is_looked_at_where_the_lesions_are_also_after_livers_before_them_went(labels):
    backwards = np.s_[::-1, ::-1, ::-1]  # the smaller liver is first
    confidence = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8)
    confidence[labels == 2] = 200
    confidence[3:5, 4:6, 4:6] = 100
    result = labels[backwards].copy()
    ct = SegmentedCT(np.zeros(labels.shape, np.int16), (1.0, 1.0, 1.0), confidence[backwards])
    clean_labels(result, ML, only(largest_liver=True, lesions_in_liver=True, least_probability=0.6), ct)
    kept = np.zeros(labels.shape, bool)
    kept[4:7, 16:18, 5:8] = True
    assert np.array_equal(result[backwards] == 2, kept)


def test_lesions_that_hardly_differ_from_the_liver_around_them_become_liver(labels):
    hounsfield = np.where(labels == 1, 100, -50).astype(np.int16)
    hounsfield[labels == 2] = 60
    hounsfield[3:5, 4:6, 4:6] = 92
    result = labels.copy()
    clean_labels(result, ML, only(least_contrast_hu=10), seen(labels, hounsfield))
    assert (result[3:5, 4:6, 4:6] == 1).all()
    kept = labels.copy()
    kept[3:5, 4:6, 4:6] = 1
    assert np.array_equal(result, kept)


def test_the_ct_is_looked_at_where_the_lesions_are_also_after_livers_before_them_went(labels):
    hounsfield = np.random.default_rng(0).integers(-999, 999, labels.shape).astype(np.int16)
    hounsfield[labels == 1] = 100
    hounsfield[labels == 2] = 60
    hounsfield[3:5, 4:6, 4:6] = 92
    backwards = np.s_[::-1, ::-1, ::-1]  # the smaller liver is first
    result = labels[backwards].copy()
    settings = only(largest_liver=True, lesions_in_liver=True, least_contrast_hu=10)
    clean_labels(result, ML, settings, seen(result, hounsfield[backwards]))
    kept = np.where(hounsfield == 60, labels, 0)[4:7, 16:18, 5:8]
    assert np.array_equal(result[backwards] == 2, np.pad(kept == 2, [(4, 5), (16, 12), (5, 22)]))


def test_what_is_too_small_for_a_liver_is_dropped(labels):
    volume = np.count_nonzero(labels) * ML
    assert np.array_equal(cleaned(labels, only(smallest_liver_ml=volume)), labels)
    assert not cleaned(labels, only(smallest_liver_ml=volume + ML)).any()


def test_no_labels_stay_no_labels():
    labels = np.zeros((3, 4, 5), np.uint8)
    clean_labels(labels, ML, Postprocessing(), seen(labels))
    assert not labels.any()


def test_lesions_alone_are_kept_as_their_own_liver():
    labels = np.zeros((3, 9, 9), np.uint8)
    labels[:, 2:7, 2:7] = 2
    assert np.array_equal(cleaned(labels, Postprocessing(smallest_lesion_ml=0, smallest_liver_ml=0)), labels)


def test_bounds_hold_every_label_and_no_more(labels):
    assert bounding_box(labels) == (slice(1, 11), slice(2, 28), slice(2, 28))

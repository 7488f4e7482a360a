import numpy as np
import pytest
from scipy import ndimage

from LiverTumorSegLib.core.labels import FULL_CONFIDENCE
from LiverTumorSegLib.postprocessing.candidates import LEAST_PROBABILITY, MEASURES, SegmentedCT, find_candidates

SPACING = (2.0, 1.0, 1.0)
VOXEL_ML = 0.002
BLOCK, ROD, FAINT = np.s_[6:10, 10:18, 10:18], np.s_[8:9, 30:32, 8:32], np.s_[14:16, 24:30, 24:30]


@pytest.fixture
def case():
    """A liver of 100 HU with a block of 60 and a rod of 130 labelled lesion, and a block of 90 that may be one."""
    labels = np.zeros((20, 44, 44), np.uint8)
    labels[2:18, 4:40, 4:40] = 1
    hounsfield = np.where(labels, 100, 0).astype(np.int16)
    confidence = np.zeros(labels.shape, np.uint8)
    for place, value, probability in ((BLOCK, 60, 0.9), (ROD, 130, 0.6)):
        labels[place], hounsfield[place] = 2, value
        confidence[place] = round(probability * FULL_CONFIDENCE)
    hounsfield[FAINT] = 90
    confidence[FAINT] = round(0.4 * FULL_CONFIDENCE)
    return labels, SegmentedCT(hounsfield, SPACING, confidence, VOXEL_ML)


def whole(found, labels):
    numbers = np.zeros(labels.shape, int)
    numbers[found.box] = found.numbers
    return numbers


def named(row):
    return dict(zip(MEASURES, row, strict=True))


def test_candidates_are_what_is_labelled_lesion_and_liver_that_may_be(case):
    labels, ct = case
    found = find_candidates(labels, ct, 0.0)
    numbers = whole(found, labels)
    marked = [np.unique(numbers[place]).tolist() for place in (BLOCK, ROD, FAINT)]
    assert marked == [[1], [2], [3]]
    assert np.count_nonzero(numbers) == np.count_nonzero(labels == 2) + labels[FAINT].size


def test_measures_are_those_of_the_candidate(case):
    labels, ct = case
    block, rod, faint = (named(row) for row in find_candidates(labels, ct, 0.0).measures)
    assert block["contrast_hu"] == pytest.approx(-40)
    assert rod["contrast_hu"] == pytest.approx(30)
    assert [each["absolute_contrast_hu"] for each in (block, rod, faint)] == pytest.approx([40, 30, 10])
    assert block["log_volume_ml"] == pytest.approx(np.log(4 * 8 * 8 * 2 / 1000))
    assert block["log_slices"] == pytest.approx(np.log(4))
    assert block["sd_hu"] == 0
    assert block["elongation"] == pytest.approx(1, abs=0.02)
    assert rod["elongation"] > 8
    assert block["mean_probability_logit"] > 2 > rod["mean_probability_logit"] > 0 > faint["mean_probability_logit"]
    assert block["background_share"] == 0


def test_a_candidate_on_the_rim_has_background_beside_it(case):
    labels, ct = case
    labels[6:10, 4:8, 20:28] = 2
    ct.confidence[6:10, 4:8, 20:28] = 200
    rim = find_candidates(labels, ct, 0.0).measures[:, MEASURES.index("background_share")]
    assert sorted(rim > 0) == [False, False, False, True]


def test_rims_of_what_is_labelled_and_specks_are_no_candidates_of_their_own(case):
    labels, ct = case
    around = ndimage.binary_dilation(labels == 2) & (labels == 1)
    ct.confidence[around] = round(0.45 * FULL_CONFIDENCE)
    ct.confidence[4, 6, 6] = 255
    assert len(find_candidates(labels, ct, 0.05).otherwise) == 3
    assert len(find_candidates(labels, ct, 0.0).otherwise) == 4


def test_what_is_hardly_likely_is_no_candidate(case):
    labels, ct = case
    ct.confidence[FAINT] = int(LEAST_PROBABILITY * FULL_CONFIDENCE) - 1
    assert len(find_candidates(labels, ct, 0.0).otherwise) == 2


def test_a_candidate_becomes_liver_but_background_where_no_liver_touches_it(case):
    labels, ct = case
    labels[0:2, 0:2, 0:2] = 2
    found = find_candidates(labels, ct, 0.0)
    numbers = whole(found, labels)
    assert found.otherwise[numbers[0, 0, 0] - 1] == 0
    assert sorted(found.otherwise.tolist()) == [0, 1, 1, 1]


def test_without_labels_there_is_no_candidate(case):
    labels, ct = case
    found = find_candidates(np.zeros_like(labels), ct, 0.0)
    assert (found.numbers.size, found.measures.shape) == (0, (0, len(MEASURES)))


def test_flips_and_axis_orders_give_the_same_measures(case):
    labels, ct = case
    wanted = sorted(map(tuple, np.round(find_candidates(labels, ct, 0.0).measures, 9).tolist()))
    flipped = SegmentedCT(ct.hounsfield[::-1, :, ::-1], SPACING, ct.confidence[::-1, :, ::-1], VOXEL_ML)
    found = find_candidates(labels[::-1, :, ::-1], flipped, 0.0).measures
    assert sorted(map(tuple, np.round(found, 9).tolist())) == wanted


def test_volumes_are_those_of_voxels_that_a_tilted_gantry_shears(case):
    labels, ct = case
    sheared = ct._replace(voxel_ml=VOXEL_ML * 0.9)
    straight, tilted = (find_candidates(labels, each, 0.0).measures for each in (ct, sheared))
    at = MEASURES.index("log_volume_ml")
    assert np.allclose(tilted[:, at], straight[:, at] + np.log(0.9))
    assert np.array_equal(np.delete(tilted, at, axis=1), np.delete(straight, at, axis=1))

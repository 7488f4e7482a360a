from dataclasses import replace

import numpy as np
import pytest
from support.models import describe

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.experiments.candidate_cases import case_of
from LiverTumorSegLib.experiments.out_of_fold import HeldOutPatient
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.postprocessing.candidates import SegmentedCT, find_candidates

FOUND, HALF, GRAZED, ELSEWHERE = (
    np.s_[4:8, 10:14, 10:14],
    np.s_[4:8, 20:24, 10:14],
    np.s_[12:14, 10:20, 10:20],
    np.s_[16, 30:36, 30:36],
)


@pytest.fixture
def volume():
    return Volume(np.zeros((20, 44, 44), np.int16), np.diag([-1.0, -1.0, 2.0, 1.0]))


def patient(volume, reference):
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[1:19, 4:40, 4:40] = 1
    for place in (FOUND, HALF, GRAZED, ELSEWHERE):
        labels[place] = 2
    sure = np.full(labels.shape, 200, np.uint8)
    ct = SegmentedCT(volume.axial.of(volume.voxels), volume.axial.spacing, sure, volume.voxel_ml)
    ct.confidence[volume.axial.of(labels) == 1] = 0
    found = find_candidates(volume.axial.of(labels), ct, 0.0)
    made = Segmentation(labels, volume, describe(), "cpu", SegmentationOptions(), (), 1.0, candidates=found)
    return HeldOutPatient("volume-1", made, reference, True)


@pytest.fixture
def case(volume):
    reference = np.zeros(volume.voxels.shape, np.uint8)
    reference[1:19, 4:40, 4:40] = 1
    reference[FOUND] = 2
    reference[4:8, 22:26, 10:14] = 2  # overlaps HALF by a half
    reference[13:15, 19:24, 19:24] = 2  # grazed in a corner
    reference[2, 8, 30] = 2  # missed
    return case_of(patient(volume, reference))


def test_candidates_are_held_against_the_lesions_that_they_touch(case):
    sizes = case.sizes.tolist()
    assert sorted(sizes) == [36, 64, 64, 200]
    by_size = dict(
        zip(sizes, zip(case.shared.tolist(), case.ious.tolist(), case.real.tolist(), strict=True), strict=True)
    )
    assert by_size[36] == (0, 0.0, False)
    assert by_size[200] == (1, pytest.approx(1 / 249), False)
    assert sorted(case.ious.tolist())[-2:] == pytest.approx([1 / 3, 1])


def test_lesions_are_found_by_what_is_real_and_taken(case):
    everything = np.ones(4, bool)
    assert sorted(case.found(everything).tolist()) == [False, False, True, True]
    assert case.found(everything, least_iou=0.5).sum() == 1
    assert case.found(~everything).sum() == 0
    assert case.false(everything) == 2


def test_dice_is_that_of_all_lesions_together(case):
    taken = case.real
    assert case.lesion_dice(taken) == pytest.approx(2 * (64 + 32) / (128 + 64 + 64 + 50 + 1))


def test_sizes_are_in_the_patient_and_volumes_in_ml(case, volume):
    assert case.voxel_ml == pytest.approx(0.002)
    assert sorted(case.lesion_classes) == ["under_10_mm"] * 4
    wide = Volume(volume.voxels, np.diag([-8.0, -8.0, 2.0, 1.0]))
    reference = np.zeros(volume.voxels.shape, np.uint8)
    reference[FOUND] = 2
    assert case_of(patient(wide, reference)).lesion_classes == ("over_20_mm",)


def test_a_patient_without_lesions_has_false_ones_alone(volume):
    case = case_of(patient(volume, np.zeros(volume.voxels.shape, np.uint8)))
    taken = np.ones(4, bool)
    assert (case.false(taken), case.lesion_dice(taken), case.liver_dice) == (4, None, None)
    assert case.false_ml(taken) == pytest.approx((36 + 64 + 64 + 200) * 0.002)


def test_flips_and_axis_orders_give_the_same_case(case, volume):
    reference = np.zeros(volume.voxels.shape, np.uint8)
    reference[FOUND] = 2
    straight = patient(volume, reference)
    turned = np.diag([1.0, -1.0, 2.0, 1.0])
    other = Volume(volume.voxels, turned)
    flipped = replace(
        straight.found,
        volume=other,
        labels=np.ascontiguousarray(straight.found.labels[:, :, ::-1]),
    )
    wanted, got = case_of(straight), case_of(HeldOutPatient("volume-1", flipped, reference[:, :, ::-1], True))
    assert sorted(got.ious.tolist()) == pytest.approx(sorted(wanted.ious.tolist()))
    assert got.liver_dice == wanted.liver_dice

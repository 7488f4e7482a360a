from dataclasses import astuple

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from support.lesion_cases import case, groups, lesions, line, noise

from LiverTumorSegLib.evaluation.lesion_matching import match_lesions, measure_found_groups, separate_lesions


def found(pair, above=0.5, connectivity=18):
    prediction, reference = separate_lesions(pair.prediction), separate_lesions(pair.reference)
    matching = match_lesions(prediction, reference)
    return list(measure_found_groups(prediction, reference, matching, above, pair.axes_mm, connectivity))


def test_a_lesion_one_voxel_too_long_by_hand():
    (group,) = found(line("22.", "222", (2.0, 1.0, 0.8)))
    assert (group.dice, group.voe, group.rvd) == pytest.approx((4 / 5, 1 / 3, 1 / 2))
    distances = 0, 0, 0.8, 0, 0  # three voxels to two, two to three
    assert group.assd_mm == pytest.approx(np.mean(distances))
    assert group.rmsd_mm == pytest.approx(np.sqrt(np.mean(np.square(distances))))
    assert group.hd_mm == pytest.approx(0.8)


def test_a_lesion_found_exactly_has_no_error():
    (group,) = found(line(".222.", ".222."))
    assert astuple(group) == (1, 0, 0, 0, 0, 0)


def test_merged_lesions_are_measured_as_one():
    (group,) = found(line("22.22", "22222"))
    assert (group.dice, group.voe, group.rvd) == pytest.approx((8 / 9, 1 / 5, 1 / 4))
    assert (group.hd_mm, group.assd_mm) == pytest.approx((1, 1 / 9))


def test_only_groups_above_the_threshold_are_measured():
    pair = line("22..222", "2...22.")
    assert [group.dice for group in found(pair)] == pytest.approx([4 / 5])
    assert [group.dice for group in found(pair, above=0)] == pytest.approx([2 / 3, 4 / 5])
    assert found(line("222", "...")) == []


def test_connectivity_is_of_the_surface():
    reference = np.zeros((5, 7, 7), np.uint8)
    reference[:, 1:6, 1:6] = 2
    prediction = reference.copy()
    prediction[2, 1, 1] = 0  # an edge: the 18-neighbourhood sees it from inside
    by_18, by_6 = (found(case(prediction, reference), connectivity=n)[0].assd_mm for n in (18, 6))
    assert by_18 != by_6


@pytest.mark.parametrize("seed", range(8))
def test_random_groups_are_measured_as_their_sets_of_voxels(seed):
    prediction, reference = noise(seed)
    pair = case(prediction, reference, (2.5, 0.7, 0.9))
    sets, others = lesions(prediction), lesions(reference)
    expected = [group for group in groups(prediction, reference) if group[2] > 0.2]
    measured = found(pair, above=0.2)
    assert len(measured) == len(expected)
    for group, (mine, theirs, iou) in zip(measured, expected, strict=True):
        a, b = set().union(*(sets[n] for n in mine)), set().union(*(others[n] for n in theirs))
        assert group.dice == pytest.approx(2 * len(a & b) / (len(a) + len(b)))
        assert group.voe == pytest.approx(1 - iou)
        assert group.rvd == pytest.approx(len(a) / len(b) - 1)
        far = cdist(rim(a) * (2.5, 0.7, 0.9), rim(b) * (2.5, 0.7, 0.9))
        distances = np.concatenate([far.min(axis=0), far.min(axis=1)])
        assert group.assd_mm == pytest.approx(distances.mean())
        assert group.rmsd_mm == pytest.approx(np.sqrt((distances**2).mean()))
        assert group.hd_mm == pytest.approx(distances.max())


def rim(voxels):
    """Voxels with one of their 18 neighbours outside, as LiTS takes the surface."""
    steps = [step for step in np.ndindex(3, 3, 3) if 0 < np.abs(np.subtract(step, 1)).sum() < 3]
    return np.array(
        [v for v in sorted(voxels) if any(tuple(np.add(v, s).tolist()) not in voxels for s in np.subtract(steps, 1))]
    )

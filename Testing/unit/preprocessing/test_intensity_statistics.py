from dataclasses import asdict

import numpy as np
import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.preprocessing import ZScore, foreground_statistics


def cases():
    for seed in (1, 2):
        made = phantom.create((12, 48, 56), (15.0, 8.0, 8.0), seed=seed, lesions=1)
        yield made.volume.voxels, made.labels


def test_they_are_those_of_all_labelled_voxels_together():
    found = foreground_statistics(cases())
    voxels = np.concatenate([voxels[labels > 0] for voxels, labels in cases()]).astype(np.float64)
    assert found.mean == pytest.approx(voxels.mean())
    assert found.deviation == pytest.approx(voxels.std())
    assert (found.low, found.high) == pytest.approx(np.percentile(voxels, (0.5, 99.5)))
    assert 90 < found.mean < 130  # a portal-venous liver


@pytest.mark.parametrize("count", [1, 2, 5, 399])
def test_percentiles_of_few_voxels_are_numpys(count):
    voxels = np.random.default_rng(count).integers(-1024, 3071, (1, 1, count)).astype(np.int16)
    found = foreground_statistics([(voxels, np.ones_like(voxels, np.uint8))])
    assert (found.low, found.high) == pytest.approx(np.percentile(voxels, (0.5, 99.5)))


def test_the_whole_range_of_voxels_counts():
    voxels = np.array([[[-32768, 32767]]], np.int16)
    assert foreground_statistics([(voxels, np.ones((1, 1, 2), np.uint8))]).mean == -0.5


def test_a_z_score_takes_them_as_they_are():
    statistics = foreground_statistics(cases())
    assert ZScore(over="foreground", **asdict(statistics)).mean == (statistics.mean,)


def test_volumes_without_a_label_are_refused():
    with pytest.raises(UserError, match="No voxel"):
        foreground_statistics([(np.zeros((2, 3, 4), np.int16), np.zeros((2, 3, 4), np.uint8))])

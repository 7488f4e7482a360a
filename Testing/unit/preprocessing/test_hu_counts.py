import numpy as np
import pytest

from LiverTumorSegLib.preprocessing.hu_counts import HuCounts


@pytest.fixture
def voxels():
    return np.random.default_rng(4).integers(-32768, 32768, (7, 11, 13)).astype(np.int16)


def counted(*parts):
    counts = HuCounts()
    for part in parts:
        counts.add(part)
    return counts


def test_figures_are_those_of_the_voxels_themselves(voxels):
    counts = counted(voxels[:3], voxels[3:])
    assert counts.total == voxels.size
    assert counts.mean == pytest.approx(voxels.mean(dtype=np.float64), rel=1e-12)
    assert counts.deviation == pytest.approx(voxels.std(dtype=np.float64), rel=1e-12)
    assert (counts.least, counts.greatest) == (voxels.min(), voxels.max())


@pytest.mark.parametrize("percent", [0, 0.5, 50, 99.5, 100])
def test_percentiles_are_interpolated_as_numpy_does(voxels, percent):
    assert counted(voxels).percentile(percent) == pytest.approx(np.percentile(voxels, percent), rel=1e-12)


def test_a_single_voxel_is_all_of_its_figures():
    counts = counted(np.array([-1000], np.int16))
    assert (counts.mean, counts.deviation, counts.percentile(0.5), counts.greatest) == (-1000, 0, -1000, -1000)

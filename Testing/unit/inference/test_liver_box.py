import numpy as np
import pytest
import torch
from support.models import Thresholds, describe

from LiverTumorSegLib.core.device import DevicePlacement
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.inference import liver_box
from LiverTumorSegLib.inference.predictor import Predictor
from LiverTumorSegLib.inference.slice_cache import SliceCache

CPU = DevicePlacement(torch.device("cpu"), torch.float32, 4)
SPACING = (2.0, 1.0, 1.0)


def find(voxels):
    engine = Predictor(Thresholds(), CPU)
    return liver_box.find_liver(engine, SliceCache(voxels, SPACING, describe(), CPU), Job())


@pytest.fixture
def voxels():
    return np.full((60, 120, 140), -100, np.int16)


def test_the_box_holds_the_liver_with_a_margin(voxels):
    voxels[20:40, 30:80, 50:100] = 100
    box = find(voxels)
    assert box.slices[0] <= 20 < 40 <= box.slices[1]
    assert 8 <= box.rows[0] <= 20 < 90 <= box.rows[1] <= 104
    assert 28 <= box.columns[0] <= 40 < 110 <= box.columns[1] <= 124
    assert box.slices[1] - box.slices[0] < 40


def test_small_parts_elsewhere_do_not_widen_the_box(voxels):
    voxels[20:40, 30:80, 50:100] = 100
    voxels[2:8, 110:116, 4:10] = 100
    assert find(voxels).rows[1] <= 104


def test_a_liver_at_the_border_stays_in_the_volume(voxels):
    voxels[:10, :20, 120:] = 100
    box = find(voxels)
    assert (box.slices[0], box.rows[0], box.columns[1]) == (0, 0, 140)


def test_without_a_liver_there_is_no_box(voxels):
    assert find(voxels) is None


def test_a_single_slice_can_be_searched(voxels):
    voxels[0, 30:80, 50:100] = 100
    assert find(voxels[:1]).slices == (0, 1)

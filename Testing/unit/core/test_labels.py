import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core import labels as marked
from LiverTumorSegLib.core.labels import (
    absolute_box,
    bounding_box,
    enclosing_box,
    liver_median,
    relative_box,
    widened_box,
)
from LiverTumorSegLib.core.volume import Volume


def test_a_box_holds_every_marked_voxel_and_no_border():
    labels = np.zeros((9, 8, 7), np.uint8)
    labels[2, 6, 1] = labels[4, 3, 5] = 1
    assert bounding_box(labels) == (slice(2, 5), slice(3, 7), slice(1, 6))


def test_a_box_encloses_others():
    boxes = [(slice(2, 4), slice(0, 3), slice(5, 6)), (slice(3, 9), slice(1, 2), slice(0, 1))]
    assert enclosing_box(boxes) == (slice(2, 9), slice(0, 3), slice(0, 6))


def test_a_box_is_one_of_a_part_and_back():
    box, outer = (slice(3, 4), slice(5, 9), slice(7, 8)), (slice(2, 6), slice(5, 9), slice(1, 20))
    inner = relative_box(box, outer)
    assert inner == (slice(1, 2), slice(0, 4), slice(6, 7))
    assert absolute_box(inner, outer) == box


def test_a_box_is_widened_as_far_as_the_array_goes():
    box = slice(0, 3), slice(4, 7), slice(2, 3)
    assert widened_box(box, (9, 8, 7)) == (slice(0, 4), slice(3, 8), slice(1, 4))
    assert widened_box(box, (9, 8, 7), (2, 5, 0)) == (slice(0, 5), slice(0, 8), slice(2, 3))


@pytest.fixture
def liver():
    """A CT of 40 HU with a liver around 100 HU, and its labels: a lesion in it is another one."""
    random = np.random.default_rng(0)
    labels = np.zeros((40, 50, 60), np.uint8)
    labels[10:30, 10:40, 10:50] = 1
    labels[15:20, 15:20, 15:20] = 2
    voxels = np.where(labels == 1, random.integers(60, 141, labels.shape), 40).astype(np.int16)
    return Volume(voxels, np.diag([-0.8, -0.8, 2.0, 1.0])), labels


def test_the_liver_s_median_is_that_of_the_liver_alone(liver):
    volume, labels = liver
    assert liver_median(volume, labels) == np.median(volume.voxels[labels == 1])
    assert liver_median(volume, np.where(labels == 2, 2, 0)) is None


def test_a_large_ct_s_median_is_taken_of_a_part_and_hardly_differs(liver, monkeypatch):
    volume, labels = liver
    whole = liver_median(volume, labels)
    monkeypatch.setattr(marked, "_MOST_LOOKED_AT", labels.size // 9)
    assert liver_median(volume, labels) == pytest.approx(whole, abs=2)
    other = reordered(volume, (2, 0, 1), (False, False, False))
    assert liver_median(other, labels.transpose(2, 0, 1)) == liver_median(volume, labels)

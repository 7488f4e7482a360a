from itertools import permutations, product

import numpy as np
import pytest
from support.dataset_cases import ct

from LiverTumorSegLib.datasets.quality_check import (
    RepeatedPatient,
    ScanIdentity,
    content_fingerprint,
    find_repeated_patients,
)


@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 6, 6), (5, 5, 5)])
def test_no_flip_order_of_axes_or_offset_changes_a_fingerprint(shape):
    voxels = ct(3, shape)
    prints = {
        content_fingerprint(voxels.transpose(axes)[tuple(slice(None, None, step) for step in steps)] + np.int16(offset))
        for axes, steps, offset in product(permutations(range(3)), product((1, -1), repeat=3), (0, -1024))
    }
    assert len(prints) == 1


def test_one_voxel_or_another_shape_of_the_same_bytes_changes_it():
    voxels = ct(3, (4, 6, 8))
    other = voxels.copy()
    other[2, 3, 4] += 1
    assert (
        len({content_fingerprint(each) for each in (voxels, other, voxels.reshape(4, 8, 6), voxels.reshape(2, 12, 8))})
        == 4
    )


def test_the_shape_counts_where_all_numbers_are_one():
    assert content_fingerprint(np.zeros((2, 2, 6), np.int16)) != content_fingerprint(np.zeros((2, 3, 4), np.int16))


def test_slices_that_are_shifted_against_each_other_are_another_ct():
    voxels = ct(3, (4, 6, 8))
    sheared = np.stack([np.roll(plane, at, axis=0) for at, plane in enumerate(voxels)])
    assert content_fingerprint(sheared) != content_fingerprint(voxels)


def test_the_whole_range_of_int16_does_not_overflow():
    voxels = np.array([[[-32768, 32767], [0, 5]], [[1, 2], [3, 4]]], np.int16)
    other = voxels.copy()
    other[0, 0, 1] = 32766
    assert content_fingerprint(voxels) != content_fingerprint(other)


def entry(data, name, patient, content="x", unit="HU"):
    return ScanIdentity(data, name, patient, unit, content)


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (entry("b", "3Dircadb1.1", "volume-28"), "same content"),
        (entry("b", "3Dircadb1.1", "volume-28", "y"), "different content"),
        (entry("b", "3Dircadb1.1", "volume-28", None), "not compared"),
        (entry("b", "volume-28", "volume-28", unit="grey"), "not compared"),
        (entry("b", "3Dircadb1.2", "volume-29"), "same content under other names"),
        (entry("a", "volume-128", "volume-128"), "same content under other names"),
    ],
)
def test_two_scans_are_judged_by_number_and_content(second, verdict):
    first = entry("a", "volume-28", "volume-28")
    other = entry("a", "volume-1", "volume-1", "z")
    assert find_repeated_patients([first, other, second]) == [RepeatedPatient(first, second, verdict)]


def test_scans_that_could_not_be_read_are_no_twins_of_each_other():
    assert find_repeated_patients([entry("a", "p", "p", None), entry("a", "q", "q", None)]) == []

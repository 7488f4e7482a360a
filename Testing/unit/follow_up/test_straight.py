from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from support.follow_up_cases import compared, earlier, later

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.follow_up import pictures
from LiverTumorSegLib.follow_up.liver_images import prepare
from LiverTumorSegLib.follow_up.matching import match
from LiverTumorSegLib.follow_up.placing import place_lesions
from LiverTumorSegLib.follow_up.registration import _centre
from LiverTumorSegLib.follow_up.scan import Scan
from LiverTumorSegLib.follow_up.straight import straighten


def sheared(scan):
    """The scan as a tilted gantry stores it: each slice begins a row further on than the one before."""
    count, rows, columns = scan.labels.shape
    voxels = np.full((count, rows + count, columns), -1024, np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    for k in range(count):
        first = count - k
        voxels[k, first : first + rows], labels[k, first : first + rows] = scan.volume.voxels[k], scan.labels[k]
    affine = scan.volume.affine.copy()
    affine[:3, 3] -= affine[:3, 1] * count
    affine[:3, 2] += affine[:3, 1]
    return Volume(voxels, affine), labels


def test_a_sheared_ct_is_straight_again_with_every_voxel_at_its_place():
    scan = later()
    volume, labels = sheared(scan)
    assert volume.is_sheared
    found, (marked,) = straighten(volume, labels)
    assert not found.is_sheared
    start = np.rint(np.linalg.solve(found.affine, scan.volume.affine[:, 3])).astype(int)
    box = tuple(slice(at, at + size) for at, size in zip(start[2::-1], scan.labels.shape, strict=True))
    assert np.array_equal(marked[box], scan.labels)
    assert np.array_equal(found.voxels[box], scan.volume.voxels)
    assert np.count_nonzero(marked) == np.count_nonzero(labels)


def test_a_straight_ct_stays_the_object_it_is():
    scan = earlier()
    volume, (labels,) = straighten(scan.volume, scan.labels)
    assert volume is scan.volume
    assert labels is scan.labels


def test_a_ct_after_gantry_tilt_is_registered_and_paired_as_a_straight_one_and_measured_on_its_own_voxels():
    scan = Scan.measured("tilted", *sheared(later()))
    plain, tilted = (prepare(each.volume, each.labels) for each in (later(), scan))
    liver = [sitk.GetArrayFromImage(images.liver).sum() for images in (plain, tilted)]
    assert liver[1] == pytest.approx(liver[0], rel=0.01)
    assert _centre(plain.liver) == pytest.approx(_centre(tilted.liver), abs=0.2)
    found = replace(compared(), later=scan, links=match(place_lesions(earlier(), scan, compared().registration)))
    assert [(row.kind, row.link) for row in found.changes] == [(row.kind, row.link) for row in compared().changes]
    assert [one.volume_ml for one in scan.table.lesions] == pytest.approx(
        [one.volume_ml for one in later().table.lesions]
    )
    assert all(picture for row in found.changes for picture in pictures.draw_pair(found, row))

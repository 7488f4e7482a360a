from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from support.follow_up_cases import compared, earlier, field, later

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.follow_up.liver_images import prepare
from LiverTumorSegLib.follow_up.registration import Registration, _with_surfaces, register

LPS = np.array([-1.0, -1.0, 1.0])


def liver_points(scan, count=200):
    voxels = np.argwhere(scan.labels > 0)
    chosen = voxels[np.random.default_rng(1).choice(len(voxels), count)]
    return chosen[:, ::-1] @ scan.volume.affine[:3, :3].T + scan.volume.affine[:3, 3]


def test_points_of_a_bent_liver_are_found_within_two_millimetres_and_nothing_is_folded():
    found, points = compared().registration, liver_points(later())
    truth = np.array([field().TransformPoint(point.tolist()) for point in points * LPS]) * LPS
    errors = np.linalg.norm(found.to_earlier(points) - truth, axis=1)
    assert found.stage == "deformable"
    assert errors.mean() < 2
    assert np.percentile(errors, 95) < 4
    assert 0.5 < found.volume_change[0] <= found.volume_change[1] < 2
    assert found.fits
    assert 0 < found.surface_mm < 2.5


def test_surfaces_that_stay_apart_are_said_and_no_pair_is_certain():
    scan = earlier()
    images = prepare(scan.volume, scan.labels)
    found = Registration(sitk.TranslationTransform(3, (12.0, 0.0, 0.0)), "deformable", (1.0, 1.0))
    apart = _with_surfaces(found, images, images, images.liver + 1)
    assert apart.surface_mm > 2.5
    assert not apart.fits
    assert "check that both CTs are of one patient" in apart.notes[0]
    near = _with_surfaces(
        replace(found, transform=sitk.Transform(3, sitk.sitkIdentity)), images, images, images.liver + 1
    )
    assert near.fits
    assert near.notes == ()


def test_a_liver_of_another_size_is_not_stretched_onto_it():
    before = earlier()
    images = prepare(before.volume, before.labels)
    small = before.labels.copy()
    small[:, :, : small.shape[2] // 2] = 0
    found = register(images, prepare(before.volume, small))
    assert found.stage != "deformable"
    assert "pairs are to be checked" in found.notes[0]


def test_too_little_to_be_seen_is_a_sentence():
    voxels = np.zeros((40, 40, 40), np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[20, 20, 20] = 1
    with pytest.raises(UserError, match="Too little is marked in march for a comparison"):
        prepare(Volume(voxels, np.diag([0.7, 0.7, 0.7, 1.0])), labels, "march")


def test_a_stop_ends_it():
    cancel = CancelToken()
    images = prepare(earlier().volume, earlier().labels)

    def tell(_fraction, stage):
        if "bending" in stage:
            cancel.cancel()

    with pytest.raises(Cancelled):
        register(images, images, Job(tell, cancel))


def test_lesions_are_filled_and_density_does_not_tell_the_phase():
    scan = earlier()
    plain = prepare(scan.volume, scan.labels)
    brighter = type(scan.volume)((scan.volume.voxels * 1.0 + 40).astype(np.int16), scan.volume.affine)
    one, other = (sitk.GetArrayFromImage(each.density) for each in (plain, prepare(brighter, scan.labels)))
    assert np.abs(one - other).max() < 0.1
    inside = sitk.GetArrayFromImage(plain.liver) > 0
    assert abs(np.median(one[inside])) < 0.2
    assert not plain.cut_below
    assert not plain.cut_above


def test_a_scan_that_ends_in_the_liver_is_known_to():
    scan = earlier()
    at = int(np.argwhere(scan.labels.any(axis=(1, 2))).mean())
    volume = type(scan.volume)(scan.volume.voxels[at:], scan.volume.affine)
    assert prepare(volume, scan.labels[at:]).cut_below

import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core.ct_quality import inspect_ct
from LiverTumorSegLib.core.volume import Volume


@pytest.fixture
def good(small_phantom):
    """As coarse as the small phantom's voxels, but stated to be finer."""
    return changed(small_phantom.volume, affine=small_phantom.volume.affine @ np.diag([0.5, 0.5, 1, 1]))


def changed(volume, voxels=None, affine=None):
    return Volume(volume.voxels.copy() if voxels is None else voxels, volume.affine if affine is None else affine)


def test_nothing_is_said_of_a_sound_ct(good):
    assert inspect_ct(good) == ()


def test_damaged_slices_are_named_by_number_from_the_feet(good):
    volume = changed(good)
    seen = volume.axial.of(volume.voxels)
    seen[9] = -1000
    seen[20] = seen[19]
    (sentence,) = inspect_ct(volume)
    assert sentence.endswith(": 10 (a single number); 21 (repeats its neighbour).")


def test_many_damaged_slices_are_not_all_named(good):
    volume = changed(good)
    volume.axial.of(volume.voxels)[3:20:2] = 0
    assert inspect_ct(volume)[0].endswith("4, 6, 8, 10, 12 and others (a single number).")


def test_slices_that_were_seen_to_are_not_named(good):
    volume = changed(good)
    volume.axial.of(volume.voxels)[9] = 0
    assert inspect_ct(volume, mended=True) == ()


def test_air_at_either_end_is_no_damage(good):
    volume = changed(good)
    seen = volume.axial.of(volume.voxels)
    seen[:3] = seen[-2:] = -1000
    assert inspect_ct(volume) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a @ np.diag([1, 1, 2, 1]), "12.0 mm apart"),
        (lambda a: a @ np.diag([2, 2, 1, 1]), "4.0 mm wide"),
        (lambda a: a @ np.diag([1, 1, 0.2, 1]), "48 mm from feet to head"),
        (lambda a: np.eye(4), "lost their geometry"),
        (lambda a: a @ np.array([[1, 0, 0.2, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "gantry tilt"),
    ],
)
def test_a_suspicious_geometry_is_said_in_words(good, change, words):
    assert any(words in sentence for sentence in inspect_ct(changed(good, affine=change(good.affine))))


def test_the_order_of_the_file_is_not_suspicious(good):
    assert inspect_ct(reordered(good, (2, 0, 1), (True, False, True))) == ()


def test_slices_far_from_axial_are_said(good):
    turn = np.eye(4)
    turn[:3, :3] = [[1, 0, 0], [0, np.cos(0.6), -np.sin(0.6)], [0, np.sin(0.6), np.cos(0.6)]]
    assert any("not axial" in sentence for sentence in inspect_ct(changed(good, affine=turn @ good.affine)))


def test_what_is_no_ct_is_said(good):
    assert "does not look like a CT" in inspect_ct(changed(good, np.abs(good.voxels)))[0]


def test_a_volume_of_one_number_is_said(good):
    assert "All slices hold a single number each." in inspect_ct(changed(good, np.full_like(good.voxels, -1000)))

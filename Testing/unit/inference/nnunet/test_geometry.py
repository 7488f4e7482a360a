import nibabel
import numpy as np
import pytest
import torch
from scipy import ndimage
from support.nnunet_models import settings_of
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.nnunet.geometry import find_frame
from LiverTumorSegLib.models.nnunet.settings import Surroundings

CPU = torch.device("cpu")


def settings(**changes):
    return settings_of(("background", "liver"), **changes)


@pytest.fixture
def oblique(ct):
    """The CT with a patient who lies a little turned."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    return Volume(ct.voxels, turn @ ct.affine)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True)])
def test_ras_is_nibabel_s(oblique, axes, flips):
    volume = reordered(oblique, axes, flips)
    frame = find_frame(volume, settings(orientation="RAS"))
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), volume.affine))
    assert np.array_equal(frame.of(volume.voxels), np.asarray(image.dataobj).transpose(2, 1, 0))
    assert np.allclose(frame.affine(volume), image.affine)
    assert np.allclose(frame.zoomed_mm, image.header.get_zooms()[::-1])


def test_as_stored_nothing_is_turned(ct):
    volume = reordered(ct, (2, 0, 1), (True, False, True))
    frame = find_frame(volume, settings())
    assert np.array_equal(frame.of(volume.voxels), volume.voxels)
    assert frame.zoomed_mm == volume.spacing


def test_axes_come_in_the_order_of_the_plans(ct):
    frame = find_frame(ct, settings(transpose=(2, 0, 1)))
    assert np.array_equal(frame.of(ct.voxels), ct.voxels.transpose(2, 0, 1))
    assert frame.shape == (24, 12, 20)
    assert frame.zoomed_mm == tuple(ct.spacing[axis] for axis in (2, 0, 1))


def test_what_is_made_comes_back_where_it_belongs(ct):
    frame = find_frame(ct, settings(orientation="RAS", transpose=(1, 2, 0)), (slice(2, 9), slice(3, 15), slice(4, 20)))
    labels = np.zeros(ct.voxels.shape, np.int16)
    frame.put_back(frame.of(ct.voxels).copy(), labels)
    inside = (slice(2, 9), slice(3, 15), slice(4, 20))
    assert np.array_equal(labels[inside], ct.voxels[inside])
    labels[inside] = 0
    assert not labels.any()


def around(ct, *spacing, **changes):
    return find_frame(ct, settings(around=Surroundings(spacing_mm=spacing), **changes))


def test_a_spacing_before_nnunets_is_totalsegmentator_s(ct):
    frame = around(ct, 1.1, 0.7, 1.5)
    canonical = ct.voxels[:, ::-1, ::-1]  # x to the left and y to the back are turned round
    zoom = np.array([2.5 / 1.5, 0.9 / 0.7, 0.8 / 1.1])
    wanted = ndimage.zoom(canonical.astype(float), zoom, order=1, mode="nearest").astype(np.int32)
    assert frame.zoomed == wanted.shape
    assert np.array_equal(frame.voxels(ct, torch.float64, CPU), wanted)
    fast = frame.voxels(ct, torch.float32, CPU)
    assert np.abs(fast - wanted).max() <= 1
    assert (fast == wanted).mean() > 0.99


def test_labels_come_back_from_it_by_the_nearest_voxel(ct):
    frame = around(ct, 1.1, 0.7, 1.5, transpose=(1, 0, 2))
    made = np.random.default_rng(0).integers(0, 9, frame.zoomed).astype(np.uint8)
    labels = np.zeros(ct.voxels.shape, np.uint8)
    frame.put_back(made, labels)
    zoom = np.array(frame.shape) / np.array(frame.zoomed)
    assert np.array_equal(frame.of(labels), ndimage.zoom(made, zoom, order=0, mode="nearest"))


def test_what_is_brought_to_a_spacing_keeps_its_corners(ct):
    frame = around(ct, 1.1, 0.7, 1.5)
    before, after = np.array(frame.shape[::-1]) - 1, np.array(frame.zoomed[::-1]) - 1
    own = find_frame(ct, settings(orientation="RAS")).affine(ct)
    for corner in ([0, 0, 0], [1, 0, 1], [1, 1, 1]):
        assert np.allclose(own @ [*(before * corner), 1], frame.affine(ct) @ [*(after * corner), 1])


def test_a_spacing_that_a_ct_has_changes_nothing(ct):
    frame = around(ct, 0.8, 0.9, 2.5)
    assert not frame.is_zoomed
    assert np.array_equal(frame.voxels(ct, torch.float64, CPU), ct.voxels[:, ::-1, ::-1])

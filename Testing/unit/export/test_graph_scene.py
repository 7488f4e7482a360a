import numpy as np
import pytest
import torch
from support.export_cases import WINDOW, small
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.export.check import prepare_sample_slice


@pytest.fixture
def numbered():
    """A CT whose slices each hold their own HU: 0 at the feet, then 10, 20, …"""
    voxels = np.broadcast_to(np.arange(12, dtype=np.int16)[:, None, None] * 10, (12, 64, 80)).copy()
    return Volume(voxels, np.diag([-1.0, -1.0, 6.0, 1.0]))


def test_a_stack_is_prepared_as_inference_prepares_it(numbered):
    shown = prepare_sample_slice(small("unet", slices=3), numbered, 5)
    assert shown.channels.shape == (1, 3, 64, 80)
    assert torch.allclose(shown.channels[0, :, 0, 0], torch.tensor([70.0, 80.0, 90.0]) / 200)


def test_the_volume_that_goes_with_it_holds_the_stack_alone_in_place(numbered):
    model = small("unet", slices=3)
    for volume in (numbered, reordered(numbered, (2, 0, 1), (True, False, True))):
        shown = prepare_sample_slice(model, volume, 5)
        assert (shown.number, shown.volume.voxels[:, 0, 0].tolist()) == (1, [30, 40, 50])
        assert shown.volume.affine[2, 3] == pytest.approx(18)
    assert prepare_sample_slice(model, numbered, 1).volume.voxels[:, 0, 0].tolist() == [0, 10]
    assert prepare_sample_slice(model, numbered, 12).number == 1


def test_without_a_number_it_is_the_slice_with_most_soft_tissue(numbered):
    numbered.voxels[:8] = -1000
    numbered.voxels[9:] = 500
    assert prepare_sample_slice(small("unet"), numbered).volume.voxels[0, 0, 0] == 80


def test_without_a_ct_it_is_a_phantom():
    channels = prepare_sample_slice(small("unet")).channels
    assert channels.shape == (1, 1, 256, 256)
    assert 0.1 < channels.mean() < 0.9


def test_a_network_for_volumes_is_given_a_patch_around_the_slice(numbered):
    channels = prepare_sample_slice(small("unet3d", steps=[WINDOW]), numbered, 6).channels
    assert channels.shape == (1, 1, 32, 48, 32)
    assert channels.min() < channels.mean() < channels.max()


def test_a_slice_that_is_not_there_is_refused(numbered):
    with pytest.raises(UserError, match="slices 1 to 12, counted from the feet, but no 13"):
        prepare_sample_slice(small("unet"), numbered, 13)

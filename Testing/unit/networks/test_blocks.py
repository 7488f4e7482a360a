import pytest
import torch
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks.blocks import DecoderLevel, Encoder, upsample_double


@pytest.mark.parametrize("size", [(8, 10), (9, 10), (8, 11), (9, 11)])
def test_finer_features_lie_upon_those_they_come_from(size):
    """Bilinear features are linear between centres: on a slope, the mean of each four finer pixels is the coarser."""
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(5.0), indexing="ij")
    slope = (3 * rows + columns)[None, None]
    finer = upsample_double(slope, size)
    assert finer.shape == (1, 1, *size)
    means = F.avg_pool2d(finer, 2)
    assert torch.allclose(means[..., 1:-1, 1:-1], slope[..., 1:-1, 1:-1])


def test_the_last_row_and_column_of_an_odd_size_are_repeated():
    finer = upsample_double(torch.rand(1, 2, 4, 5), (9, 11))
    assert torch.equal(finer[..., 8, :], finer[..., 7, :])
    assert torch.equal(finer[..., 10], finer[..., 9])


def test_the_encoder_halves_its_levels_and_leaves_odd_pixels_out():
    encoder, slices = Encoder(1, (2, 4, 6)).eval(), torch.rand(1, 1, 21, 30)
    assert [tuple(level.shape[1:]) for level in encoder(slices)] == [(2, 21, 30), (4, 10, 15), (6, 5, 7)]


def test_a_level_of_the_encoder_sees_the_largest_of_four_pixels():
    encoder, seen = Encoder(1, (2, 4)).eval(), []
    encoder.levels[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    fine, _ = encoder(torch.rand(1, 1, 7, 6))
    assert torch.equal(seen[0], fine[..., :6, :].reshape(1, 2, 3, 2, 3, 2).amax(dim=(3, 5)))


def test_a_level_of_the_decoder_takes_the_size_of_its_skip_connection():
    level = DecoderLevel(5, 3, 2).eval()
    assert level(torch.rand(1, 5, 4, 4), torch.rand(1, 3, 9, 8)).shape == (1, 2, 9, 8)


@pytest.mark.parametrize("name", ["attention_unet", "attention_unet_ds", "dalu_net", "unet_valid"])
@pytest.mark.parametrize("features", [(4, 4, 8), (4, 4, 8, 8, 0)])
def test_levels_that_cannot_be_are_refused(name, features):
    with pytest.raises(UserError, match="features are the channels of 5 levels, not"):
        networks.create(name, 1, 2, features=features)

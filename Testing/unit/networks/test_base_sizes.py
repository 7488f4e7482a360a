import numpy as np
import pytest
import torch
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.base import SliceNetwork

SIZES = [(512, 512), (101, 77), (388, 389), (1, 300), (64, 400)]


class Copy(SliceNetwork):
    """Gives back what it sees, and what is given besides; anything that is shifted shows."""

    stride = 16
    smallest = 32
    source = "a test"

    def __init__(self, levels=1):
        super().__init__(1, 1)
        self.levels, self.seen = levels, []

    def logits(self, slices):
        self.seen.append(slices.shape[2:])
        assert all(size % self.stride == self.remainder for size in slices.shape[2:])
        coarser = [F.avg_pool2d(slices, 2**level) for level in range(1, self.levels)]
        return [slices, *coarser] if coarser else slices


class Copy3D(Copy):
    axes = 3


class Inner(Copy):
    """Gives back what it sees but for its margin."""

    smallest = 188
    margin = 92
    remainder = 12

    def logits(self, slices):
        return super().logits(slices)[..., 92:-92, 92:-92]


class Stacked(Copy):
    """An axis between classes and rows."""

    def logits(self, slices):
        return super().logits(slices)[:, :, None].expand(-1, -1, 7, -1, -1)


def narrow():
    torch.manual_seed(0)
    return networks.create("unet_valid", 1, 3, features=(4, 4, 8, 8, 8)).eval()


def slices(size, batch=1):
    torch.manual_seed(1)
    return torch.rand(batch, 1, *size)


@pytest.mark.parametrize("network", [Copy(), Inner(), Stacked()], ids=lambda network: type(network).__name__)
@pytest.mark.parametrize("size", [(512, 512), (500, 333), (3, 47), (1, 1)])
def test_logits_are_those_of_their_own_pixels(network, size):
    given = slices(size, batch=2)
    logits = networks.same_size(network, given)
    assert logits.shape[-2:] == size
    assert torch.equal(logits[:, :, 3] if logits.ndim == 5 else logits, given)


def test_volumes_are_padded_along_all_three_axes():
    given, network = slices((5, 40, 33)), Copy3D()
    assert torch.equal(networks.same_size(network, given), given)
    assert network.seen == [(32, 48, 48)]


@pytest.mark.parametrize("size", [(37, 64), (2, 50)])
def test_borders_are_repeated_as_numpy_does(size):
    given = slices(size)
    rows, columns = (max(32, -(-n // 16) * 16) - n for n in size)
    expected = np.pad(given[0, 0].numpy(), ((0, rows), (0, columns)), mode="edge")
    assert np.array_equal(networks.padded(Copy(), given)[0, 0].numpy(), expected)


def test_sizes_that_fit_are_not_touched():
    given = slices((64, 48))
    assert networks.padded(Copy(), given) is given


@pytest.mark.parametrize("size", [(388, 388), (150, 201), (20, 93), (2, 7), (1, 388)])
def test_borders_are_mirrored_as_numpy_does(size):
    given = slices(size)
    padded = networks.padded(Inner(), given)
    extra = [there - n - 92 for there, n in zip(padded.shape[2:], size, strict=True)]
    assert all(92 <= count < 92 + 16 for count in extra)
    expected = np.pad(given[0, 0].numpy(), [(92, count) for count in extra], mode="reflect")
    assert np.array_equal(padded[0, 0].numpy(), expected)


def test_the_published_tile_is_what_388_logits_need():
    assert networks.padded(Inner(), slices((388, 388))).shape[2:] == (572, 572)


@pytest.mark.parametrize("size", [(64, 96), (500, 500), (70, 99)])
def test_coarser_logits_show_the_part_that_was_given(size):
    given = slices(size)
    finest, *coarser = networks.same_size(Copy(levels=4), given)
    assert torch.equal(finest, given)
    for level, logits in enumerate(coarser, start=1):
        pixel = 2**level
        assert all(abs(pixel * there - n) <= pixel / 2 for there, n in zip(logits.shape[2:], size, strict=True))
        whole = F.avg_pool2d(given, pixel)
        assert torch.equal(
            logits[..., : whole.shape[2], : whole.shape[3]], whole[..., : logits.shape[2], : logits.shape[3]]
        )


def test_coarser_logits_have_a_pixel_at_least():
    assert [tuple(logits.shape[2:]) for logits in networks.same_size(Copy(levels=5), slices((1, 40)))] == [
        (1, 40),
        (1, 20),
        (1, 10),
        (1, 5),
        (1, 2),
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile", [388, 100, 20])
def test_tiles_lie_where_they_belong(size, tile):
    given, network = slices(size, batch=2), Inner()
    assert torch.equal(networks.in_tiles(network, given, tile), given)
    assert max(max(seen) for seen in network.seen) <= tile + 2 * network.margin


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile", [388, 150])
def test_tiles_have_no_seam(size, tile):
    given, network = slices(size), narrow()
    with torch.inference_mode():
        whole, tiled = networks.same_size(network, given), networks.in_tiles(network, given, tile)
    assert whole.shape == (1, 3, *size)
    assert torch.allclose(whole, tiled, rtol=0, atol=1e-5 * float(whole.abs().max()))


def test_tiles_that_start_between_pooled_pixels_would_have_a_seam():
    """The comparison above can fail: tiles shifted by a pixel against the pooling give other logits."""
    given, network = slices((300, 300)), narrow()
    surrounded = networks.padded(network, given)
    with torch.inference_mode():
        whole = network(surrounded)
        shifted = network(surrounded[..., 1:189, 1:189])
    assert not torch.allclose(whole[..., 1:5, 1:5], shifted, rtol=0, atol=1e-3 * float(whole.abs().max()))


def test_512_pixels_take_four_tiles_none_larger_than_the_published_one():
    network = Inner()
    networks.in_tiles(network, slices((512, 512)))
    assert network.seen == [(572, 572), (572, 316), (316, 572), (316, 316)]


@pytest.mark.parametrize(("network", "tile"), [(Copy(), 388), (Inner(), 19), (Inner(), 0)])
def test_tiles_that_cannot_be_are_refused(network, tile):
    with pytest.raises(ValueError, match=f"cannot run in tiles of {tile} pixels"):
        networks.in_tiles(network, slices((64, 64)), tile)

import pytest
import torch
from support.export_cases import small

from LiverTumorSegLib import networks
from LiverTumorSegLib.export.graph import InputSizes, export_graph

SLICES = ["unet", "segnet", "resnet18", "attention_unet"]


@pytest.mark.parametrize("name", SLICES)
def test_the_graph_takes_any_batch_height_and_width_it_promises(name):
    model = small(name)
    sizes, graph = InputSizes.of(model), export_graph(model).module()
    for batch, rows, columns in ((1, 0, 0), (3, 1, 4), (2, 5, 0)):
        size = [sizes.least + count * sizes.stride for count in (rows, columns)]
        channels = torch.rand(batch, 1, *size)
        with torch.inference_mode():
            assert torch.allclose(graph(channels), model.network(channels), atol=1e-5)


def test_a_network_without_padding_takes_a_remainder_more():
    model = small("unet_valid")
    sizes = InputSizes.of(model)
    assert (sizes.stride, sizes.remainder, sizes.least, sizes.margin) == (16, 12, 204, 92)
    with torch.inference_mode():
        assert export_graph(model).module()(torch.rand(1, 1, 204, 236)).shape == (1, 3, 20, 52)


def test_a_network_for_volumes_takes_its_patch_alone_in_any_batch():
    model = small("unet3d")
    assert InputSizes.of(model).example == (32, 48, 32)
    graph = export_graph(model).module()
    patches = torch.rand(3, 1, 32, 48, 32)
    with torch.inference_mode():
        assert torch.allclose(graph(patches), model.network(patches), atol=1e-5)
        with pytest.raises(AssertionError, match="Guard failed"):
            graph(patches[:, :, :, :32])


def test_a_size_that_is_no_multiple_is_refused():
    with pytest.raises(AssertionError, match="Guard failed"):
        export_graph(small("unet")).module()(torch.rand(1, 1, 64, 72))


def test_slices_are_padded_as_inference_pads_them_and_to_the_least_size():
    model = small("unet")
    sizes, slices = InputSizes.of(model), torch.rand(1, 1, 50, 70)
    assert torch.equal(sizes.padded(model.network, slices), networks.padded(model.network, slices))
    little = sizes.padded(model.network, slices[..., :33, :])
    assert little.shape == (1, 1, 48, 80)
    assert torch.equal(little[..., 33:, :70], slices[..., 32:33, :].expand(1, 1, 15, 70))

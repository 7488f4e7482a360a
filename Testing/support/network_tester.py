"""Tests that every architecture has to pass: subclass it as ``Test<Name>`` in the architecture's own test file."""

from typing import ClassVar

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

OF_VOLUMES = ["click_unet", "plain_conv_unet_3d", "residual_encoder_unet_3d", "unet3d"]


def tensors(output):
    """A network's logits, and where it is trained with deep supervision those of its other heads."""
    return output if isinstance(output, list) else [output]


def finest(output):
    return tensors(output)[0]


def settled(network, slices):
    """A network in evaluation, its normalisations with statistics as after training.

    With fresh ones the features fade from level to level, and nothing that a deep level does wrong shows.
    """
    for part in network.train().modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # the mean of all that was seen
    with torch.no_grad():
        for _ in range(2):
            networks.same_size(network, slices)
    return network.eval()


class NetworkTester:
    """Set ``name``, and where the defaults are too slow or do not fit, the rest.

    Attributes:
        channels: of the input.
        options: for the tests that compute; sizes are tried with the defaults, without computing.
        small: a size for the tests that compute, not square and not a multiple of the stride.
        sizes: that the logits have to keep.
    """

    name: ClassVar[str]
    channels: ClassVar[int] = 3
    options: ClassVar[dict] = {}
    small: ClassVar[tuple[int, ...]] = (70, 99)
    sizes: ClassVar[list[tuple[int, ...]]] = [(512, 512), (500, 500), (511, 511), (384, 511), (515, 256)]

    def create(self, classes=3, channels=None):
        torch.manual_seed(0)
        return networks.create(self.name, channels or self.channels, classes, **self.options)

    def input(self, batch=2):
        torch.manual_seed(1)
        return torch.rand(batch, self.channels, *self.small)

    def test_logits_have_the_size_of_the_input(self, monkeypatch):
        for norm in ("batch_norm", "instance_norm"):  # changes no size, and takes nearly all the time without numbers
            monkeypatch.setattr(nn.functional, norm, lambda features, *_, **__: features)
        with torch.device("meta"):
            network = networks.create(self.name, self.channels, 3)
        for training in (False, True):
            network.train(training)
            for size in self.sizes:
                slices = torch.empty(1, self.channels, *size, device="meta")
                assert finest(networks.same_size(network, slices)).shape == (1, 3, *size), (size, training)
                if not network.margin:
                    assert finest(network(slices)).shape == (1, 3, *size), (size, training)

    @pytest.mark.parametrize("classes", [1, 3])
    def test_a_head_for_a_sigmoid_and_one_for_a_softmax(self, classes):
        network = self.create(classes).eval()
        with torch.inference_mode():
            logits = networks.same_size(network, self.input())
        assert logits.shape == (2, classes, *self.small)
        assert torch.isfinite(logits).all()
        assert logits.std() > 0

    def test_a_single_slice_of_the_smallest_size_can_be_trained(self):
        network = self.create().train()
        loss = finest(network(torch.rand(1, self.channels, *[network.smallest] * network.axes))).square().mean()
        loss.backward()
        assert torch.isfinite(loss)

    def test_the_gradient_reaches_every_parameter(self):
        network = self.create().train()
        sum(logits.square().mean() for logits in tensors(networks.same_size(network, self.input()))).backward()
        without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert without == []
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())

    def test_saved_and_loaded_weights_give_the_same_logits(self):
        network, other = settled(self.create(), self.input()), self.create().eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.rand_like(parameter) * 0.01)
        other.load_state_dict(load(save({k: v.contiguous() for k, v in network.state_dict().items()})))
        with torch.inference_mode():
            logits = [networks.same_size(each, self.input()) for each in (network, other)]
        assert torch.equal(*logits)

    def test_it_trains_where_only_deterministic_operations_are_allowed(self):
        kept = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(True)
        try:
            first, second = (self._gradients() for _ in range(2))
        finally:
            torch.use_deterministic_algorithms(kept)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))

    def _gradients(self):
        torch.manual_seed(2)
        network = self.create().train()
        finest(networks.same_size(network, self.input())).square().mean().backward()
        return [p.grad for p in network.parameters() if p.grad is not None]

    def test_it_can_be_exported(self):
        network = self.create().eval()
        slices = networks.padded(network, self.input(batch=1))
        exported = torch.export.export(network, (slices,)).module()
        with torch.inference_mode():
            assert torch.allclose(exported(slices), network(slices), atol=1e-5)

    def test_bfloat16_gives_finite_logits(self):
        with torch.inference_mode():
            logits = networks.same_size(self.create().eval().bfloat16(), self.input().bfloat16())
        assert logits.dtype == torch.bfloat16
        assert torch.isfinite(logits).all()

    def test_the_memory_layout_changes_nothing(self):
        network = self.create().eval()
        layout = torch.channels_last if network.axes == 2 else torch.channels_last_3d
        with torch.inference_mode():
            usual = networks.same_size(network, self.input())
            other = networks.same_size(network.to(memory_format=layout), self.input().to(memory_format=layout))
        assert torch.allclose(usual, other, atol=1e-4 * float(usual.abs().max()))

    def test_other_channels_than_announced_are_refused(self):
        slices = torch.zeros(1, self.channels + 1, *self.small)
        with pytest.raises(UserError, match=rf"takes \[batch, {self.channels}, .*\], not \[1, {self.channels + 1}, "):
            self.create()(slices)

    def test_smaller_slices_than_it_can_take_are_refused(self):
        network = self.create()
        size = (*self.small[:-1], network.smallest - 1)
        with pytest.raises(UserError, match=f"takes at least {network.smallest} x .* not .* x {size[-1]}"):
            network(torch.zeros(1, self.channels, *size))

    def test_it_takes_the_smallest_slices_it_promises(self):
        network = self.create().eval()
        slices = torch.rand(1, self.channels, *[network.smallest] * network.axes)
        with torch.inference_mode():
            assert torch.isfinite(network(slices)).all()

    def test_it_names_its_source(self):
        assert len(self.create().source) > 10

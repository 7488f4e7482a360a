import numpy as np
import pytest
import torch
from torch.nn import functional as F

from LiverTumorSegLib.networks.blocks import AttentionGate


def created(skip=3, gate=5):
    torch.manual_seed(0)
    return AttentionGate(skip, gate).double().eval()


def features(*shape):
    torch.manual_seed(1)
    return torch.randn(1, *shape, dtype=torch.double)


def by_hand(gate, skip, signal):
    """Attention at half the resolution, pixel by pixel from the published figure."""
    theta, phi, bias, psi, psi_bias = (
        p.detach().numpy() for p in (gate.theta.weight, gate.phi.weight, gate.phi.bias, gate.psi.weight, gate.psi.bias)
    )
    x, g = skip[0].numpy(), signal[0].numpy()
    attention = np.empty(g.shape[1:])
    for row, column in np.ndindex(attention.shape):
        patch = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        summed = (theta * patch).sum(axis=(1, 2, 3)) + phi[:, :, 0, 0] @ g[:, row, column] + bias
        score = psi[0, :, 0, 0] @ np.maximum(summed, 0) + psi_bias[0]
        attention[row, column] = 1 / (1 + np.exp(-score))
    return attention


def test_attention_is_that_of_the_published_figure():
    gate, skip, signal = created(), features(3, 8, 6), features(5, 4, 3)
    _, attention = gate(skip, signal)
    expected = torch.from_numpy(by_hand(gate, skip, signal))[None, None]
    assert torch.allclose(attention, F.interpolate(expected, size=(8, 6), mode="bilinear", align_corners=False))


def test_gated_features_are_multiplied_transformed_and_normalised():
    gate, skip, signal = created(), features(3, 8, 6), features(5, 4, 3)
    convolution, normalisation = gate.transform
    normalisation.running_mean[:] = torch.tensor([0.1, -0.2, 0.3])
    normalisation.running_var[:] = torch.tensor([1.0, 4.0, 0.25])
    gated, attention = gate(skip, signal)
    weight, bias = convolution.weight[:, :, 0, 0].detach().numpy(), convolution.bias.detach().numpy()
    mixed = np.einsum("oc,chw->ohw", weight, (skip * attention.detach())[0].numpy()) + bias[:, None, None]
    mean, var = (np.array(v)[:, None, None] for v in ([0.1, -0.2, 0.3], [1.0, 4.0, 0.25]))
    assert np.allclose(gated[0].detach().numpy(), (mixed - mean) / np.sqrt(var + normalisation.eps))


@pytest.mark.parametrize("size", [(8, 7), (9, 9), (15, 4)])
def test_an_odd_last_row_or_column_has_the_attention_of_the_one_before(size):
    gate, skip = created(), features(3, *size)
    rows, columns = (2 * (n // 2) for n in size)
    signal = features(5, rows // 2, columns // 2)
    gated, attention = gate(skip, signal)
    _, even = gate(skip[..., :rows, :columns], signal)
    assert gated.shape == skip.shape
    assert torch.equal(attention, F.pad(even, (0, size[1] - columns, 0, size[0] - rows), mode="replicate"))


def test_a_fresh_gate_lets_all_places_through():
    torch.manual_seed(0)
    _, attention = AttentionGate(64, 128)(torch.randn(1, 64, 32, 32), torch.randn(1, 128, 16, 16))
    assert ((attention > 0.2) & (attention < 0.8)).all()


def test_the_skip_connection_has_no_bias_before_the_sum():
    gate = AttentionGate(4, 8)
    assert gate.theta.bias is None
    assert gate.theta.kernel_size == gate.theta.stride == (2, 2)
    assert gate.phi.bias is not None
    assert gate.psi.bias is not None

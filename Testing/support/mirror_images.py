"""Does a network put its logits where its features look?"""

import torch


def logits_are_mirrored_with(network, slices):
    """Whether mirrored slices give mirrored logits, once all kernels are their own mirror images.

    It must be so at sizes where all levels are centred: there a shift anywhere in the network makes them differ.
    """
    network = _symmetric(network).eval().double()
    with torch.inference_mode():
        logits = network(slices.double())
        assert logits.std() > 0
        tolerance = 1e-9 * float(logits.abs().max())
        return all(torch.allclose(network(slices.double().flip(n)), logits.flip(n), atol=tolerance) for n in (2, 3))


def _symmetric(network):
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.copy_((parameter + parameter.flip(2)) / 2)
                parameter.copy_((parameter + parameter.flip(3)) / 2)
    return network

"""Model folders of nnU-Net's kind whose networks are known exactly: they label voxels by bands of HU."""

from pathlib import Path

import torch

from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Licence, NetworkSpec, Training
from LiverTumorSegLib.models.nnunet.settings import NnUNet, Normalisation, Resampling
from LiverTumorSegLib.networks import MeanOfFolds, create_with_options

SCALE = 100.0
_EPS = 1e-5


def banded_options(axes=3):
    """Options of a network of two stages that :func:`fill_bands` can fill."""
    return {
        "features": [2, 2], "strides": [[1] * axes, [2] * axes], "kernels": [[3] * axes, [3] * axes],
        "encoder": [1, 1], "decoder": [1], "norm": "batch", "eps": _EPS, "slope": 0.01,
    }  # fmt: skip


@torch.no_grad()
def fill_bands(network, edges):
    """Have a network give class 0 below the first of the edges, in HU, class 1 up to the second, and so on.

    A class's logit is a line, and the upper envelope of lines of rising slopes has as many pieces in that order. Leaky
    rectification of a value less that of its negative is that value again, but for a factor.
    """
    for parameter in network.parameters():
        parameter.zero_()
    for name, module in network.named_modules():
        if name.endswith("norm"):
            module.weight.fill_((1 + _EPS) ** 0.5)
    middle = (1,) * network.axes
    first, last = network.encoder.stages[0][0].convs[0].conv, network.decoder.stages[0].convs[0].conv
    for channel, sign in enumerate((1.0, -1.0)):
        first.weight[(channel, 0, *middle)] = sign
        for skip, part in ((2, 1.0), (3, -1.0)):
            last.weight[(channel, skip, *middle)] = sign * part / 1.01
    head, offset = network.decoder.seg_layers[0], 0.0
    for number in range(network.classes):
        offset -= edges[number - 1] / SCALE if number else 0.0
        head.weight[(number, 0)], head.weight[(number, 1)] = number / 1.01, -number / 1.01
        head.bias[number] = offset
    return network.eval()


def settings_of(outputs, **changes):
    """Settings of a network that sees HU in hundreds, in patches of 16 voxels of 2 mm."""
    usual = {
        "configuration": "3d_fullres", "outputs": tuple(outputs), "spacing_mm": (2.0, 2.0, 2.0), "patch": (16, 16, 16),
        "normalisation": Normalisation(scheme="ct", low=-1000, high=1000, mean=0, deviation=SCALE),
        "image": Resampling(method="spline", order=3), "logits": Resampling(method="spline", order=1),
    }  # fmt: skip
    return NnUNet(**(usual | changes))


def write_banded_model(folder: Path, outputs, edges, *, name="bands", licence=None, **changes) -> Path:
    """A model folder whose network gives each output a band of HU, between rising edges; an empty output shows nothing.

    Args:
        folder: is created.
        outputs: of :class:`NnUNet`, the background first.
        edges: HU, one fewer than outputs.
        name: of the model.
        licence: of the weights.
        changes: to :func:`settings_of`.
    """
    settings = settings_of(outputs, **changes)
    axes = len(settings.patch)
    spec = NetworkSpec(
        name=f"plain_conv_unet_{axes}d", in_channels=1, classes=len(outputs), options=banded_options(axes)
    )
    folds = [
        fill_bands(create_with_options(spec.name, 1, len(outputs), spec.options), edges) for _ in range(settings.folds)
    ]
    model_folder.save(
        folder,
        MeanOfFolds(folds),
        lambda description: f"# {description.title}\n",
        name=name,
        title="Bands of HU",
        segments=", ".join(filter(None, outputs[1:])),
        network=spec,
        nnunet=settings,
        labels=settings.labels,
        training=Training(data="none", patients=(), validation_patients=(), seed=0, command="none"),
        licence=licence or Licence(name="Apache-2.0", terms="any use"),
    )
    return folder

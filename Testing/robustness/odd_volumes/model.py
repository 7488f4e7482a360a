"""A saved U-Net whose weights pass each pixel on: liver above 60 HU, lesion above 140, whatever lies around."""

from __future__ import annotations

from pathlib import Path

import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Licence, NetworkSpec, Training
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.preprocessing import Chain

from .grid import LESION_HU, LIVER_HU

LOW, WIDTH = -40, 400
OPTIONS = {"features": [2, 2, 2, 2, 2, 2]}


def save(folder: Path) -> Path:
    """Write the model folder."""
    kept = Postprocessing(
        largest_liver=False, lesions_in_liver=False, fill_holes=False, smallest_lesion_ml=0, smallest_liver_ml=0
    )
    model_folder.save(
        folder,
        thresholds(),
        lambda description: f"# {description.title}\n",
        name="thresholds",
        title="Thresholds",
        segments="what is bright",
        network=NetworkSpec(name="unet", in_channels=1, options=OPTIONS),
        preprocessing=Chain.model_validate([{"step": "window", "level": LOW + WIDTH / 2, "width": WIDTH}]),
        postprocessing=kept,
        training=Training(data="none", patients=(), validation_patients=(), seed=0, command="none"),
        licence=Licence(name="CC0-1.0", terms="none."),
    )
    return folder


@torch.no_grad()
def thresholds() -> torch.nn.Module:
    """The U-Net: of every 3x3 convolution the middle of the first channel is 1, and all else is 0."""
    network = networks.create("unet", 1, 3, **OPTIONS).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.modules.conv._ConvNd):
            layer.weight.zero_()
            layer.bias.zero_()
            if layer.kernel_size == (3, 3):
                layer.weight[0, 0, 1, 1] = 1
    liver, lesion = ((hu - LOW) / WIDTH for hu in (LIVER_HU, LESION_HU))
    network.body.final_conv.weight[:, 0, 0, 0] = torch.tensor([0.0, 50.0, 150.0])
    network.body.final_conv.bias.copy_(torch.tensor([0.0, -50 * liver, -50 * liver - 100 * lesion]))
    return network

"""A CT with lesions to click into, and a network that finds what is darker than the liver."""

from typing import ClassVar

import numpy as np
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference.clicks.lesion import MIRRORED
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import ClickPatches, NetworkSpec
from LiverTumorSegLib.models.model_folder import Model
from LiverTumorSegLib.preprocessing import Chain
from support.models import describe

SPACING = (2.0, 0.9, 0.9)
SHAPE = (60, 130, 140)
LESIONS = {"small": ((50.0, 45.0, 50.0), 6.0), "large": ((66.0, 70.0, 82.0), 28.0)}
"""Centres, in millimetres along slices, rows and columns, and radii."""

LIVER_HU, LESION_HU = 110, 50


class Darker(networks.SliceNetwork):
    """Lesion is what is darker than the liver by more than a fifth of the contrast channel's unit."""

    axes = 3
    stride = 8
    seen: ClassVar[list[torch.Tensor]] = []  # of all copies that are made to run it

    def __init__(self):
        super().__init__(7, 1)

    def logits(self, slices):
        self.seen.append(slices.clone())
        return (-slices[:, :1] - 0.2) * 20


def click_model(network=None):
    description = describe(
        name="clicks",
        labels=("background", "lesion"),
        network=NetworkSpec(name="click_unet", in_channels=7, classes=1),
        preprocessing=Chain.model_validate(
            [{"step": "window", "level": 60, "width": 200}, {"step": "resample", "spacing_mm": 1.0}]
        ),
        clicks=ClickPatches(),
    )
    return Model(description, (network or Darker()).eval())


def millimetres():
    """Places of all voxels along slices, rows and columns."""
    return np.meshgrid(*(np.arange(n) * mm for n, mm in zip(SHAPE, SPACING, strict=True)), indexing="ij")


def ball(centre, radius):
    return sum((axis - at) ** 2 for axis, at in zip(millimetres(), centre, strict=True)) <= radius**2


def clicked_ct():
    """A liver that fills the CT, with a small lesion and a large one; slices upwards, rows to the back, LAS columns."""
    voxels = np.full(SHAPE, LIVER_HU, np.int16)
    for centre, radius in LESIONS.values():
        voxels[ball(centre, radius)] = LESION_HU
    return Volume(voxels, np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0]))


def ras(place):
    """A place along slices, rows and columns as a point in the patient."""
    deep, row, column = place
    return (-column, -row, deep)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def seen_while(run):
    """What the network was shown while something ran, looks one after another but for the last one's mirror images."""
    Darker.seen.clear()
    run()
    return torch.cat(Darker.seen[: -len(MIRRORED)])


def darker_unet():
    """A network that ships, set by hand to take for lesion what is darker than the mean of its patch."""
    torch.manual_seed(0)
    network = networks.create("click_unet", 7, 1, features=[4, 4, 4, 4])
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if name.endswith("conv.weight") or "head" in name:
                weights.zero_()
        network.down[0].conv1.conv.weight[0, 0, 0, 1, 1] = -1
        network.down[0].conv2.conv.weight[0, 0, 0, 1, 1] = 1
        network.up[0].conv_block.conv1.conv.weight[0, 4, 0, 1, 1] = 1  # the skip comes after what was upsampled
        network.up[0].conv_block.conv2.conv.weight[0, 0, 0, 1, 1] = 1
        network.head.weight[0, 0] = 20
        network.head.bias[0] = -4
    return network.eval()


def save_click_model(folder):
    """Write :func:`darker_unet` as a model folder."""
    description = click_model(darker_unet()).description
    fields = {name: getattr(description, name) for name in type(description).model_fields}
    del fields["weights"], fields["format"]
    fields["network"] = NetworkSpec(name="click_unet", in_channels=7, classes=1, options={"features": [4, 4, 4, 4]})
    model_folder.save(folder, darker_unet(), lambda d: f"# {d.title}\n", **fields)
    return folder

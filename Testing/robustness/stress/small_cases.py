"""Small models and CTs for campaigns."""

from __future__ import annotations

from pathlib import Path

import torch
from support.cohort_cases import save, small_ct
from support.models import describe

from LiverTumorSegLib import networks
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description

_MADE = ("weights", "format")


def save_model(folder: Path, seed: int = 0) -> Path:
    """A model of random weights, which finds every label somewhere."""
    torch.manual_seed(seed)
    description = describe(name=folder.name)
    network = networks.create("unet", 1, 3, **description.network.options)
    with torch.no_grad():
        network.body.final_conv.bias -= network.eval()(torch.rand(4, 1, 48, 48)).mean(dim=(0, 2, 3))
    fields = {name: getattr(description, name) for name in Description.model_fields if name not in _MADE}
    model_folder.save(folder, network, lambda d: f"# {d.title}\n", **fields)
    return folder


def save_cts(folder: Path, count: int) -> Path:
    """CTs ``volume-0.nii.gz`` and so on."""
    for number in range(count):
        save(folder / f"volume-{number}.nii.gz", small_ct(number, 10 + number))
    return folder

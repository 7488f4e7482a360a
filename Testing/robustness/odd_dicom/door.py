"""Reads or segments a folder in a fork, with a model whose labels follow from the voxels alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from support import sandbox

from LiverTumorSegLib import networks
from LiverTumorSegLib.apps.cli.console import USER_ERROR, complain, warn
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description, NetworkSpec

LIVER_HU, LESION_HU = 60, 140
"""Above which the model's labels are liver and lesion."""


class Thresholds(networks.SliceNetwork):
    """Liver from half of the window on, lesion from nine tenths."""

    def __init__(self, *_: int) -> None:
        super().__init__(1, 3)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        (middle,) = slices.unbind(1)
        liver = (middle - 0.5) * 20
        return torch.stack([torch.zeros_like(middle), liver, liver + (middle - 0.9) * 40], dim=1)


def save_model(folder: Path) -> None:
    from support.models import describe  # not in the forks: it loads all of pytest

    description = describe(network=NetworkSpec(name="thresholds", in_channels=1))
    fields = {name: getattr(description, name) for name in Description.model_fields.keys() - {"weights", "format"}}
    model_folder.save(folder, Thresholds(), lambda _: "", **fields)


def read(folder: str, into: str, *options: str) -> None:
    """Read it as every command does, and keep what was read."""
    try:
        volume = _volume(folder, options)
    except UserError as error:
        complain(str(error))
        sys.exit(USER_ERROR)
    for warning in volume.warnings:
        warn(warning)
    np.savez(into, voxels=volume.voxels, affine=volume.affine)


def segment(folder: str, into: str, output: str, own_model: str, *options: str) -> None:
    """Segment it, and keep what was read of it besides."""
    networks._REGISTRY["thresholds"] = Thresholds  # in this fork alone
    words = ("segment", folder, "-o", output, "--model", own_model, "--full", "--device", "cpu", *options)
    try:
        sandbox.command_line(*words)
    except SystemExit as ended:
        if ended.code:
            raise
    volume = _volume(folder, options)
    np.savez(into, voxels=volume.voxels, affine=volume.affine)


def _volume(folder: str, options: Sequence[str]) -> Volume:
    series = options[1] if options[:1] == ("--series",) else None
    return volumes.read_volume(Path(folder), series=series, force="--force" in options)

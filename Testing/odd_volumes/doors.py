"""Runs the command line as a case or a test wants it run."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from stress import sandbox

from LiverTumorSegLib import inference, model
from LiverTumorSegLib.volume import Volume

from .grid import Grid

VERSION_3 = 0x20080522


def command_line(short: bool, unprivileged: bool, *words: str) -> None:
    """Run it.

    Args:
        short: put thresholds in place of the network that stands for them: a tenth of the time, and the same labels.
        unprivileged: as a user whom permissions bind, though that be root.
        words: of the command line.
    """
    if short:
        model.load = unloaded
        inference.segment = thresholded
    if unprivileged:
        give_up_privileges()
    sandbox.command_line(*words)


def unloaded(folder: Path) -> model.Model:
    return model.Model(model.describe(folder), None)


def thresholded(volume: Volume, loaded: model.Model, *_, options: inference.Options) -> inference.Segmentation:
    labels = Grid(volume.voxels, volume.affine).labels.astype(np.uint8)
    return inference.Segmentation(labels, volume, loaded.description, "cpu", options, (), 0.0)


def give_up_privileges() -> None:
    header, none = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")

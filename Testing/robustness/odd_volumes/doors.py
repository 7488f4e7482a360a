"""Runs the command line as a case or a test wants it run."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from support import sandbox

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.inference import segment
from LiverTumorSegLib.models import model_folder

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
        model_folder.load = unloaded
        segment.segment = thresholded
    if unprivileged:
        give_up_privileges()
    sandbox.command_line(*words)


def unloaded(folder: Path) -> model_folder.Model:
    return model_folder.Model(model_folder.read_description(folder), None)


def thresholded(
    volume: Volume, loaded: model_folder.Model, *_, options: segment.SegmentationOptions, box: None = None
) -> segment.Segmentation:
    assert box is None
    labels = Grid(volume.voxels, volume.affine).labels.astype(np.uint8)
    return segment.Segmentation(labels, volume, loaded.description, "cpu", options, (), 0.0)


def give_up_privileges() -> None:
    header, none = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")

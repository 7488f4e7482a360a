"""Slices that every preprocessing step is tested on, made and real."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from PIL import Image

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.preprocessing import Slices, Window
from support.repository import SHARED

SOURCES = ("phantom", "ct", "lits")
WINDOW = Window(level=0, width=250)


@lru_cache
def hounsfield(source):
    """Slices in HU, float32 ``[slice, 1, row, column]``, none of them square but those of LiTS, with their spacing."""
    if source == "phantom":
        return _slices(phantom.create((3, 150, 176), (30.0, 2.2, 2.0), seed=7).volume, slice(None))
    if source == "ct":
        return _slices(volumes.read_volume(_shared("samples/totalsegmentator/ct.nii.gz")), slice(40, 70, 10))
    pictures = sorted(_shared("lits/images").glob("volume-4_slice_*.jpg"))[20:22]
    grey = np.stack([np.asarray(Image.open(picture).convert("L"), np.float32) for picture in pictures])
    return Slices(torch.from_numpy(grey / 255 * 200 - 40)[:, None], (0.7, 0.7))


def made(*shape, spacing=(1.0, 1.0), seed=0):
    """Noise that spreads as HU do."""
    return Slices(torch.from_numpy(np.random.default_rng(seed).normal(0, 100, shape).astype(np.float32)), spacing)


def planes(slices):
    """Each slice as a NumPy array."""
    return list(slices.pixels.flatten(0, 1).numpy())


def _slices(volume, chosen):
    view = np.ascontiguousarray(volume.axial.of(volume.voxels)[chosen], np.float32)
    return Slices(torch.from_numpy(view)[:, None], volume.axial.spacing[1:])


def _shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path

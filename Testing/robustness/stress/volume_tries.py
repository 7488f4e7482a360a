"""The two ends that reading a mutated volume may have: a CT that holds together, or one sentence."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from LiverTumorSegLib.core.ct_quality import DamageTreatment
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.native_stderr import silence_libraries
from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import dicom_series, nifti, nrrd_metaimage, volumes

LARGEST_MM = 3100
READERS = (dicom_series, nifti, nrrd_metaimage)
"""Loaded before the forks, once."""


@cache
def base() -> Volume:
    """A CT of a few voxels, no two axes alike, whose place any of the formats states exactly."""
    voxels = np.random.default_rng(7).integers(-250, 250, (3, 4, 5)).astype(np.int16)
    return Volume(voxels, np.array([[-0.75, 0, 0, 40], [0, -1.25, 0, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]]))


def read(path: Path, expected: Volume | None = None, **options: object) -> Volume | None:
    """Read a volume; nothing where it was refused.

    Args:
        path: to read.
        expected: what it has to be, where the damage cannot have changed that.
        options: of :func:`files.read_volume`.
    """
    try:
        with silence_libraries():  # as every door of the program has it
            volume = volumes.read_volume(path, **options)
    except UserError as error:
        check_refusal(error, path, sound=expected is not None)
        return None
    check_sane(volume)
    if expected is not None:
        assert np.array_equal(volume.voxels, expected.voxels), "other voxels than the file's"
        assert np.allclose(volume.affine, expected.affine, atol=1e-4), "another place than the file's"
    return volume


def options(random: Random) -> dict[str, object]:
    """Every way of reading gets its share of the tries."""
    return {
        "force": random.random() < 0.8,
        "damaged": random.choice((DamageTreatment.AS_IS, DamageTreatment.INTERPOLATE)),
    }


def check_refusal(error: UserError, path: Path, *, sound: bool) -> bool:
    """A refusal is one line, ends as a sentence, names the file, does not go on for ever, and meets no sound file."""
    sentence = str(error)
    assert not sound, f"refused what is sound: {sentence}"
    assert sentence.isprintable(), f"not one printable line: {sentence!a}"
    assert sentence.endswith((".", "?")), f"no sentence: {sentence}"
    assert path.name in sentence, f"names no file: {sentence}"
    assert len(sentence) < 1000, f"{len(sentence)} characters long: {sentence[:200]}"
    return False


def check_sane(volume: Volume) -> None:
    """A volume that came out holds together."""
    assert volume.voxels.dtype == np.int16
    assert volume.voxels.ndim == 3
    assert min(volume.voxels.shape) >= 1
    assert volume.affine.shape == (4, 4)
    assert np.isfinite(volume.affine).all(), "an affine that is not finite"
    assert np.array_equal(volume.affine[3], [0, 0, 0, 1]), "an affine that is none"
    assert min(volume.spacing) > 0
    assert np.isfinite(np.linalg.inv(volume.affine)).all()
    assert max(np.multiply(volume.spacing, volume.voxels.shape)) < LARGEST_MM
    assert 0 < volume.voxel_ml < np.inf
    assert all(word.isprintable() for word in volume.warnings), volume.warnings

"""Slices of phantoms, and a recipe that learns from them in seconds."""

import csv
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.training import recipe as recipes
from support.evaluation_cases import save

RECIPE = """
name: quick
title: A quick one
segments: the liver and its lesions
seed: 1
data: [{folder: lits, intensities: [-40, 160], default_spacing_mm: 5}]
validation: [volume-2]
preprocessing: [{step: window, level: 60, width: 200}]
stack: {slices: 3, spacing_mm: 8}
network: {name: unet, in_channels: 3, options: {features: [4, 4, 8, 8, 8, 4]}}
crop: 48
schedule: {steps: 6, batch: 2, learning_rate: 0.01, precision: 32-true}
licence: {name: CC0-1.0, terms: free.}
"""


def make_data(root):
    """Three phantoms as slice pictures."""
    for kind in ("images", "masks"):
        (root / "lits" / kind).mkdir(parents=True)
    rows = [["volume", "dx_mm", "dy_mm", "dz_native_mm"]]
    for patient in range(3):
        made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=patient)
        rows.append([patient, 5.0, 5.0, 20.0])
        grey = ((made.volume.voxels.clip(-40, 160) + 40.0) / 200 * 255).astype(np.uint8)
        for number in range(10):
            name = f"volume-{patient}_slice_{number}"
            Image.fromarray(grey[number]).save(root / "lits" / "images" / f"{name}.jpg", quality=95)
            Image.fromarray(made.labels[number]).save(root / "lits" / "masks" / f"{name}.png")
    with (root / "lits" / "slices.csv").open("w") as table:
        csv.writer(table).writerows(rows)
    return root


def recipe_with(folder, *changes):
    """The recipe, read from a file in the folder, with changes as on the command line."""
    (folder / "quick.yaml").write_text(RECIPE)
    return recipes.load(folder / "quick.yaml", recipes.parse_changes(list(changes)))


def patient(labels, pixels=None, name="a", lesions_apart=True):
    """A patient of one channel from labels ``[slice, row, column]``; grey follows from the labels if not given."""
    labels = torch.as_tensor(labels, dtype=torch.uint8)
    pixels = labels.float() / 2 if pixels is None else torch.as_tensor(pixels)
    return Patient(name, np.arange(len(labels)), pixels[:, None].half(), labels, 2.0, lesions_apart)


def at_step(step, of=100, **more):
    """As much of a trainer as callbacks look at."""
    return SimpleNamespace(
        global_step=step, max_steps=of, should_stop=False, **{"is_global_zero": True, "loggers": []} | more
    )


def make_volumes(root, numbers=(0, 1, 2), writes=None):
    """Phantoms as CTs of LiTS in ``LITS``, or as another data set's function writes them."""
    for number in numbers:
        made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=number)
        (writes or write_phantom)(root, number, made)
    return root


def write_phantom(root, number, made):
    """A phantom as LiTS has its scans."""
    affine = made.volume.affine
    save(root / "LITS" / f"volume-{number}.nii.gz", made.volume.voxels, dtype=np.int16, affine=affine)
    save(root / "LITS" / f"segmentation-{number}.nii.gz", made.labels, affine=affine)


def write_phantom_as_msd(root, number, made):
    """A phantom as MSD Task03 has its scans."""
    affine = made.volume.affine
    save(root / "MSD" / "imagesTr" / f"liver_{number}.nii.gz", made.volume.voxels, dtype=np.int16, affine=affine)
    save(root / "MSD" / "labelsTr" / f"liver_{number}.nii.gz", made.labels, affine=affine)


VOLUMES = ("data=[{volumes: LITS}]",)

VOLUME_RECIPE = """
name: quick3d
title: A quick one of volumes
segments: the liver and its lesions
seed: 1
data: [{volumes: LITS}]
validation: [volume-2]
preprocessing: [{step: window, level: 60, width: 200}]
network: {name: unet3d, in_channels: 1, options: {features: [4, 4, 8, 8, 8, 4]}}
patches: {spacing_mm: [10, 8, 8], size: [32, 32, 32]}
sampling: {joined: 0}
augmentation: {shift: 4, elastic: 2}
schedule: {steps: 6, batch: 2, learning_rate: 0.01, precision: 32-true, validate_every: 3}
licence: {name: CC0-1.0, terms: free.}
"""


def volume_recipe(folder, *changes):
    """The recipe for volumes of :func:`make_volumes`, with changes as on the command line."""
    (folder / "quick3d.yaml").write_text(VOLUME_RECIPE)
    return recipes.load(folder / "quick3d.yaml", recipes.parse_changes(list(changes)))

"""Made data sets to plan for: the tests' and, in its own environment, nnU-Net's; it needs NumPy and SimpleITK alone."""

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

NAMES = ("isotropic", "thick", "small")

DRAWN = {"isotropic": 1_000_000, "thick": 10_000_000, "small": 100_000_000}
"""Labelled voxels that are drawn; nnU-Net's own number is the last, which takes a second."""

_CASES = {"isotropic": 5, "thick": 5, "small": 3}
_SHAPES = {
    "isotropic": ((70, 92), (84, 101)),
    "thick": ((14, 23), (120, 141)),
    "small": ((9, 13), (30, 37)),
}
"""Slices, and rows that are as many as columns: from, and to before."""

_SPACINGS = {
    "isotropic": ((1.4, 1.6), (1.3, 1.5)),
    "thick": ((4.0, 7.0), (0.7, 0.9)),
    "small": ((3.0, 4.0), (1.8, 2.2)),
}
"""Millimetres between slices, and between rows as between columns."""


class MadeCase(NamedTuple):
    """A CT ``[k, j, i]`` in HU with labels 0 to 2, and millimetres along k, j and i."""

    voxels: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]


def made_case(name, number):
    """A CT of a data set: liver and lesion as boxes in noise, every second one in a rim of 0.

    The last of the thick ones has no labels.
    """
    random = np.random.default_rng([NAMES.index(name), number])
    (shortest, longest), (narrowest, widest) = _SHAPES[name]
    plane = int(random.integers(narrowest, widest))
    shape = (int(random.integers(shortest, longest)), plane, plane)
    spacing = tuple(round(float(random.uniform(*ends)), 2) for ends in _SPACINGS[name])
    voxels = random.normal(-60, 80, shape).round().astype(np.int16)
    labels = np.zeros(shape, np.uint8)
    if (name, number) != ("thick", _CASES["thick"] - 1):
        liver = tuple(slice(n // 4, n // 4 + n // 2) for n in shape)
        lesion = tuple(slice(n // 3, n // 3 + max(1, n // 8)) for n in shape)
        labels[liver], labels[lesion] = 1, 2
        voxels[labels == 1] += 140
        voxels[labels == 2] += 90
    if number % 2 == 0:
        rim = random.integers(1, 4, (3, 2))
        inner = tuple(slice(low, n - high) for (low, high), n in zip(rim.tolist(), shape, strict=True))
        kept = np.zeros(shape, bool)
        kept[inner] = True
        voxels[~kept] = 0
        labels[0, 0, 0] = 1  # outside of what is not 0, and so nothing that nnU-Net sees
    return MadeCase(voxels, labels, (spacing[0], spacing[1], spacing[1]))


def write_set(name, folder, ct="imagesTr/liver_{number}.nii.gz", labels="labelsTr/liver_{number}.nii.gz"):
    """Write a data set as MSD Task03 has its scans, or under other names."""
    for number in range(_CASES[name]):
        case = made_case(name, number)
        for values, pattern in ((case.voxels, ct), (case.labels, labels)):
            path = folder / pattern.format(number=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            image = sitk.GetImageFromArray(values)
            image.SetSpacing(case.spacing[::-1])
            image.SetDirection(((1, 0, 0, 0, 1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0, 0, 0, 1))[number % 2])
            sitk.WriteImage(image, str(path))
    return folder


class Sizes(NamedTuple):
    """Shapes and spacings of CTs that nobody made, memory in GB and labels with the background."""

    shapes: list[list[int]]
    spacings: list[list[float]]
    memory: float
    classes: int


_FROM = {
    "LiTS": (13, (74, 900), (512, 513), (0.7, 5.0), (0.6, 1.0), 8, 3),
    "LiTS, 4 GB": (13, (74, 900), (512, 513), (0.7, 5.0), (0.6, 1.0), 4, 3),
    "LiTS, 24 GB": (13, (74, 900), (512, 513), (0.7, 5.0), (0.6, 1.0), 24, 3),
    "liver alone": (6, (150, 300), (400, 520), (1.0, 2.0), (0.7, 0.9), 8, 2),
    "thin slices": (9, (500, 700), (500, 520), (0.5, 0.6), (0.7, 0.8), 8, 3),
    "thick slices": (10, (20, 60), (512, 513), (5.0, 8.0), (0.6, 0.8), 8, 3),
    "a few thin ones among thick": (10, (30, 60), (320, 400), (0.3, 8.0), (1.0, 1.2), 8, 3),
    "one slice": (5, (1, 2), (200, 260), (5.0, 5.1), (0.7, 0.8), 8, 3),
    "half a GB": (7, (60, 90), (150, 200), (2.0, 3.0), (1.0, 1.2), 0.5, 3),
    "mice": (30, (100, 140), (96, 128), (0.1, 0.2), (0.1, 0.2), 11, 3),
}
SIZES = tuple(_FROM)


def made_sizes(name):
    """Sizes of a data set by its name, drawn from ranges."""
    count, slices, rows, thick, wide, memory, classes = _FROM[name]
    random = np.random.default_rng([len(NAMES), SIZES.index(name)])
    shapes, spacings = [], []
    for _ in range(count):
        plane, mm = int(random.integers(*rows)), round(float(random.uniform(*wide)), 3)
        shapes.append([int(random.integers(*slices)), plane, plane])
        spacings.append([round(float(random.uniform(*thick)), 3), mm, mm])
    return Sizes(shapes, spacings, memory, classes)

"""What nnU-Net wants to know of a data set: sizes, spacings and the intensities of what is labelled.

Isensee et al. 2021, nnU-Net, Methods, "Dataset fingerprints". Axes are those of the arrays as files store them, ``k, j,
i``, since nnU-Net ignores how a CT lies in space.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION_LABEL
from ...core.native_stderr import silence_libraries
from ...core.progress import Job
from ...core.volume import Box, Volume
from ...datasets.layouts import Layout
from ...datasets.scans import LabelledScan
from ...preprocessing.hu_counts import HuCounts

DRAWN = 100_000_000
"""Labelled voxels that nnU-Net draws of a data set, as many of each CT."""

_SEED = 1234
"""With which it draws those of each CT."""

_AT_ONCE = 1_000_000


class CaseFacts(NamedTuple):
    """Facts of one CT.

    Args:
        name: of the scan.
        shape: voxels along k, j and i, once slices of nothing but 0 are cut off on all six sides.
        spacing: millimetres along k, j and i.
        kept: share of the voxels that this leaves.
        axes: the array axes that are slice, row and column of an axial view.
        labelled: share of the axial slices that show a label.
    """

    name: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    kept: float
    axes: tuple[int, int, int]
    labelled: float


@dataclass(frozen=True)
class Intensities:
    """HU of the labelled voxels that were drawn.

    Args:
        mean, median: of them.
        std: population standard deviation.
        least, greatest: of them.
        low, high: 0.5 and 99.5 percentile.
    """

    mean: float
    median: float
    std: float
    least: float
    greatest: float
    low: float
    high: float

    @classmethod
    def of(cls, counts: HuCounts) -> Intensities:
        """Of counted voxels, one at least."""
        low, middle, high = (counts.percentile(percent) for percent in (0.5, 50.0, 99.5))
        least, greatest = float(counts.least), float(counts.greatest)
        return cls(counts.mean, middle, counts.deviation, least, greatest, low, high)

    def to_json(self) -> dict[str, float]:
        """As nnU-Net names them."""
        return {
            "mean": self.mean,
            "median": self.median,
            "std": self.std,
            "min": self.least,
            "max": self.greatest,
            "percentile_99_5": self.high,
            "percentile_00_5": self.low,
        }


@dataclass(frozen=True)
class Fingerprint:
    """All that a plan follows from.

    Args:
        cases: facts of each CT.
        intensities: of what is labelled.
        labels: what the labels are, the background first.
        warnings: what is doubtful about the scans, with the names of those that it holds for.
    """

    cases: tuple[CaseFacts, ...]
    intensities: Intensities
    labels: tuple[str, ...]
    warnings: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """nnU-Net's ``dataset_fingerprint.json``."""
        return {
            "spacings": [list(case.spacing) for case in self.cases],
            "shapes_after_crop": [list(case.shape) for case in self.cases],
            "foreground_intensity_properties_per_channel": {"0": self.intensities.to_json()},
            "median_relative_size_after_cropping": median(case.kept for case in self.cases),
        }


def take_fingerprint(layout: Layout, task: Job) -> Fingerprint:
    """Read the CTs of a data set one after the other, and keep their facts alone.

    The intensities are those of the very voxels that nnU-Net draws. Its own mean and deviation are sums in float32.

    Args:
        layout: of the data set.
        task: told before each CT.

    Raises:
        UserError: a CT cannot be read or is 0 everywhere, or none has a label.
        Cancelled: the user asked to stop.
    """
    cases, counts, lesions = [], HuCounts(), False
    doubts: dict[str, list[str]] = {}
    each = DRAWN // len(layout.scans)
    for at, scan in enumerate(layout.scans):
        task.at(at / len(layout.scans), f"Reading {scan.name}: {at + 1} of {len(layout.scans)}")
        with silence_libraries():
            volume, labels = scan.read()
        for sentence in volume.warnings:
            doubts.setdefault(sentence, []).append(scan.name)
        box = nonzero_box(volume.voxels)
        if box is None:
            msg = f"{scan.ct} is 0 everywhere: take {scan.name} out of the data set."
            raise UserError(msg)
        cases.append(_facts(scan, volume, labels, box))
        inside = labels[box]
        draw_foreground(counts, volume.voxels[box][inside > 0], each, task)
        lesions = lesions or bool((inside == LESION_LABEL).any())
    if not counts.total:
        msg = f"No voxel of the CTs in {layout.folder} is labelled: give data whose liver was segmented."
        raise UserError(msg)
    labels_found = ("background", "liver", "lesion") if lesions else ("background", "liver")
    warnings = tuple((sentence, tuple(names)) for sentence, names in doubts.items())
    return Fingerprint(tuple(cases), Intensities.of(counts), labels_found, warnings)


def nonzero_box(voxels: NDArray[np.int16]) -> Box | None:
    """The smallest box of k, j and i outside of which all voxels are 0; None where all are."""
    sides = []
    for others in ((1, 2), (0, 2), (0, 1)):
        found = np.flatnonzero(voxels.any(axis=others))
        if not len(found):
            return None
        sides.append(slice(int(found[0]), int(found[-1]) + 1))
    return sides[0], sides[1], sides[2]


def draw_foreground(counts: HuCounts, voxels: NDArray[np.int16], wanted: int, task: Job) -> None:
    """Count a random sample with replacement, the one that nnU-Net draws of these voxels; of none, nothing.

    Args:
        counts: added to.
        voxels: labelled ones of a CT, in the order of its array.
        wanted: how many are drawn; a part at a time, which gives the same ones as all at once.
        task: its cancelling is looked at between the parts.

    Raises:
        Cancelled: the user asked to stop.
    """
    if not len(voxels):
        return
    random = np.random.RandomState(_SEED)  # an old generator, but nnU-Net's, for nnU-Net's own voxels
    for start in range(0, wanted, _AT_ONCE):
        task.cancel.check()
        counts.add(random.choice(voxels, min(_AT_ONCE, wanted - start), replace=True))


def _facts(scan: LabelledScan, volume: Volume, labels: NDArray[np.uint8], box: Box) -> CaseFacts:
    k, j, i = (side.stop - side.start for side in box)
    axial = volume.axial
    labelled = float(axial.of(labels).any(axis=(1, 2)).mean())
    kept = prod((k, j, i)) / volume.voxels.size
    return CaseFacts(scan.name, (k, j, i), volume.spacing, kept, axial.axes, labelled)

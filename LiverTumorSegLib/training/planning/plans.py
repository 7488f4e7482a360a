"""nnU-Net's plans for a data set: the spacing it is brought to, its axes' order, and the configurations.

Isensee et al. 2021, nnU-Net, Methods, "Inferred parameters"; the numbers are those of nnU-Net 2's
``ExperimentPlanner``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .configurations import PLANS_NAME, USUAL_GB, Configuration, plan_configuration
from .fingerprint import Fingerprint

_ANISOTROPIC = 3
_FINE_PERCENTILE = 10
_COVERED = 0.25
"""Share of the median CT that a patch of ``3d_fullres`` covers where no lower resolution is planned."""

_COARSER = 1.03
_ALIKE = 2
_WORTHWHILE = 2

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plans:
    """What nnU-Net would do with a data set.

    Args:
        fingerprint: of the data set.
        transpose: which of the axes k, j, i comes first, second and third: the coarsest first.
        spacing: millimetres that the data are brought to, along the axes so ordered.
        median_shape: of the data then.
        configurations: ``2d``, ``3d_lowres`` and ``3d_fullres`` by name, as far as there are such.
        memory_gb: of the GPU they are for.
    """

    fingerprint: Fingerprint
    transpose: tuple[int, int, int]
    spacing: tuple[float, ...]
    median_shape: tuple[float, ...]
    configurations: dict[str, Configuration]
    memory_gb: float

    @property
    def transpose_backward(self) -> tuple[int, int, int]:
        """Where each of k, j and i has gone."""
        first, second, third = (self.transpose.index(axis) for axis in range(3))
        return first, second, third

    def to_json(self, dataset_name: str) -> dict[str, Any]:
        """nnU-Net's plans file, for its own trainer.

        Args:
            dataset_name: such as ``Dataset003_Liver``.
        """
        order = list(self.transpose)
        cases = self.fingerprint.cases
        plans = {name: chosen.to_plan() for name, chosen in self.configurations.items()}
        if "3d_lowres" in plans:
            plans["3d_lowres"]["next_stage"] = "3d_cascade_fullres"
            plans["3d_cascade_fullres"] = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
        return {
            "dataset_name": dataset_name,
            "plans_name": PLANS_NAME,
            "original_median_spacing_after_transp": np.median([case.spacing for case in cases], 0)[order].tolist(),
            "original_median_shape_after_transp": [
                round(float(n)) for n in np.median([case.shape for case in cases], 0)[order]
            ],
            "image_reader_writer": "SimpleITKIO",
            "transpose_forward": order,
            "transpose_backward": list(self.transpose_backward),
            "configurations": plans,
            "experiment_planner_used": "ExperimentPlanner",
            "label_manager": "LabelManager",
            "foreground_intensity_properties_per_channel": {"0": self.fingerprint.intensities.to_json()},
        }


def plan(fingerprint: Fingerprint, memory_gb: float = USUAL_GB) -> Plans:
    """Plan all configurations that nnU-Net would have for a data set.

    Args:
        fingerprint: of the data set.
        memory_gb: of the GPU; 8 is nnU-Net's usual.

    Raises:
        UserError: the memory or the CTs are too small for any network.
    """
    cases, classes = fingerprint.cases, len(fingerprint.labels)
    wanted = target_spacing(np.array([case.spacing for case in cases]), np.array([case.shape for case in cases]))
    coarsest = int(np.argmax(wanted))
    first, second, third = (coarsest, *(axis for axis in range(3) if axis != coarsest))
    order = [first, second, third]
    spacing = tuple(wanted[order].tolist())
    median_shape = tuple(_median_shape(fingerprint, wanted)[order].tolist())
    voxels = prod(median_shape) * len(cases)
    limits: dict[str, Any] = {"classes": classes, "memory_gb": memory_gb}
    found = {"2d": plan_configuration("2d", spacing[1:], median_shape[1:], voxels=voxels, **limits)}
    if median_shape[0] != 1:
        full = plan_configuration("3d_fullres", spacing, median_shape, voxels=voxels, **limits)
        low = _low_resolution(full, len(cases), limits)
        found |= {"3d_lowres": low._replace(batch_dice=False)} if low else {}
        found["3d_fullres"] = full._replace(batch_dice=low is not None)
    return Plans(fingerprint, (first, second, third), spacing, median_shape, found, memory_gb)


def target_spacing(spacings: Array, shapes: NDArray[np.int64]) -> Array:
    """The median spacing, but a finer one along an axis that is both coarse and short.

    Where the voxels along an axis are more than three times as wide as those along the others, and less than a third as
    many, its finest tenth decides, and at least the spacing of the others: the median would blur CTs of thinner slices.

    Args:
        spacings: millimetres along k, j and i of each CT.
        shapes: voxels along the same axes.

    Returns:
        Millimetres along k, j and i.
    """
    target, size = np.percentile(spacings, 50, 0), np.percentile(shapes, 50, 0)
    coarsest = int(np.argmax(target))
    others = [axis for axis in range(3) if axis != coarsest]
    widest = max(target[others])
    if target[coarsest] > _ANISOTROPIC * widest and size[coarsest] * _ANISOTROPIC < min(size[others]):
        finer = np.percentile(spacings[:, coarsest], _FINE_PERCENTILE)
        target[coarsest] = widest + 1e-5 if finer < widest else finer
    return target


def _median_shape(fingerprint: Fingerprint, wanted: Array) -> Array:
    """Of the CTs once they are brought to a spacing."""
    shapes = [
        [round(mm / to * n) for mm, to, n in zip(case.spacing, wanted.tolist(), case.shape, strict=True)]
        for case in fingerprint.cases
    ]
    return np.median(shapes, 0)


def _low_resolution(full: Configuration, cases: int, limits: dict[str, Any]) -> Configuration | None:
    """A configuration whose patch covers a quarter of the median CT; None where that needs little or no coarser voxels.

    Spacing grows in small steps, at first along the axes whose voxels are less than half as wide as the widest.
    """
    finest, shape = np.array(full.spacing), np.array(full.median_shape)
    spacing, low = finest.copy(), None
    covered, voxels = prod(full.patch), float(np.prod(shape))
    while covered / voxels < _COVERED:
        finer = max(spacing) / spacing > _ALIKE
        spacing[finer if finer.any() else slice(None)] *= _COARSER
        smaller = finest / spacing * shape
        voxels = float(np.prod(smaller))
        median_shape = [round(float(n)) for n in smaller]
        low = plan_configuration("3d_lowres", spacing.tolist(), median_shape, voxels=voxels * cases, **limits)
        covered = prod(low.patch)
    return low if float(np.prod(shape)) / voxels >= _WORTHWHILE else None

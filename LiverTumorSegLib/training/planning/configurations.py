"""One of nnU-Net's configurations: the largest patch whose network fits into a GPU's memory, and how many fit.

Isensee et al. 2021, nnU-Net, Methods, "Adaptation of configurations"; the numbers are those of nnU-Net 2's
``ExperimentPlanner``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import UserError
from .topology import CONVOLUTIONS, Topology, topology_for

PLANS_NAME = "nnUNetPlans"
USUAL_GB = 8.0


class _Reference(NamedTuple):
    """Values in the features of a patch, a batch of which trains in 8 GB, and the side of a first patch."""

    values: int
    batch: int
    side: int


_REFERENCES = {2: _Reference(85_000_000, 12, 2048), 3: _Reference(560_000_000, 2, 256)}
_SMALLEST_BATCH = 2
_MOST_SEEN = 0.05
"""Share of all voxels that a batch may show."""

_RESAMPLING = "resample_data_or_seg_to_shape"
_BY_SPACING = {"order_z": 0, "force_separate_z": None}
_MODULES = {
    2: ("torch.nn.modules.conv.Conv2d", "torch.nn.modules.instancenorm.InstanceNorm2d"),
    3: ("torch.nn.modules.conv.Conv3d", "torch.nn.modules.instancenorm.InstanceNorm3d"),
}


class Configuration(NamedTuple):
    """A configuration; axes are those of nnU-Net's arrays after its transpose, for slices without the first.

    Args:
        name: ``2d``, ``3d_fullres`` or ``3d_lowres``.
        spacing: millimetres.
        median_shape: of the data at this spacing.
        topology: of the network, with the patch.
        batch: patches.
        batch_dice: whether the Dice of the loss is that of all patches of a batch together.
    """

    name: str
    spacing: tuple[float, ...]
    median_shape: tuple[float, ...]
    topology: Topology
    batch: int
    batch_dice: bool = True

    @property
    def patch(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.topology.patch

    def to_plan(self) -> dict[str, Any]:
        """The configuration as an entry of nnU-Net's plans."""
        return {
            "data_identifier": f"{PLANS_NAME}_{self.name}",
            "preprocessor_name": "DefaultPreprocessor",
            "batch_size": self.batch,
            "patch_size": list(self.patch),
            "median_image_size_in_voxels": list(self.median_shape),
            "spacing": list(self.spacing),
            "normalization_schemes": ["CTNormalization"],
            "use_mask_for_norm": [False],
            "resampling_fn_data": _RESAMPLING,
            "resampling_fn_seg": _RESAMPLING,
            "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, **_BY_SPACING},
            "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, **_BY_SPACING},
            "resampling_fn_probabilities": _RESAMPLING,
            "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, **_BY_SPACING},
            "architecture": self._architecture(),
            "batch_dice": self.batch_dice,
        }

    def _architecture(self) -> dict[str, Any]:
        convolution, normalisation = _MODULES[len(self.patch)]
        stages = len(self.topology.strides)
        return {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": stages,
                "features_per_stage": list(self.topology.features),
                "conv_op": convolution,
                "kernel_sizes": [list(kernel) for kernel in self.topology.kernels],
                "strides": [list(stride) for stride in self.topology.strides],
                "n_conv_per_stage": [CONVOLUTIONS] * stages,
                "n_conv_per_stage_decoder": [CONVOLUTIONS] * (stages - 1),
                "conv_bias": True,
                "norm_op": normalisation,
                "norm_op_kwargs": {"eps": 1e-5, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        }


def plan_configuration(
    name: str,
    spacing: Sequence[float],
    median_shape: Sequence[float],
    *,
    voxels: float,
    classes: int,
    memory_gb: float = USUAL_GB,
) -> Configuration:
    """Choose patch, network and batch for a spacing.

    The first patch is as wide in millimetres along every axis, and nowhere longer than the median of the data. While a
    batch of two does not fit into the memory, it is shortened along the axis that covers most of the data.

    Args:
        name: of the configuration.
        spacing: millimetres along two or three axes.
        median_shape: of the data at this spacing, along the same axes.
        voxels: of all data at this spacing.
        classes: channels of the logits.
        memory_gb: of the GPU; 8 is nnU-Net's usual.

    Raises:
        UserError: the memory or the data are too small for any network.
    """
    reference = _REFERENCES[len(spacing)]
    most = reference.values * (memory_gb / USUAL_GB)
    chosen = topology_for(spacing, _first_patch(spacing, median_shape, reference.side))
    values = chosen.feature_values(classes)
    while values / reference.batch * _SMALLEST_BATCH > most:
        chosen = _shortened(chosen, spacing, median_shape)
        values = chosen.feature_values(classes)
    if len(chosen.strides) == 1:
        shown = " x ".join(map(str, chosen.patch))
        msg = f"The network of {name} would see {shown} voxels, too few to halve: give larger CTs, or more --memory."
        raise UserError(msg)
    fitting = round((most / values) * reference.batch)
    allowed = round(voxels * _MOST_SEEN / prod(chosen.patch))
    batch = max(min(fitting, allowed), _SMALLEST_BATCH)
    return Configuration(name, tuple(spacing), tuple(median_shape), chosen, batch)


def _first_patch(spacing: Sequence[float], median_shape: Sequence[float], side: int) -> list[float]:
    """As many voxels as a cube, or a square, of the side has, as wide in millimetres along every axis."""
    axes, fineness = len(spacing), 1 / np.array(spacing)
    ideal = fineness * (side**axes / np.prod(fineness)) ** (1 / axes)
    return [min(round(float(n)), most) for n, most in zip(ideal, median_shape, strict=True)]


def _shortened(before: Topology, spacing: Sequence[float], median_shape: Sequence[float]) -> Topology:
    """A patch shorter by one step along the axis that covers most of the data, the last of equal ones.

    The step is that of a patch shortened once already: it may be halved less often, and then come in smaller steps.
    """
    covered = [n / median for n, median in zip(before.patch, median_shape, strict=True)]
    axis = max(range(len(covered)), key=lambda at: (covered[at], at))
    shorter, tried = list(before.patch), list(before.patch)
    tried[axis] -= before.multiples[axis]
    shorter[axis] -= topology_for(spacing, tried).multiples[axis]
    return topology_for(spacing, shorter)

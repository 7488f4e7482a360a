"""Weights that make rare classes count as much as frequent ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ...errors import UserError


def median_frequency(labels: Iterable[torch.Tensor], classes: int) -> tuple[float, ...]:
    """Weight of each class: the median of the classes' frequencies, divided by its own.

    A class's frequency is its share of the pixels of those slices where it occurs (Eigen and Fergus 2015, Predicting
    depth, surface normals and semantic labels, section 6.3.2; Badrinarayanan et al. 2017, SegNet, section 3).

    Args:
        labels: integers ``[slice, row, column]``, one tensor a patient.
        classes: how many; labels go from 0 to one less.

    Raises:
        UserError: a class occurs nowhere.
    """
    own, around = np.zeros(classes), np.zeros(classes)
    for patient in labels:
        for value in range(classes):
            counts = (patient == value).flatten(1).sum(dim=1)
            own[value] += int(counts.sum())
            around[value] += int((counts > 0).sum()) * patient[0].numel()
    if not own.all():
        msg = f"No training slice shows label {int(own.argmin())}: median-frequency weights need all {classes} classes."
        raise UserError(msg)
    frequencies = own / around
    return tuple(float(weight) for weight in np.median(frequencies) / frequencies)

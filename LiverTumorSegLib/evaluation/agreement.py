"""Agreement of what is read off a segmentation: tumour burden and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..postprocessing import LESION, LIVER
from .overlap import ratio

_WITHIN_SD = 1.96
"""95 % of a normal distribution lie so many standard deviations around its mean."""


@dataclass(frozen=True)
class Burden:
    """Lesions' share of the liver, lesions included.

    Args:
        prediction: 0 to 1.
        reference: 0 to 1; None where the reference has no liver, or no label 1: lesions alone have no share.
        difference: prediction less reference; None where the reference's is.
    """

    prediction: float
    reference: float | None
    difference: float | None


def burden(confusion: NDArray[np.int64]) -> Burden:
    """Tumour burden n(2) / n(>=1) of prediction and reference (Bilic et al., Medical Image Analysis 84, 2023).

    A prediction that marks no liver has a burden of 0: it found no tumour, and the case stays in the mean, where
    leaving it out would reward a model for failing. LiTS's program takes 9001 instead, which is no share and decides
    the mean alone. A reference without a liver, or with lesions alone, says nothing about a burden.

    Args:
        confusion: 3x3 voxels ``[label in the reference, label in the prediction]``.
    """
    prediction = _share(confusion.sum(axis=0)) or 0.0
    reference = _share(confusion.sum(axis=1)) if confusion[LIVER].any() else None
    return Burden(prediction, reference, None if reference is None else prediction - reference)


def burden_errors(cases: Mapping[str, Burden]) -> dict[str, Any]:
    """Root mean square and largest absolute difference of the burdens, over the cases whose reference has a liver.

    Returns:
        ``rmse`` and ``largest_difference``, None without such a case; ``counted``; and ``left_out``, names.
    """
    differences = np.array([case.difference for case in cases.values() if case.difference is not None])
    counted = len(differences)
    return {
        "rmse": float(np.sqrt(np.mean(differences**2))) if counted else None,
        "largest_difference": float(np.abs(differences).max()) if counted else None,
        "counted": counted,
        "left_out": [name for name, case in cases.items() if case.difference is None],
    }


def bland_altman(cases: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Bias and 95 % limits of agreement of two measurements (Bland and Altman, Lancet 327, 1986, 307-310).

    Args:
        cases: volume of the prediction and of the reference by name, in ml.

    Returns:
        ``bias_ml``, mean of prediction less reference, None without a case; ``sd_ml`` of the differences (n - 1),
        ``lower_ml`` and ``upper_ml``, bias ± 1.96 SD, None below two cases; ``counted``; and ``cases``.
    """
    differences = np.array([prediction - reference for prediction, reference in cases.values()])
    counted = len(differences)
    bias = float(differences.mean()) if counted else None
    sd = float(differences.std(ddof=1)) if counted > 1 else None
    return {
        "bias_ml": bias,
        "sd_ml": sd,
        "lower_ml": None if bias is None or sd is None else bias - _WITHIN_SD * sd,
        "upper_ml": None if bias is None or sd is None else bias + _WITHIN_SD * sd,
        "counted": counted,
        "cases": {name: list(volumes) for name, volumes in cases.items()},
    }


def _share(voxels: NDArray[np.int64]) -> float | None:
    """Lesions' share of liver and lesions in voxels by label."""
    return ratio(int(voxels[LESION]), int(voxels[1:].sum()))

"""Mean, spread and agreement over cases, whose intervals take patients and not cases for independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.labels import LESION_LABEL, LIVER_LABEL
from .overlap import ratio

RESAMPLES, SEED = 10_000, 0
_PERCENTILES = (2.5, 97.5)
_DRAWS_AT_ONCE = 2**20


def summarise(
    values: Mapping[str, float | None], patients: Mapping[str, str], *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Any]:
    """Mean, median and standard deviation over cases, with the interval of the mean.

    The interval is the percentile bootstrap's (Efron and Tibshirani 1993, chapter 13). Whole patients are drawn, each
    with all of its cases (Davison and Hinkley 1997, section 3.8), since two CTs of one patient say less than those of
    two; a resample's mean is over the cases in it, as the mean itself is.

    Args:
        values: of each case by its name; None where not defined.
        patients: patient of each case.
        resamples: how often patients are drawn.
        seed: of the draws; the order of cases does not matter.

    Returns:
        ``mean``; ``median``; ``sd``, of a sample (divided by n - 1), None for less than two cases; ``low`` and
        ``high``, the 95 % interval of the mean, None for less than two patients; ``counted`` cases; ``patients``,
        how many they belong to; ``left_out``, names of the cases that are not defined. All None where no case is.
    """
    defined = {name: value for name, value in sorted(values.items()) if value is not None}
    numbers = np.array(list(defined.values()), np.float64)
    return {
        **_ratio_and_interval(numbers, np.ones(len(numbers)), [patients[name] for name in defined], resamples, seed),
        "median": float(np.median(numbers)) if len(numbers) else None,
        "sd": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
        "left_out": sorted(values.keys() - defined.keys()),
    }


def pooled_ratio(
    numerators: Mapping[str, float | None],
    denominators: Mapping[str, float | None],
    patients: Mapping[str, str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Any]:
    """A figure pooled over cases, the sum of one number by the sum of another, such as global Dice, with its interval.

    Args:
        numerators: of each case by its name; None where not defined.
        denominators: the same, of the same names.
        patients: patient of each case.
        resamples: as of :func:`summarise`; those whose denominators sum to 0 have no figure and do not count.
        seed: as of :func:`summarise`.

    Returns:
        ``mean``, the pooled figure, None where the denominators sum to 0; ``low``, ``high``, ``counted``, ``patients``
        and ``left_out`` as of :func:`summarise`.
    """
    names = [name for name in sorted(numerators) if numerators[name] is not None and denominators[name] is not None]
    above, below = (np.array([each[name] for name in names], np.float64) for each in (numerators, denominators))
    pooled = _ratio_and_interval(above, below, [patients[name] for name in names], resamples, seed)
    return pooled | {"left_out": sorted(numerators.keys() - set(names))}


def _ratio_and_interval(
    above: NDArray[np.float64], below: NDArray[np.float64], patients: Sequence[str], resamples: int, seed: int
) -> dict[str, Any]:
    found, of_case = np.unique(np.array(patients, str), return_inverse=True)
    total = float(below.sum())
    low = high = None
    if len(found) > 1 and total:
        top, bottom = (np.bincount(of_case, each, len(found)) for each in (above, below))
        low, high = _interval(top, bottom, resamples, seed)
    return {
        "mean": float(above.sum()) / total if total else None,
        "low": low,
        "high": high,
        "counted": len(above),
        "patients": len(found),
    }


def _interval(above: NDArray, below: NDArray, resamples: int, seed: int) -> tuple[float | None, float | None]:
    """2.5 and 97.5 percentile of the ratio over resamples of patients, from each patient's sums."""
    random, count = np.random.default_rng(seed), len(above)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    ratios = []
    for start in range(0, resamples, at_once):
        drawn = random.integers(count, size=(min(at_once, resamples - start), count), dtype=np.int32)
        top, bottom = above[drawn].sum(axis=1), below[drawn].sum(axis=1)
        ratios.append(top[bottom != 0] / bottom[bottom != 0])
    found = np.concatenate(ratios)
    if not len(found):
        return None, None
    low, high = np.percentile(found, _PERCENTILES)
    return float(low), float(high)


_WITHIN_SD = 1.96
"""95 % of a normal distribution lie so many standard deviations around its mean."""


@dataclass(frozen=True)
class TumourBurden:
    """Lesions' share of the liver, lesions included.

    Args:
        prediction: 0 to 1.
        reference: 0 to 1; None where the reference has no liver, or no label 1: lesions alone have no share.
        difference: prediction less reference; None where the reference's is.
    """

    prediction: float
    reference: float | None
    difference: float | None


def tumour_burden(confusion: NDArray[np.int64]) -> TumourBurden:
    """Tumour burden n(2) / n(>=1) of prediction and reference (Bilic et al., Medical Image Analysis 84, 2023).

    A prediction that marks no liver has a burden of 0: it found no tumour, and the case stays in the mean, where
    leaving it out would reward a model for failing. LiTS's program takes 9001 instead, which is no share and decides
    the mean alone. A reference without a liver, or with lesions alone, says nothing about a burden.

    Args:
        confusion: 3x3 voxels ``[label in the reference, label in the prediction]``.
    """
    prediction = _lesion_share(confusion.sum(axis=0)) or 0.0
    reference = _lesion_share(confusion.sum(axis=1)) if confusion[LIVER_LABEL].any() else None
    return TumourBurden(prediction, reference, None if reference is None else prediction - reference)


def burden_errors(cases: Mapping[str, TumourBurden]) -> dict[str, Any]:
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


def _lesion_share(voxels: NDArray[np.int64]) -> float | None:
    """Lesions' share of liver and lesions in voxels by label."""
    return ratio(int(voxels[LESION_LABEL]), int(voxels[1:].sum()))

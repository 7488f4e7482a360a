"""Mean, spread and confidence interval over cases, for which patients and not cases count as independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        **_ratio(numbers, np.ones(len(numbers)), [patients[name] for name in defined], resamples, seed),
        "median": float(np.median(numbers)) if len(numbers) else None,
        "sd": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
        "left_out": sorted(values.keys() - defined.keys()),
    }


def ratio(
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
    pooled = _ratio(above, below, [patients[name] for name in names], resamples, seed)
    return pooled | {"left_out": sorted(numerators.keys() - set(names))}


def _ratio(
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

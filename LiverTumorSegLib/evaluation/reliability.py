"""Reliability of lesion scores: how often predicted lesions of a score are lesions, beside what the score says.

After Brier, Monthly Weather Review 78 (1950), and the reliability diagram of Murphy and Winkler, Applied Statistics 26
(1977).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .lesion_detection import PREDICTION, CaseDetection

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def measure_reliability(cases: Mapping[str, CaseDetection]) -> dict[str, Any] | None:
    """Reliability of all predicted lesions' scores; a predicted lesion is one where it touches one of the reference.

    Args:
        cases: by name; predicted lesions without a score are left out.

    Returns:
        ``lesions``, how many; ``brier``, the mean squared difference of the score and 1 or 0; ``bins``: ``low``,
        ``high``, ``lesions``, their mean score as ``said``, and the share that are lesions as ``real``. None where no
        predicted lesion has a score.
    """
    rows = [row for case in cases.values() for row in case.rows if row.of == PREDICTION]
    return summarise_reliability((row.score, row.touched) for row in rows if row.score is not None)


def summarise_reliability(scored: Iterable[tuple[float, bool]]) -> dict[str, Any] | None:
    """The same as :func:`measure_reliability`, of scores and of whether each is a lesion."""
    pairs = np.array(list(scored), np.float64).reshape(-1, 2)
    if not len(pairs):
        return None
    said, real = pairs.T
    at = np.clip(np.digitize(said, EDGES) - 1, 0, len(EDGES) - 2)
    bins = [
        {
            "low": EDGES[n],
            "high": EDGES[n + 1],
            "lesions": int((at == n).sum()),
            "said": float(said[at == n].mean()),
            "real": float(real[at == n].mean()),
        }
        for n in np.unique(at).tolist()
    ]
    return {"lesions": len(pairs), "brier": float(np.square(said - real).mean()), "bins": bins}

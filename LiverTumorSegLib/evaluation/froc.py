"""Free-response ROC of lesions: the share that is found against false ones a patient, as the least score falls.

The curve is that of Bunch et al., Proceedings of SPIE 127 (1977). A predicted lesion's score is the mean probability of
lesion in it. At each least score the predicted lesions below it are left out. A reference lesion is found where its
group is found, see :mod:`.lesion_matching`, and keeps a predicted lesion; a predicted lesion in no found group is
false. The groups are those of all predicted lesions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .lesion_detection import PREDICTION, REFERENCE, SIZE_CLASSES, CaseDetection, LesionRow

FALSE_A_PATIENT = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Where recall is told, some of the points of LUNA16 (Setio et al., Medical Image Analysis 42, 2017)."""


def measure_froc(cases: Mapping[str, CaseDetection], patients: Mapping[str, str]) -> dict[str, Any] | None:
    """The curves of all lesions, and of reference lesions by size against false lesions of any size.

    Args:
        cases: by name; those of which a predicted lesion has no score are left out.
        patients: patient of each case.

    Returns:
        ``patients``, how many; ``left_out``, names; ``curves``: for ``all`` and each class of size the number of
        reference ``lesions``, ``points`` of false lesions a patient and recall, and ``recall_at`` each of
        :data:`FALSE_A_PATIENT`, None without a lesion. None where no case has scores.
    """
    scored = {name: case for name, case in cases.items() if _is_scored(case)}
    if not any(row.score is not None for case in scored.values() for row in case.rows):
        return None
    count = len({patients[name] for name in scored})
    real = [pair for case in scored.values() for pair in _reference_scores(case.rows)]
    false = [row.score for case in scored.values() for row in case.rows if row.of == PREDICTION and not row.found]
    chosen = {"all": [score for _, score in real]} | {
        size: [score for of, score in real if of == size] for size in SIZE_CLASSES
    }
    return {
        "patients": count,
        "left_out": sorted(cases.keys() - scored.keys()),
        "curves": {name: _curve(scores, [x for x in false if x is not None], count) for name, scores in chosen.items()},
    }


def _is_scored(case: CaseDetection) -> bool:
    return all(row.score is not None for row in case.rows if row.of == PREDICTION)


def _reference_scores(rows: Sequence[LesionRow]) -> Iterable[tuple[str, float | None]]:
    """Class of size of each reference lesion, and the best score in its group, None where it is not found."""
    best: dict[int, float] = {}
    for row in rows:
        if row.of == PREDICTION and row.group and row.score is not None:
            best[row.group] = max(best.get(row.group, 0.0), row.score)
    return [(row.size, best.get(row.group) if row.found and row.group else None) for row in rows if row.of == REFERENCE]


def _curve(real: Sequence[float | None], false: Sequence[float], patients: int) -> dict[str, Any]:
    if not real:
        return {"lesions": 0, "points": [], "recall_at": {f"{most:g}": None for most in FALSE_A_PATIENT}}
    found = np.array([score for score in real if score is not None], np.float64)
    wrong = np.array(false, np.float64)
    points = [[0.0, 0.0]] + [
        [int((wrong >= level).sum()) / patients, int((found >= level).sum()) / len(real)]
        for level in np.unique(np.concatenate([found, wrong]))[::-1]
    ]
    at = {f"{most:g}": max(recall for x, recall in points if x <= most) for most in FALSE_A_PATIENT}
    return {"lesions": len(real), "points": points, "recall_at": at}

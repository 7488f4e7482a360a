"""What all cases say together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from . import statistics
from .agreement import bland_altman, burden_errors
from .case import MEASURES, Case
from .lesions.detection import pooled
from .probabilities import curve
from .settings import Settings
from .structures import LESION_NAME, LIVER_NAME, STRUCTURES

Cases = Mapping[str, Case]
Contents = Mapping[str, Mapping[str, Any]]


def summarise(cases: Cases, contents: Contents, settings: Settings) -> dict[str, Any]:
    """The summary of a report: means with their intervals, pooled figures, who is counted and who was empty.

    Args:
        cases: what was measured, by name.
        contents: the same as :meth:`Case.to_dict` gives it.
        settings: the definitions.
    """
    summary: dict[str, Any] = {name: _structure(cases, contents, name, settings) for name in STRUCTURES}
    summary[LESION_NAME]["detection"] = pooled({name: case.detection for name, case in cases.items()}, settings.iou)
    summary["burden"] = burden_errors({name: case.burden for name, case in cases.items()})
    summary["volumes"] = {
        structure: bland_altman(
            {name: (m[structure]["prediction_ml"], m[structure]["reference_ml"]) for name, m in contents.items()}
        )
        for structure in (LIVER_NAME, LESION_NAME)
    }
    summary["probabilities"] = _curves(cases) or None
    summary["confusion"] = np.sum([case.confusion for case in cases.values()], axis=0).tolist()
    return summary


def _structure(cases: Cases, contents: Contents, structure: str, settings: Settings) -> dict[str, Any]:
    drawing = {"resamples": settings.bootstrap, "seed": settings.seed}
    patients = {name: case.patient for name, case in cases.items()}
    figures = {
        key: statistics.summarise({name: m[structure][key] for name, m in contents.items()}, patients, **drawing)
        for key in MEASURES
    }
    counts = {
        name: None if contents[name][structure]["accuracy"] is None else case.counts(structure)
        for name, case in cases.items()
    }  # no accuracy: the rule for empty masks leaves the case out
    figures["dice_global"] = statistics.ratio(
        {name: 2 * n.tp if n else None for name, n in counts.items()},
        {name: 2 * n.tp + n.fp + n.fn if n else None for name, n in counts.items()},
        patients,
        **drawing,
    )
    means = {"dice_per_case" if key == "dice" else key: figure["mean"] for key, figure in figures.items()}
    empties = {
        which: [name for name, m in contents.items() if m[structure]["empty"] == which]
        for which in ("prediction", "reference", "both")
    }
    return means | {"statistics": figures, "empties": empties}


def _curves(cases: Cases) -> dict[str, Any]:
    found = {}
    for structure in (LIVER_NAME, LESION_NAME):
        given = [case.histograms[structure] for case in cases.values() if structure in case.histograms]
        if given:
            left_out = [name for name, case in cases.items() if structure not in case.histograms]
            found[structure] = curve(reduce(add, given)) | {"counted": len(given), "left_out": left_out}
    return found

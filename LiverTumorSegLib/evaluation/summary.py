"""The summary of all cases, and a sentence on each of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from . import statistics
from .case import MEASURES, CaseResult, EvaluationSettings
from .froc import measure_froc
from .label_pair import LESION_NAME, LIVER_NAME, STRUCTURES
from .lesion_detection import pool_detections
from .lesion_errors import pool_lesion_errors
from .overlap import Empties
from .probabilities import measure_curves
from .reliability import measure_reliability
from .statistics import bland_altman, burden_errors

Cases = Mapping[str, CaseResult]
Contents = Mapping[str, Mapping[str, Any]]


def summarise_cases(cases: Cases, contents: Contents, settings: EvaluationSettings) -> dict[str, Any]:
    """The summary of a report: means with their intervals, pooled figures, who is counted and who was empty.

    Args:
        cases: what was measured, by name.
        contents: the same as :meth:`CaseResult.to_dict` gives it.
        settings: the definitions.
    """
    summary: dict[str, Any] = {name: _structure(cases, contents, name, settings) for name in STRUCTURES}
    summary[LESION_NAME]["detection"] = pool_detections(
        {name: case.detection for name, case in cases.items()}, settings.iou
    )
    summary[LESION_NAME]["froc"] = measure_froc(
        {name: case.detection for name, case in cases.items()}, {name: case.patient for name, case in cases.items()}
    )
    summary[LESION_NAME]["reliability"] = measure_reliability({name: case.detection for name, case in cases.items()})
    errors = {name: case.errors for name, case in cases.items() if case.errors}
    summary[LESION_NAME]["errors"] = pool_lesion_errors(errors) if settings.errors else None
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


def _structure(cases: Cases, contents: Contents, structure: str, settings: EvaluationSettings) -> dict[str, Any]:
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
    figures["dice_global"] = statistics.pooled_ratio(
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
            found[structure] = measure_curves(reduce(add, given)) | {"counted": len(given), "left_out": left_out}
    return found


_OVERLAPS = (
    "Dice, IoU and surface Dice are 1 (VOE and RVD 0) where prediction and reference are both empty, and 0 where one is"
)

_EMPTIES = {
    Empties.LITS: f"{_OVERLAPS}; distances are not defined then, and such cases are left out of their means by "
    "name (the rule of LiTS).",
    Empties.WORST: f"{_OVERLAPS}; a distance is 0 where both are, and the image's diagonal where one is.",
    Empties.LEAVE_OUT: "A case whose reference is empty is left out by name, also of the pooled Dice; where only "
    "the prediction is empty, Dice, IoU and surface Dice are 0 and distances are not defined (the rule of MONAI).",
}

_FIXED = {
    "liver": "Labels 1 and 2 together: the whole liver with its lesions.",
    "liver_only": "Label 1 alone: the liver without its lesions.",
    "lesion": "Label 2.",
    "dice_per_case": "Mean over cases of the Dice coefficient of each in three dimensions.",
    "dice_global": "Dice of all cases pooled: twice the common voxels of all over the voxels of all; large structures "
    "weigh more.",
    "dice_per_slice": "Mean over cases of the mean Dice of the axial slices where prediction or reference has the "
    "structure.",
    "dice": "2|P∩R| / (|P|+|R|) of the voxels of prediction P and reference R in three dimensions; also their F1.",
    "iou": "|P∩R| / |P∪R|, the Jaccard index.",
    "voe": "Volumetric overlap error, 1 - IoU.",
    "rvd": "Relative volume difference (|P|-|R|) / |R|: positive where too much was found.",
    "sensitivity": "Share of the reference's voxels that were found.",
    "specificity": "Share of all voxels outside the reference that were left alone; near 1 in any large image.",
    "precision": "Share of the predicted voxels that are right.",
    "accuracy": "Share of all voxels of the image that are right; near 1 in any large image.",
    "rmsd_mm": "Root of the mean square of the distances that the average symmetric surface distance averages.",
    "hd_mm": "Hausdorff distance: the largest of the same distances; LiTS calls it MSD.",
    "hd95_mm": "The larger of the two directions' 95th percentiles of the same distances.",
    "prediction_ml": "Volume of the prediction.",
    "reference_ml": "Volume of the reference.",
    "size": "By the longest axial diameter: of the reference for what is found or missed, of the prediction for what "
    "is false.",
    "errors": "A wrong voxel belongs to a reference lesion that no predicted one shares a voxel with (missed), to one "
    "that is touched (too small), to a predicted lesion that touches none (false), or to one that does (too large).",
    "oracles": "Mean over the cases whose reference has a lesion: Dice if one kind of error did not occur.",
    "contrast": "Contrast is the lesion's mean less the median of the reference's liver without lesions, on the CT.",
    "froc": "Share of the reference's lesions that is found against false lesions a patient, as the least score falls "
    "that a predicted lesion must have; its score is the mean probability of lesion in it. By size of the reference's "
    "lesions; false ones of any size count.",
    "reliability": "Predicted lesions by their score: how many there are, the mean of their scores, and the share that "
    "touches a lesion of the reference. Brier score: mean squared difference of the score and 1 or 0; 0 is best.",
    "burden": "Tumour burden: lesions' share of the liver's volume, lesions included; root mean square and largest "
    "difference over cases.",
    "volumes": "Bland and Altman: mean difference of the volumes (prediction less reference), and 1.96 standard "
    "deviations to either side.",
    "probabilities": "Over all voxels of all cases that have probabilities, background too, so that the AUC is near 1 "
    "in any large image, and the calibration error near 0; average precision is not flattered so.",
}


def define_measures(settings: EvaluationSettings) -> dict[str, str]:
    """A sentence for each key of an evaluation, with what the settings chose."""
    iou = f"{settings.iou:g}"
    return _FIXED | {
        "empties": _EMPTIES[settings.empties],
        "interval": f"95 % of {settings.bootstrap} means over patients drawn with replacement (percentile bootstrap); "
        "of less than some ten patients it is too narrow.",
        "assd_mm": "Average symmetric surface distance: mean over the voxels of both surfaces of the distance to the "
        f"other; surface voxels have a neighbour outside ({settings.connectivity}-neighbourhood), distances go from "
        "centre to centre.",
        "surface_dice": f"Share of the voxels of both surfaces within {settings.tolerance_mm:g} mm of the other.",
        "detection": "Lesions are connected parts of label 2 (through faces). References that one predicted lesion "
        "spans are joined, and predictions of one reference too; a reference lesion is found where the IoU of what "
        f"was joined is above {iou} (or above 0). Precision is found references over these and the predicted "
        "lesions that belong to none; lesions of all cases count together. The LiTS program divides by all predicted "
        "lesions instead (true_positives / predicted_lesions).",
        "detected": f"Means over found lesions alone (IoU above {iou}), as the tables of LiTS have them: what was "
        "missed does not count here.",
    }

"""Made-up content of evaluations, as ``livertumorseg evaluate`` writes it, for tests of its page and tables."""

import numpy as np

MEASURES = {
    "liver": {"dice": 0.95, "surface_dice": 0.9, "assd_mm": 1.4, "rmsd_mm": 2.5, "hd_mm": 22.0, "hd95_mm": 5.0},
    "liver_only": {"dice": 0.93, "surface_dice": 0.88, "assd_mm": 1.6, "rmsd_mm": 2.8, "hd_mm": 25.0, "hd95_mm": 6.0},
    "lesion": {"dice": 0.6, "surface_dice": 0.55, "assd_mm": 4.0, "rmsd_mm": 7.0, "hd_mm": 45.0, "hd95_mm": 20.0},
}
SIZES = ("under_10_mm", "10_to_20_mm", "over_20_mm")
DISTANCES = ("assd_mm", "rmsd_mm", "hd_mm", "hd95_mm")
SENTENCES = {
    "liver": "Labels 1 and 2 together.",
    "liver_only": "Label 1 alone.",
    "lesion": "Label 2.",
    "empties": "What counts where a mask is empty.",
    "interval": "How intervals are drawn.",
    "dice_per_case": "Mean over cases.",
    "dice_global": "All voxels pooled.",
    "dice": "2|P∩R| / (|P|+|R|).",
    "hd95_mm": "The larger of two percentiles.",
    "detection": "How lesions are counted.",
    "size": "By the longest axial diameter.",
    "detected": "As the tables of LiTS have them.",
    "burden": "Lesions' share of the liver.",
    "volumes": "Bland and Altman.",
    "probabilities": "Over all voxels.",
}


def content(count=6, *, lesions=3, probabilities=False, failed=None, names=None, nothing=False):
    """An evaluation of so many cases, deterministic.

    Args:
        lesions: of each case but the last, which has none where there is more than one case.
        nothing: whether every measure that may be undefined is.
    """
    random = np.random.default_rng(0)
    names = names or [f"volume-{number}" for number in range(count)]
    cases = {
        name: _case(random, name, lesions if len(names) == 1 or name != names[-1] else 0, nothing) for name in names
    }
    if probabilities:
        for case in cases.values():
            case["probabilities"] = _curves()
    failed = failed or {}
    return {
        "format": 1,
        "software": "LiverTumorSeg 0.1.0",
        "command": "livertumorseg evaluate predictions references -o report",
        "settings": {"connectivity": 18, "tolerance_mm": 2.0, "empties": "lits", "iou": 0.5, "resample": False},
        "definitions": SENTENCES,
        "cases": cases,
        "warnings": [],
        "failed": failed,
        "summary": _summary(cases, probabilities) | {"cases": len(cases), "failed": len(failed)},
    }


def _case(random, name, lesions, nothing):
    case = {"patient": name.split("_")[0]}
    empty = None if lesions else "both"
    for structure in MEASURES:
        case[structure] = _measures(random, structure, empty if structure == "lesion" else None, nothing)
    found = [bool(random.random() < 0.6) for _ in range(lesions)]
    rows = [_lesion(random, "reference", number, hit) for number, hit in enumerate(found, start=1)]
    rows += [_lesion(random, "prediction", number, hit) for number, hit in enumerate([*found, False][: lesions + 1], 1)]
    wrong = sum(row["of"] == "prediction" and not row["found"] for row in rows)
    counts = {"true_positives": sum(found), "false_positives": wrong, "false_negatives": lesions - sum(found)}
    group = {"dice": 0.8, "voe": 0.33, "rvd": -0.05, "assd_mm": 1.1, "rmsd_mm": 1.9, "hd_mm": 7.0}
    prediction, reference = (None, None) if nothing else random.uniform(0, 0.2, 2).round(6).tolist()
    return case | {
        "detection": {"above": counts, "any": dict(counts), "detected": [group] * sum(found)},
        "lesions": rows,
        "burden": {
            "prediction": prediction or 0.0,
            "reference": reference,
            "difference": None if nothing else prediction - reference,
        },
        "confusion": [[9_000_000, 20_000, 100], [30_000, 800_000, 4_000], [200, 9_000, 40_000]],
        "probabilities": None,
        "warnings": [],
    }


def _measures(random, structure, empty, nothing):
    spread = 0.3 if structure == "lesion" else 0.02
    measured = {}
    for key, value in MEASURES[structure].items():
        drawn = value * np.exp(random.normal(0, 0.6)) if key.endswith("_mm") else value + random.normal(0, spread)
        measured[key] = round(float(drawn if key.endswith("_mm") else min(max(drawn, 0), 1)), 6)
    dice = measured["dice"]
    iou = round(dice / (2 - dice), 6)
    measured |= {"iou": iou, "voe": round(1 - iou, 6), "rvd": round(float(random.normal(0, 0.1)), 6)}
    measured |= dict.fromkeys(("sensitivity", "precision", "dice_per_slice"), dice)
    measured |= {"specificity": 0.999, "accuracy": 0.998}
    if empty:
        measured |= {"dice": 1.0, "iou": 1.0, "voe": 0.0, "surface_dice": 1.0} | dict.fromkeys(DISTANCES)
    if nothing:
        measured = dict.fromkeys(measured)
    volume = float(random.uniform(2, 90) if structure == "lesion" else random.uniform(1100, 2100))
    volumes = {"prediction_ml": round(volume * random.uniform(0.9, 1.1), 6), "reference_ml": round(volume, 6)}
    return measured | (dict.fromkeys(volumes, 0.0) if empty == "both" else volumes) | {"empty": empty}


def _lesion(random, of, number, found):
    diameter = float(random.uniform(4, 50))
    return {
        "of": of,
        "number": number,
        "volume_ml": round(diameter**3 / 2000, 6),
        "diameter_mm": round(diameter, 6),
        "size": SIZES[int(diameter >= 10) + int(diameter > 20)],
        "centroid_mm": random.uniform(-100, 100, 3).round(6).tolist(),
        "found": found,
        "touched": found,
        "iou": 0.7 if found else 0.0,
        "group": number if found else None,
    }


def _summary(cases, probabilities):
    summary = {structure: _structure(cases, structure) for structure in MEASURES}
    summary["lesion"]["detection"] = _detection(cases)
    differences = [c["burden"]["difference"] for c in cases.values() if c["burden"]["difference"] is not None]
    summary["burden"] = {
        "rmse": float(np.sqrt(np.mean(np.square(differences)))) if differences else None,
        "largest_difference": max(map(abs, differences)) if differences else None,
        "counted": len(differences),
        "left_out": [name for name, case in cases.items() if case["burden"]["difference"] is None],
    }
    summary["volumes"] = {structure: _agreement(cases, structure) for structure in ("liver", "lesion")}
    confusion = np.sum([case["confusion"] for case in cases.values()], axis=0).tolist()
    return summary | {"confusion": confusion, "probabilities": _curves() if probabilities else None}


def _structure(cases, structure):
    keys = [key for key in next(iter(cases.values()))[structure] if key != "empty"]
    statistics = {key: _statistics({name: case[structure][key] for name, case in cases.items()}) for key in keys}
    pooled = {"mean": 0.9, "low": 0.85, "high": 0.93, "counted": len(cases), "left_out": []}
    means = {"dice_per_case" if key == "dice" else key: figures["mean"] for key, figures in statistics.items()}
    empties = {
        which: [name for name, case in cases.items() if case[structure]["empty"] == which]
        for which in ("prediction", "reference", "both")
    }
    return means | {"dice_global": 0.9, "statistics": statistics | {"dice_global": pooled}, "empties": empties}


def _statistics(values):
    defined = np.array([value for value in values.values() if value is not None])
    some, several = len(defined) > 0, len(defined) > 1
    reach = 2 * defined.std() / np.sqrt(len(defined)) if several else None
    return {
        "mean": float(defined.mean()) if some else None,
        "low": float(defined.mean() - reach) if several else None,
        "high": float(defined.mean() + reach) if several else None,
        "counted": len(defined),
        "patients": len(defined),
        "median": float(np.median(defined)) if some else None,
        "sd": float(defined.std(ddof=1)) if several else None,
        "left_out": [name for name, value in values.items() if value is None],
    }


def _detection(cases):
    rows = [row for case in cases.values() for row in case["lesions"]]
    hits = [case["detection"]["above"] for case in cases.values()]
    scores = _scores(*(sum(h[k] for h in hits) for k in ("true_positives", "false_positives", "false_negatives")))
    scores["by_size"] = {size: _scores(1, 0, 2) for size in SIZES[:2]} | {SIZES[2]: _scores(0, 0, 0)}
    groups = [group for case in cases.values() for group in case["detection"]["detected"]]
    free = [case for case in cases.values() if all(row["of"] != "reference" for row in case["lesions"])]
    return scores | {
        "iou_above": 0.5,
        "reference_lesions": sum(row["of"] == "reference" for row in rows),
        "predicted_lesions": sum(row["of"] == "prediction" for row in rows),
        "any_overlap": scores,
        "detected": {"groups": len(groups)}
        | {key: groups[0][key] if groups else None for key in ("dice", "voe", "rvd", "assd_mm", "rmsd_mm", "hd_mm")},
        "tumour_free": {
            "cases": len(free),
            "with_false_positives": sum(bool(case["lesions"]) for case in free),
            "false_positives": sum(len(case["lesions"]) for case in free),
            "false_positive_ml": sum(row["volume_ml"] for case in free for row in case["lesions"]),
        },
    }


def _scores(found, wrong, missed):
    return {
        "true_positives": found,
        "false_positives": wrong,
        "false_negatives": missed,
        "precision": found / (found + wrong) if found + wrong else None,
        "recall": found / (found + missed) if found + missed else None,
        "f1": 2 * found / (2 * found + wrong + missed) if found + wrong + missed else None,
    }


def _agreement(cases, structure):
    volumes = {
        name: [case[structure][f"{of}_ml"] for of in ("prediction", "reference")] for name, case in cases.items()
    }
    differences = np.array([prediction - reference for prediction, reference in volumes.values()])
    bias, sd = float(differences.mean()), float(differences.std(ddof=1)) if len(volumes) > 1 else None
    return {
        "bias_ml": bias,
        "sd_ml": sd,
        "lower_ml": None if sd is None else bias - 1.96 * sd,
        "upper_ml": None if sd is None else bias + 1.96 * sd,
        "counted": len(volumes),
        "cases": volumes,
    }


def _curves():
    x = np.linspace(0, 1, 50)
    return {
        name: {
            "voxels": 10_000,
            "counted": 3,
            "left_out": ["volume-1"],
            "positives": 500,
            "auc": 0.98,
            "average_precision": 0.9,
            "brier": 0.01,
            "calibration_error": 0.02,
            "roc": np.stack([x, x**power], axis=1).tolist(),
            "precision_recall": np.stack([x, 1 - 0.8 * x ** (1 / power)], axis=1).tolist(),
            "calibration": [[t, t**1.5, 100] for t in x[::5].tolist()],
        }
        for name, power in (("liver", 0.05), ("lesion", 0.3))
    }

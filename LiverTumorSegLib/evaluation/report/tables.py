"""The tables of an evaluation as CSV; a cell is empty where a measure is not defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spreadsheet import Row, as_csv
from .. import overlap
from ..lesions.lesion_rows import PREDICTION, REFERENCE, LesionRow
from ..structures import LESION_NAME, LIVER_NAME, STRUCTURES

_CURVE_FIGURES = ("auc", "average_precision", "calibration_error", "brier")


def cases_csv(content: Mapping[str, Any]) -> str:
    """A row a case, those that could not be measured last with the reason under ``failure``.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate`.
    """
    measured = [{"case": name} | _case(case) for name, case in content["cases"].items()]
    failed = [{"case": name, "failure": reason} for name, reason in content["failed"].items()]
    return as_csv(list(measured[0]) if measured else ["case", "failure"], [*measured, *failed])


def lesions_csv(content: Mapping[str, Any]) -> str:
    """A row a lesion of reference or prediction, with a header also where there is none; the centroid is in RAS.

    Args:
        content: of :func:`LiverTumorSegLib.evaluation.evaluate.evaluate`.
    """
    names = ["case"]
    for field in fields(LesionRow):
        names += _axes() if field.name == "centroid_mm" else [field.name]
    return as_csv(names, (_lesion(name, row) for name, case in content["cases"].items() for row in case["lesions"]))


def slices_csv(cases: Mapping[str, NDArray[np.int64]]) -> str:
    """A row an axial slice, counted from 1 at the feet, with the overlap of each structure in it.

    Args:
        cases: voxels ``[slice, reference, prediction]`` of each case, as
            :func:`LiverTumorSegLib.evaluation.overlap.confusion` counts them.
    """
    empty = overlap.Counts(0, 0, 0, 0)
    names = ["case", "slice", *(f"{structure}_{key}" for structure in STRUCTURES for key in _counted(empty))]
    rows = (
        {"case": name, "slice": number} | _slice(counts)
        for name, matrices in cases.items()
        for number, counts in enumerate(_by_slice(matrices), start=1)
    )
    return as_csv(names, rows)


def _case(case: Mapping[str, Any]) -> dict[str, Any]:
    owners = [lesion["of"] for lesion in case["lesions"]]
    curves = case["probabilities"] or {}
    return {
        "patient": case["patient"],
        "failure": None,
        **{f"{name}_{key}": value for name in STRUCTURES for key, value in case[name].items()},
        **{f"{name}_{key}": n for name in STRUCTURES for key, n in _voxels(case["confusion"], name).items()},
        "reference_lesions": owners.count(REFERENCE),
        "predicted_lesions": owners.count(PREDICTION),
        **{f"{key}_{hit}_iou": n for hit in ("above", "any") for key, n in case["detection"][hit].items()},
        **{f"burden_{key}": value for key, value in case["burden"].items()},
        **{f"{s}_{key}": curves.get(s, {}).get(key) for s in (LIVER_NAME, LESION_NAME) for key in _CURVE_FIGURES},
        "warnings": " ".join(case["warnings"]),
    }


def _voxels(confusion: Sequence[Sequence[int]], structure: str) -> dict[str, int]:
    return asdict(overlap.counts(np.array(confusion, np.int64), structure))


def _lesion(case: str, row: Row) -> dict[str, Any]:
    centroid = dict(zip(_axes(), row["centroid_mm"], strict=True))
    return {"case": case} | centroid | {key: value for key, value in row.items() if key != "centroid_mm"}


def _axes() -> list[str]:
    return [f"centroid_{axis}_mm" for axis in "ras"]


def _by_slice(matrices: NDArray[np.int64]) -> Iterable[tuple[overlap.Counts, ...]]:
    return zip(*(overlap.counts_by_slice(matrices, structure) for structure in STRUCTURES), strict=True)


def _slice(counts: Iterable[overlap.Counts]) -> dict[str, float | None]:
    return {
        f"{structure}_{key}": value
        for structure, counted in zip(STRUCTURES, counts, strict=True)
        for key, value in _counted(counted).items()
    }


def _counted(counts: overlap.Counts) -> dict[str, float | None]:
    return {**asdict(counts), **counts.measures()}

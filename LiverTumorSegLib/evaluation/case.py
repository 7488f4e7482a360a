"""All measures of one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..quiet import quiet_libraries
from . import overlap, surface
from .agreement import Burden, burden
from .empties import emptiness
from .lesions.detection import CaseDetection, detect
from .pairs import reading
from .pairs.label_pair import LabelPair
from .pairs.pairing import EvaluationPair
from .probabilities import Histogram, curve, histogram
from .settings import Settings
from .structures import STRUCTURES, mask
from .surface import SurfaceDistances

MEASURES = (
    *("dice", "iou", "voe", "rvd", "sensitivity", "specificity", "precision", "accuracy"),
    *(field.name for field in fields(SurfaceDistances)),
    "dice_per_slice",
    *("prediction_ml", "reference_ml"),
)


@dataclass(frozen=True)
class Case:
    """What was measured, before the rule for empty masks.

    Args:
        patient: whose case it is.
        slices: voxels ``[slice, reference, prediction]`` by axial slice from the feet and by pair of labels.
        surfaces: distances of each structure, None where a mask is empty.
        detection: of lesions.
        voxel_ml: volume of a voxel.
        diagonal_mm: longest distance in the image.
        histograms: of the probabilities of each structure that has them.
        warnings: what is suspicious about the files, a sentence each.
    """

    patient: str
    slices: NDArray[np.int64]
    surfaces: Mapping[str, SurfaceDistances | None]
    detection: CaseDetection
    voxel_ml: float
    diagonal_mm: float
    histograms: Mapping[str, Histogram]
    warnings: tuple[str, ...] = ()

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Voxels ``[reference, prediction]`` by pair of labels."""
        return self.slices.sum(axis=0)

    @property
    def burden(self) -> Burden:
        """Lesions' share of the liver in prediction and reference."""
        return burden(self.confusion)

    def counts(self, structure: str) -> overlap.Counts:
        """Right and wrong voxels of a structure."""
        return overlap.counts(self.confusion, structure)

    def empty(self, structure: str) -> str | None:
        """Which of the structure's masks is empty: ``prediction``, ``reference``, ``both`` or None."""
        return emptiness(self.counts(structure))

    def measures(self, structure: str, settings: Settings) -> dict[str, float | None]:
        """Every measure of a structure by its key, None where it is not defined."""
        counts, distances = self.counts(structure), self.surfaces[structure]
        measured: dict[str, float | None] = dict.fromkeys(MEASURES)
        measured.update(counts.measures())
        if distances:
            measured.update(asdict(distances))
        measured["dice_per_slice"] = overlap.dice_per_slice(self.slices, structure)
        settings.empties.apply(measured, emptiness(counts), self.diagonal_mm)
        measured["prediction_ml"] = (counts.tp + counts.fp) * self.voxel_ml
        measured["reference_ml"] = (counts.tp + counts.fn) * self.voxel_ml
        return measured

    def to_dict(self, settings: Settings) -> dict[str, Any]:
        """The case's entry in a report."""
        structures = {name: {**self.measures(name, settings), "empty": self.empty(name)} for name in STRUCTURES}
        curves = {name: curve(counted) for name, counted in self.histograms.items()}
        return {
            "patient": self.patient,
            **structures,
            "detection": self.detection.to_dict(),
            "lesions": [asdict(row) for row in self.detection.rows],
            "burden": asdict(self.burden),
            "confusion": self.confusion.tolist(),
            "probabilities": curves or None,
            "warnings": list(self.warnings),
        }


def measure(
    pair: LabelPair, settings: Settings, patient: str = "", probabilities: Mapping[str, Path] | None = None
) -> Case:
    """Measure a prediction against its reference.

    Args:
        pair: both.
        settings: the definitions.
        patient: whose case it is.
        probabilities: files by structure.

    Raises:
        UserError: probabilities cannot be read, or lie on another grid.
    """
    surfaces = {
        name: surface.measure(
            mask(pair.prediction, name),
            mask(pair.reference, name),
            pair.axes_mm,
            connectivity=settings.connectivity,
            tolerance_mm=settings.tolerance_mm,
        )
        for name in STRUCTURES
    }
    return Case(
        patient,
        overlap.confusion(pair),
        surfaces,
        detect(pair, iou=settings.iou, connectivity=settings.connectivity),
        pair.voxel_ml,
        pair.diagonal_mm,
        {
            name: histogram(mask(pair.reference, name), reading.read_values(path, pair, resample=settings.resample))
            for name, path in (probabilities or {}).items()
        },
        pair.warnings,
    )


def measure_files(pair: EvaluationPair, settings: Settings) -> Case:
    """Read and measure a case.

    Raises:
        UserError: a file cannot be read, is no mask, or lies on another grid.
    """
    with quiet_libraries():
        labels = reading.read_pair(pair, resample=settings.resample, accept_float=settings.accept_float)
    return measure(labels, settings, pair.patient, pair.probabilities)

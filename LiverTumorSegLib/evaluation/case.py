"""All measures of one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..postprocessing import LESION, LIVER
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
    *(entry.name for entry in fields(SurfaceDistances)),
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
        reference: checksum of the reference's labels as axial slices, by which two evaluations know that they had the
            same.
        files: names of prediction and reference.
        warnings: what is suspicious about the files, a sentence each.
    """

    patient: str
    slices: NDArray[np.int64]
    surfaces: Mapping[str, SurfaceDistances | None]
    detection: CaseDetection
    voxel_ml: float
    diagonal_mm: float
    histograms: Mapping[str, Histogram]
    reference: str
    files: Mapping[str, str] = field(default_factory=dict)
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
        figures = {name: {key: x for key, x in one.items() if not isinstance(x, list)} for name, one in curves.items()}
        return {
            "patient": self.patient,
            "files": dict(self.files),
            "reference_checksum": self.reference,
            **structures,
            "detection": self.detection.to_dict(),
            "lesions": [asdict(row) for row in self.detection.rows],
            "burden": asdict(self.burden),
            "confusion": self.confusion.tolist(),
            "probabilities": figures or None,
            "warnings": [*self.warnings, *self._doubts()],
        }

    def _doubts(self) -> list[str]:
        """Doubts about what the labels stand for."""
        liver, lesion = self.confusion[:, LIVER], self.confusion[:, LESION]
        if not lesion.any() and 2 * liver[LESION] > liver.sum():
            return ["Most of what the prediction marks with 1 is lesion in the reference: does 1 stand for lesions?"]
        if lesion.any() and not liver.any() and self.confusion[LIVER].any():
            return ["The prediction marks lesions but no liver: figures of the liver count its lesions alone."]
        return []


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
        checksum(pair),
        warnings=pair.warnings,
    )


def checksum(pair: LabelPair) -> str:
    """Of the reference's labels, the same for any order and sense of a file's axes."""
    reference = pair.own_reference
    made = blake2b(repr(reference.shape).encode(), digest_size=16)
    for plane in reference:
        made.update(plane.tobytes())
    return made.hexdigest()


def measure_files(pair: EvaluationPair, settings: Settings) -> Case:
    """Read and measure a case.

    Raises:
        UserError: a file cannot be read, is no mask, or lies on another grid.
    """
    with quiet_libraries():
        case = measure(read_labels(pair, settings), settings, pair.patient, pair.probabilities)
    return replace(case, files={"prediction": pair.prediction.name, "reference": pair.reference.name})


def read_labels(pair: EvaluationPair, settings: Settings) -> LabelPair:
    """Read a case's masks as the settings say.

    Raises:
        UserError: a file cannot be read, is no mask, or lies on another grid.
    """
    return reading.read_pair(
        pair,
        resample=settings.resample,
        accept_float=settings.accept_float,
        prediction_values=settings.prediction_values,
        reference_values=settings.reference_values,
    )

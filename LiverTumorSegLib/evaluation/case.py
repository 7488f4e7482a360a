"""All measures of one case, and the settings that a user can choose for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import sanitize
from ..core.errors import UserError
from ..core.labels import LESION_LABEL, LIVER_LABEL
from ..core.native_stderr import silence_libraries
from . import overlap, reading, surface
from .label_pair import LESION_NAME, STRUCTURES, LabelPair, structure_mask
from .lesion_detection import CaseDetection, detect_lesions
from .lesion_errors import CaseErrors, find_lesion_errors
from .overlap import Empties, emptiness
from .pairing import EvaluationPair
from .probabilities import Histogram, histogram, measure_curves
from .statistics import TumourBurden, tumour_burden
from .surface import SurfaceDistances

CONNECTIVITIES = (6, 18, 26)


@dataclass(frozen=True)
class EvaluationSettings:
    """Options of measuring cases.

    Args:
        connectivity: neighbours by which a voxel is on the surface: 18 as LiTS, 6 as MONAI and MedPy, or 26.
        tolerance_mm: of the surface Dice.
        empties: how empty masks count.
        iou: a lesion is found where its overlap is above this.
        resample: whether a prediction on another grid is put on the reference's.
        accept_float: whether masks of floating-point numbers that are whole are taken.
        prediction_values, reference_values: label 0, 1 or 2 for each value of the files, where these are others.
        bootstrap: resamples.
        seed: of the bootstrap.
        errors: whether lesions' wrong voxels are sorted by kind, size and contrast.

    Raises:
        UserError: a choice is out of its range.
    """

    connectivity: int = 18
    tolerance_mm: float = 2.0
    empties: Empties = Empties.LITS
    iou: float = 0.5
    resample: bool = False
    accept_float: bool = False
    prediction_values: Mapping[int, int] | None = None
    reference_values: Mapping[int, int] | None = None
    bootstrap: int = 10_000
    seed: int = 0
    errors: bool = False

    def __post_init__(self) -> None:
        if self.connectivity not in CONNECTIVITIES:
            msg = f"A connectivity of {self.connectivity} is not known: choose {', '.join(map(str, CONNECTIVITIES))}."
            raise UserError(msg)
        if not 0 <= self.tolerance_mm < float("inf"):
            msg = f"The tolerance cannot be {self.tolerance_mm} mm: choose 0 or more."
            raise UserError(msg)
        if not 0 <= self.iou < 1:
            msg = f"The IoU cannot be {self.iou}: choose one from 0 to below 1."
            raise UserError(msg)
        if self.bootstrap < 1:
            msg = f"A bootstrap cannot take {self.bootstrap} resamples: choose 1 or more."
            raise UserError(msg)

    def to_dict(self) -> dict[str, Any]:
        """By name, ready for JSON."""
        return {name: getattr(value, "value", value) for name, value in vars(self).items()}


MEASURES = (
    *("dice", "iou", "voe", "rvd", "sensitivity", "specificity", "precision", "accuracy"),
    *(entry.name for entry in fields(SurfaceDistances)),
    "dice_per_slice",
    *("prediction_ml", "reference_ml"),
)


@dataclass(frozen=True)
class CaseResult:
    """Figures of one case, before the rule for empty masks.

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
        errors: lesions' wrong voxels, where they were asked for.
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
    errors: CaseErrors | None = None
    warnings: tuple[str, ...] = ()

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Voxels ``[reference, prediction]`` by pair of labels."""
        return self.slices.sum(axis=0)

    @property
    def burden(self) -> TumourBurden:
        """Lesions' share of the liver in prediction and reference."""
        return tumour_burden(self.confusion)

    def counts(self, structure: str) -> overlap.Counts:
        """Right and wrong voxels of a structure."""
        return overlap.counts(self.confusion, structure)

    def empty(self, structure: str) -> str | None:
        """The empty one of the structure's masks: ``prediction``, ``reference``, ``both`` or None."""
        return emptiness(self.counts(structure))

    def measures(self, structure: str, settings: EvaluationSettings) -> dict[str, float | None]:
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

    def to_dict(self, settings: EvaluationSettings) -> dict[str, Any]:
        """The case's entry in a report."""
        structures = {name: {**self.measures(name, settings), "empty": self.empty(name)} for name in STRUCTURES}
        curves = {name: measure_curves(counted) for name, counted in self.histograms.items()}
        figures = {name: {key: x for key, x in one.items() if not isinstance(x, list)} for name, one in curves.items()}
        return {
            "patient": self.patient,
            "files": dict(self.files),
            "reference_checksum": self.reference,
            **structures,
            "detection": self.detection.to_dict(),
            "lesions": [asdict(row) for row in self.detection.rows],
            "errors": self.errors.to_dict() if self.errors else None,
            "burden": asdict(self.burden),
            "confusion": self.confusion.tolist(),
            "probabilities": figures or None,
            "warnings": [*self.warnings, *self._doubts()],
        }

    def _doubts(self) -> list[str]:
        """Doubts about what the labels stand for."""
        liver, lesion = self.confusion[:, LIVER_LABEL], self.confusion[:, LESION_LABEL]
        if not lesion.any() and 2 * liver[LESION_LABEL] > liver.sum():
            return ["Most of what the prediction marks with 1 is lesion in the reference: does 1 stand for lesions?"]
        if lesion.any() and not liver.any() and self.confusion[LIVER_LABEL].any():
            return ["The prediction marks lesions but no liver: figures of the liver count its lesions alone."]
        return []


def measure_pair(
    pair: LabelPair, settings: EvaluationSettings, patient: str = "", probabilities: Mapping[str, Path] | None = None
) -> CaseResult:
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
            structure_mask(pair.prediction, name),
            structure_mask(pair.reference, name),
            pair.axes_mm,
            connectivity=settings.connectivity,
            tolerance_mm=settings.tolerance_mm,
        )
        for name in STRUCTURES
    }
    histograms, of_lesion = {}, None
    for name, path in (probabilities or {}).items():
        values = reading.read_values(path, pair, resample=settings.resample)
        histograms[name] = histogram(structure_mask(pair.reference, name), values)
        of_lesion = values if name == LESION_NAME else of_lesion
    detection = detect_lesions(pair, iou=settings.iou, connectivity=settings.connectivity, probabilities=of_lesion)
    return CaseResult(
        patient,
        overlap.confusion(pair),
        surfaces,
        detection,
        pair.voxel_ml,
        pair.diagonal_mm,
        histograms,
        reference_checksum(pair),
        warnings=pair.warnings,
    )


def reference_checksum(pair: LabelPair) -> str:
    """Of the reference's labels, the same for any order and sense of a file's axes."""
    reference = pair.own_reference
    made = blake2b(repr(reference.shape).encode(), digest_size=16)
    for plane in reference:
        made.update(plane.tobytes())
    return made.hexdigest()


def measure_files(pair: EvaluationPair, settings: EvaluationSettings) -> CaseResult:
    """Read and measure a case.

    Raises:
        UserError: a file cannot be read, is no mask, or lies on another grid.
    """
    with silence_libraries():
        labels = read_labels(pair, settings)
        case = measure_pair(labels, settings, pair.patient, pair.probabilities)
        if settings.errors:
            image, doubt = read_image_or_doubt(pair, labels, settings)
            found = find_lesion_errors(labels, case.detection.rows, image)
            why = f"The contrast of its lesions is not measured: {sanitize.strip_folders(doubt, pair.folders)}"
            case = replace(case, errors=found, warnings=(*case.warnings, *([why] if doubt else [])))
    return replace(case, files={"prediction": pair.prediction.name, "reference": pair.reference.name})


def read_labels(pair: EvaluationPair, settings: EvaluationSettings) -> LabelPair:
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


def read_image_or_doubt(
    pair: EvaluationPair, labels: LabelPair, settings: EvaluationSettings
) -> tuple[NDArray[np.int16] | None, str]:
    """The case's CT on its labels' grid, None where there is none; and why it cannot be read, empty where it can."""
    try:
        image = reading.read_image(pair.image, labels, resample=settings.resample) if pair.image else None
    except (UserError, OSError) as error:
        return None, str(error)
    return image, ""

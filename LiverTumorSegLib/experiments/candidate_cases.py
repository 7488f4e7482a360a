"""Candidates for lesions beside the reference: which of them are lesions, and which lesions they find.

A candidate is real where half of its voxels, or more, are lesion in the reference, or where its IoU with the lesions
that it touches, taken together, is 0.1 or more (as in Baumgartner et al., MICCAI 2021, section 3). A lesion of the
reference is found where a real candidate that is taken touches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.volume import Volume
from ..evaluation.lesion_detection import SIZE_CLASSES, size_class
from ..evaluation.lesion_matching import separate_lesions
from ..evaluation.overlap import dice
from ..postprocessing.candidates import FoundCandidates
from ..postprocessing.ct_likeness import CTMeasures, measure_ct
from ..reporting.diameters import axial_diameter
from .out_of_fold import HeldOutPatient

LEAST_SHARE, LEAST_IOU, GOOD_IOU = 0.5, 0.1, 0.5


@dataclass(frozen=True)
class CandidateCase:
    """The candidates of one patient beside the reference.

    Args:
        name: of the patient.
        measures: ``[candidate, measure]``.
        sizes: voxels ``[candidate]``.
        shared: voxels of each that are lesion in the reference.
        ious: of each with all lesions that it touches.
        touched: ``[candidate, lesion]``: whether they share a voxel.
        lesion_sizes: voxels of the reference's lesions.
        lesion_classes: class of each by its diameter.
        liver_dice: of liver and lesions together; None without a liver in the reference.
        voxel_ml: millilitres a voxel.
        ct: what can be told of the CT; None where no liver was found.
    """

    name: str
    measures: NDArray[np.float64]
    sizes: NDArray[np.intp]
    shared: NDArray[np.intp]
    ious: NDArray[np.float64]
    touched: NDArray[np.bool_]
    lesion_sizes: NDArray[np.intp]
    lesion_classes: tuple[str, ...]
    liver_dice: float | None
    voxel_ml: float
    ct: CTMeasures | None = None

    @property
    def real(self) -> NDArray[np.bool_]:
        """Which candidates are lesions."""
        return (self.shared >= LEAST_SHARE * self.sizes) | (self.ious >= LEAST_IOU)

    def found(self, taken: NDArray[np.bool_], *, least_iou: float = 0.0) -> NDArray[np.bool_]:
        """Which lesions of the reference are found by candidates that are taken, and have such an IoU."""
        counting = taken & self.real & (self.ious >= least_iou)
        return np.asarray(self.touched[counting].any(axis=0))

    def false(self, taken: NDArray[np.bool_]) -> int:
        """How many candidates that are taken are no lesion."""
        return int((taken & ~self.real).sum())

    def lesion_dice(self, taken: NDArray[np.bool_]) -> float | None:
        """Dice of all lesions of the patient; None where the reference has none."""
        if not len(self.lesion_sizes):
            return None
        marked = self.sizes[taken].sum() + self.lesion_sizes.sum()
        return float(2 * self.shared[taken].sum() / marked)

    def false_ml(self, taken: NDArray[np.bool_]) -> float:
        """Volume of what is taken in a patient without lesions; 0 in others."""
        return 0.0 if len(self.lesion_sizes) else float(self.sizes[taken].sum()) * self.voxel_ml


def case_of(patient: HeldOutPatient) -> CandidateCase:
    """Hold a patient's candidates against the reference."""
    found, volume = patient.found, patient.found.volume
    candidates = found.candidates
    if candidates is None:
        msg = "the candidates were not kept"
        raise ValueError(msg)
    reference = volume.axial.of(patient.reference)
    lesions = separate_lesions(reference)
    sizes, shared = _voxels(candidates, lesions.numbers, len(lesions.sizes))
    touched = shared > 0
    both = shared.sum(axis=1)
    union = sizes + touched @ lesions.sizes - both
    whole = dice(found.labels > 0, patient.reference > 0) if patient.reference.any() else None
    return CandidateCase(
        patient.name,
        candidates.measures,
        sizes,
        both,
        both / np.maximum(union, 1),
        touched,
        lesions.sizes,
        tuple(_class(lesions.numbers, box, number, volume) for number, box in enumerate(lesions.boxes, start=1)),
        whole,
        volume.voxel_ml,
        measure_ct(volume.axial.of(found.labels), volume.axial.of(volume.voxels), volume.axial.spacing),
    )


def _voxels(
    candidates: FoundCandidates, lesions: NDArray[np.int32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Voxels ``[candidate]``, and those ``[candidate, lesion]`` that it shares with each lesion of the reference."""
    at = candidates.numbers > 0
    owners, real = candidates.numbers[at] - 1, lesions[candidates.box][at]
    table = np.zeros((len(candidates.otherwise), count + 1), np.intp)
    np.add.at(table, (owners, real), 1)
    return table.sum(axis=1), table[:, 1:]


def _class(numbers: NDArray[np.int32], box: tuple[slice, ...], number: int, volume: Volume) -> str:
    axes_mm = volume.axial.affine(volume.affine, volume.voxels.shape)[:3, 2::-1].T
    return size_class(axial_diameter(numbers[box] == number, axes_mm)[0])


def found_by_size(
    cases: Sequence[CandidateCase], taken: Sequence[NDArray[np.bool_]], *, least_iou: float = 0.0
) -> dict[str, tuple[int, int]]:
    """Lesions found and all lesions of the reference, by their class of size."""
    counts = dict.fromkeys(SIZE_CLASSES, (0, 0))
    for case, chosen in zip(cases, taken, strict=True):
        for size, hit in zip(case.lesion_classes, case.found(chosen, least_iou=least_iou).tolist(), strict=True):
            found, everyone = counts[size]
            counts[size] = (found + hit, everyone + 1)
    return counts

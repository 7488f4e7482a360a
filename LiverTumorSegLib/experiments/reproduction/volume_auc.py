"""Area under the ROC curve of each held-out patient's voxels, which no other trial measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from ...core.atomic_files import whole_file
from ...core.labels import FULL_PROBABILITY
from ...core.schema import StrictModel
from ...datasets import sources
from ...datasets.sources import Source
from ...evaluation.label_pair import structure_mask
from ...evaluation.probabilities import histogram, measure_curves
from ...inference.segment import SegmentationOptions, segment
from ...models import model_folder
from ...models.model_folder import Model
from ..run_options import RunOptions

FILE = "auc.json"


class _Area(StrictModel):
    """A patient's area, None where the reference is empty, and the digest of the reference."""

    reference: str
    auc: float | None


class _AucFile(StrictModel):
    """The content of ``auc.json``: of which weights, and what was measured by patient."""

    weights: str
    patients: dict[str, _Area] = Field(default_factory=dict)


def volume_auc(
    folder: Path,
    structure: str,
    found_in: Sequence[Source],
    data: Path,
    references: Mapping[str, str],
    options: RunOptions,
) -> dict[str, float | None]:
    """Measure patients, each on disk before the next, or take what was found for the same weights and reference.

    Args:
        folder: of the trial, with its model.
        structure: that the model finds.
        found_in: sources of the patients.
        data: folder that holds the sources'.
        references: digests of the patients' references, by name.
        options: where to run.

    Returns:
        By name, None where the reference is empty.

    Raises:
        UserError: a patient cannot be read, or the device is not there.
        Cancelled: the user asked to stop; what is done stays.
    """
    trained = model_folder.load(folder / "model")
    kept = _read_kept(folder / FILE, trained.description.weights.sha256)
    for number, (name, reference) in enumerate(references.items()):
        if name in kept.patients and kept.patients[name].reference == reference:
            continue
        options.job.at(number / len(references), f"Measuring probabilities of {name}")
        source = sources.source_of(found_in, data, name)
        area = _Area(reference=reference, auc=_measured(trained, structure, source, data, name, options))
        kept = kept.model_copy(update={"patients": kept.patients | {name: area}})
        with whole_file(folder / FILE, overwrite=True) as new:
            new.write_text(kept.model_dump_json() + "\n", encoding="utf-8")
    return {name: kept.patients[name].auc for name in references}


def _measured(
    trained: Model, structure: str, source: Source, data: Path, name: str, options: RunOptions
) -> float | None:
    volume, reference = sources.read(source, data, name)
    whole = SegmentationOptions(coarse_pass=False, probabilities=True)
    done = segment(volume, trained, options.device, cancel=options.job.cancel, options=whole)
    likely = done.probabilities[structure] / np.float32(FULL_PROBABILITY)
    return measure_curves(histogram(structure_mask(reference, structure), likely))["auc"]


def _read_kept(path: Path, weights: str) -> _AucFile:
    """The areas that were measured with these weights."""
    empty = _AucFile(weights=weights)
    try:
        found = _AucFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return empty
    return found if found.weights == weights else empty

"""Area under the ROC curve of each held-out patient's voxels, which no other trial measures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from .. import model
from ..datasets import sources
from ..datasets.sources import Source
from ..evaluation.probabilities import curve, histogram
from ..evaluation.structures import mask
from ..experiments.run_options import RunOptions
from ..inference import Options, segment
from ..label_writer import CERTAIN
from ..model import Model
from ..whole_files import whole_file

FILE = "auc.json"


class _Area(BaseModel):
    """A patient's area, None where the reference is empty, and the digest of the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    auc: float | None


class _Kept(BaseModel):
    """What ``auc.json`` holds: of which weights, and what was measured by patient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: str
    patients: dict[str, _Area] = {}


def volume_auc(
    folder: Path, structure: str, source: Source, data: Path, references: Mapping[str, str], options: RunOptions
) -> dict[str, float | None]:
    """Measure patients, each on disk before the next, or take what was found for the same weights and reference.

    Args:
        folder: of the trial, with its model.
        structure: that the model finds.
        source: of the patients.
        data: folder that holds the source's.
        references: digests of the patients' references, by name.
        options: where to run.

    Returns:
        By name, None where the reference is empty.

    Raises:
        UserError: a patient cannot be read, or the device is not there.
        Cancelled: the user asked to stop; what is done stays.
    """
    trained = model.load(folder / "model")
    kept = _kept(folder / FILE, trained.description.weights.sha256)
    for number, (name, reference) in enumerate(references.items()):
        if name in kept.patients and kept.patients[name].reference == reference:
            continue
        options.job.at(number / len(references), f"Measuring probabilities of {name}")
        area = _Area(reference=reference, auc=_measured(trained, structure, source, data, name, options))
        kept = kept.model_copy(update={"patients": kept.patients | {name: area}})
        with whole_file(folder / FILE, overwrite=True) as new:
            new.write_text(kept.model_dump_json() + "\n", encoding="utf-8")
    return {name: kept.patients[name].auc for name in references}


def _measured(
    trained: Model, structure: str, source: Source, data: Path, name: str, options: RunOptions
) -> float | None:
    volume, reference = sources.read(source, data, name)
    whole = Options(coarse_pass=False, probabilities=True)
    done = segment(volume, trained, options.device, cancel=options.job.cancel, options=whole)
    likely = done.probabilities[structure] / np.float32(CERTAIN)
    return curve(histogram(mask(reference, structure), likely))["auc"]


def _kept(path: Path, weights: str) -> _Kept:
    """What was measured with these weights."""
    empty = _Kept(weights=weights)
    try:
        found = _Kept.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return empty
    return found if found.weights == weights else empty

"""The whole way on a phantom, and how near it comes to the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import files, model, model_store, phantom, report_files
from .evaluation.overlap import dice
from .files.nifti import write_volume
from .inference import segment
from .lesions import measure
from .postprocessing import LESION
from .progress import Progress
from .whole_files import whole_folder

_CT, _LABELS = "ct.nii.gz", "segmentation.seg.nrrd"
_FILES = report_files.NAMES | {_CT, _LABELS}


@dataclass(frozen=True)
class Outcome:
    """Dice against the phantom's truth, and the seconds of the segmentation alone."""

    liver_dice: float
    lesion_dice: float
    seconds: float


def run(folder: Path, *, seed: int = 0, progress: Progress | None = None, overwrite: bool = False) -> Outcome:
    """Write ``ct.nii.gz``, ``segmentation.seg.nrrd``, ``lesions.csv``, ``lesions.json`` and ``report.html``.

    Args:
        folder: where; it appears whole or not at all.
        seed: of the phantom.
        progress: told what is being done.
        overwrite: whether a folder of that name may be replaced.

    Raises:
        UserError: the folder exists, or cannot be written to.
    """
    made = phantom.create(seed=seed)
    with whole_folder(folder, overwrite=overwrite, holds=_FILES) as new:
        write_volume(new / _CT, made.volume)
        volume = files.read_volume(new / _CT)
        result = segment(volume, model.load(model_store.find()), progress=progress)
        files.write_labels(new / _LABELS, result.labels, volume)
        report_files.write(new, result, measure(result.labels, volume))
    return Outcome(
        dice(result.labels > 0, made.labels > 0) or 0.0,
        dice(result.labels == LESION, made.labels == LESION) or 0.0,
        result.seconds,
    )

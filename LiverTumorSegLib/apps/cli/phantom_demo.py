"""A phantom segmented from end to end, and the Dice of the result against its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.atomic_files import whole_folder
from ...core.labels import LESION_LABEL
from ...core.progress import Progress
from ...datasets import phantom
from ...evaluation.overlap import dice
from ...io.nifti import write_volume
from ...pipeline import segment_file
from ...reporting import report_files

_CT, _LABELS = "ct.nii.gz", "segmentation.seg.nrrd"
_FILES = report_files.REPORT_FILES | {_CT, _LABELS}


@dataclass(frozen=True)
class DemoResult:
    """Dice against the phantom's truth, the seconds of the segmentation alone, and its warnings."""

    liver_dice: float
    lesion_dice: float
    seconds: float
    warnings: tuple[str, ...] = ()


def run_demo(folder: Path, *, seed: int = 0, progress: Progress | None = None, overwrite: bool = False) -> DemoResult:
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
        result = segment_file(new / _CT, new / _LABELS, report=new, progress=progress)
    return DemoResult(
        dice(result.labels > 0, made.labels > 0) or 0.0,
        dice(result.labels == LESION_LABEL, made.labels == LESION_LABEL) or 0.0,
        result.segmentation.seconds,
        result.warnings,
    )

"""How a cohort is segmented, and what may not be mixed in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..damaged import Treatment
from ..description import Description
from ..errors import UserError
from ..inference import Options

FORMATS = ("seg.nrrd", "nii.gz")
_OF_MODEL = {"name", "network", "preprocessing", "stack", "patches", "labels"}

_USUAL = Options()


@dataclass(frozen=True)
class Settings:
    """How each case is segmented and what is written of it.

    Args:
        options: of :func:`LiverTumorSegLib.inference.segment`; probabilities are kept where their folder is given.
        format: ending of the labels, one of :data:`FORMATS`.
        report: folder of reports, a folder a case.
        probabilities: folder of ``CASE_liver.nii.gz`` and ``CASE_lesion.nii.gz``.
        force: segment also what does not look like a CT.
        damaged: what is done about damaged slices.
        overwrite: have every case done again, whatever is there.

    Raises:
        UserError: the format is unknown.
    """

    options: Options = _USUAL
    format: str = FORMATS[0]
    report: Path | None = None
    probabilities: Path | None = None
    force: bool = False
    damaged: Treatment = Treatment.AS_IS
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            msg = f"Labels are not written as {self.format} here: choose {' or '.join(FORMATS)}."
            raise UserError(msg)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders, beside the labels', that are written to."""
        return tuple(folder for folder in (self.report, self.probabilities) if folder is not None)

    def how(self, description: Description) -> dict[str, Any]:
        """All that labels follow from, but for the CT and the device, ready for JSON.

        How many slices a batch holds and which files are written beside the labels is no part of it.
        """
        return {
            "model": description.model_dump(mode="json", include=_OF_MODEL),
            "weights_sha256": description.weights.sha256,
            "coarse_pass": self.options.coarse_pass,
            "precision": self.options.precision,
            "postprocessing": description.cleaning(self.options.postprocessing).model_dump(mode="json"),
            "damaged": self.damaged.value,
            "format": self.format,
        }

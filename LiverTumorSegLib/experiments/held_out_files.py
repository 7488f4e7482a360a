"""Files of patients whom a model had not seen: predictions, references, probabilities and scores, a NIfTI file each.

``livertumorseg evaluate FOLDER/predictions FOLDER/references --probabilities FOLDER/scores`` reads them. A score is the
probability of the candidate that a voxel belongs to; probabilities are the network's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.atomic_files import whole_folder
from ..core.labels import FULL_PROBABILITY
from ..core.volume import Volume
from ..evaluation.label_pair import LESION_NAME
from ..io import probability_maps, volumes
from ..postprocessing.lesion_choice import LesionChoice
from .calibration import DEFAULT_FALSE, Calibration
from .out_of_fold import HeldOutPatient

PREDICTIONS, REFERENCES, PROBABILITIES, SCORES = "predictions", "references", "probabilities", "scores"
_PARTS = frozenset({PREDICTIONS, REFERENCES, PROBABILITIES, SCORES})


@contextmanager
def held_out_folder(folder: Path, *, overwrite: bool = False) -> Iterator[HeldOutFiles]:
    """Files that appear in a folder all at once, with none of an earlier run beside them, when all went well.

    Raises:
        UserError: the folder is there and may not be replaced, or holds something else.
    """
    with whole_folder(folder, overwrite=overwrite, holds=_PARTS) as new:
        yield HeldOutFiles(new)


class HeldOutFiles:
    """Such files in a folder.

    Args:
        folder: to write to; see :func:`held_out_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: list[tuple[str, Volume, LesionChoice]] = []

    def keep(self, patient: HeldOutPatient) -> None:
        """Write what is known of a patient before the candidates are judged.

        Raises:
            UserError: the folder cannot be written to.
        """
        found, volume = patient.found, patient.found.volume
        maps = probability_maps.paths(self._folder / PROBABILITIES, patient.name, found.probabilities)
        probability_maps.write(maps, found.probabilities, FULL_PROBABILITY, volume, overwrite=True)
        volumes.write_labels(self._path(REFERENCES, patient.name), patient.reference, volume, overwrite=True)
        volumes.write_labels(self._path(PREDICTIONS, patient.name), found.labels, volume, overwrite=True)
        if found.candidates:
            nobody = np.zeros(len(found.candidates.otherwise))
            self._kept.append((patient.name, _grid(volume), LesionChoice.of(found.candidates, volume, nobody, ())))

    def write(self, done: Calibration) -> None:
        """Write the scores, and the predictions with the candidates that are taken at the usual sensitivity."""
        levels = {case.name: each for case, each in zip(done.cases, done.levels, strict=True)}
        for name, grid, choice in self._kept:
            labels = volumes.read_stored(self._path(PREDICTIONS, name)).values.astype(np.uint8)
            judged = replace(choice, probabilities=levels[name], points=done.scores.points)
            judged.choose(labels, DEFAULT_FALSE)
            volumes.write_labels(self._path(PREDICTIONS, name), labels, grid, overwrite=True)
            scores = {LESION_NAME: (judged.spread() * FULL_PROBABILITY).round().astype(np.uint16)}
            files = probability_maps.paths(self._folder / SCORES, name, scores)
            probability_maps.write(files, scores, FULL_PROBABILITY, grid, overwrite=True)

    def _path(self, part: str, name: str) -> Path:
        return self._folder / part / f"{name}.nii.gz"


def _grid(volume: Volume) -> Volume:
    """The volume without its voxels, which are large."""
    return replace(volume, voxels=np.broadcast_to(np.int16(0), volume.voxels.shape))

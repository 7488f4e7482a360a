"""Pictures of what a network finds in a few slices, while it learns."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger

from ... import picture_file
from ...whole_files import whole_file
from ..example_picture import example, telling_slice
from ..scores import Scores
from ..scoring import Scorer
from .averaging import Averaging
from .validation import Listener

_PATIENTS = 4


class Examples(Listener):
    """Draws image, reference and prediction of the same slices every so many validations.

    Of the first patients it is the slice with the most lesion, or with the most liver where there is none.

    Args:
        scorer: predicts.
        averaging: whose weights.
        folder: where the pictures go, ``step-N.png``; TensorBoard gets them too, where it is installed.
        every: steps from one picture to the next; the last step has one too.
    """

    def __init__(self, scorer: Scorer, averaging: Averaging, folder: Path, every: int) -> None:
        self._scorer, self._averaging, self._folder, self._every = scorer, averaging, folder, every
        self._shown = [(patient, telling_slice(patient)) for patient in scorer.patients[:_PATIENTS]]

    def validated(self, trainer: lightning.Trainer, _scores: Scores) -> None:
        if trainer.global_step % self._every and trainer.global_step < trainer.max_steps:
            return
        engine = self._scorer.engine(self._averaging.network, trainer.lightning_module.device)
        found = [(patient, at, self._scorer.predict(engine, patient, at)) for patient, at in self._shown]
        picture = example(found)
        with whole_file(self._folder / f"step-{trainer.global_step:09d}.png", overwrite=True) as unfinished:
            picture_file.write(unfinished, picture, "PNG")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("examples", np.asarray(picture), trainer.global_step, dataformats="HWC")

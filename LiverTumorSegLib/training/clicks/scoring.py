"""Scores of a network for clicks during training: one click into each of some lesions of every patient."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, cast

import torch

from ...core.errors import UserError
from ...core.labels import LESION_LABEL
from ...datasets.slices import Patient
from ...inference.clicks.channels import Surroundings, stack_channels
from ...inference.clicks.patches import Millimetres
from ...inference.predictor import Predictor
from ...models.description import ClickPatches
from ..augmentation import SETS
from ..recipe import Recipe
from ..scoring import Scorer, mean_of_defined
from .options import ClickSampling
from .sampling import ClickSampler, DrawnClicks

_SAMPLES = 16
_PLAIN = ClickSampling(
    synthetic=0,
    nothing=0,
    improved=0,
    scatter_mm=0,
    rim=0,
    deep=1,
    unknown_liver=0,
    other_zoom=0,
    jitter=0,
    scale=(1, 1),
)


class ClickScorer(Scorer):
    """Measures a network on patches around one click into the middle of lesions, the same in every validation.

    The lesions are drawn as in training, some sixteen a patient. Dice is the mean over a patient's lesions; it differs
    from that of ``livertumorseg compare``, which clicks into every lesion of the CT and again where the answer is
    wrong. See :class:`LiverTumorSegLib.training.scoring.Scorer`.
    """

    batch = 1

    def __init__(self, recipe: Recipe, patients: Sequence[Patient], *options: Any) -> None:
        clicked = [each for each in patients if _has_lesion(each)]
        if not clicked:
            msg = "No validation patient shows a lesion to click into: name others in the recipe's validation."
            raise UserError(msg)
        super().__init__(recipe, clicked, *options)
        self._patches = cast("ClickPatches", recipe.clicks)
        self._drawn: dict[str, DrawnClicks] = {}

    def _measure(self, engine: Predictor, patient: Patient) -> tuple[float, dict[str, float | None]]:
        drawn = self._of(patient)

        def work(batch: Sequence[int]) -> tuple[float, float | None]:
            logits = engine(self._channels(drawn, batch[0], engine)).float()
            labels = drawn["labels"][batch[0]][None].to(logits.device)
            apart = drawn["lesions_apart"][:1].to(logits.device)
            loss = float(self._loss(logits, labels, apart))
            found, wanted = logits[:, 0] > 0, labels == LESION_LABEL
            both = int((found & wanted).sum())
            whole = int(found.sum()) + int(wanted.sum())
            return loss, 2 * both / whole if wanted.any() else None

        measured = list(engine.in_batches(range(len(drawn["labels"])), work))
        return fmean(loss for loss, _ in measured), {"lesion": mean_of_defined([dice for _, dice in measured])}

    def _of(self, patient: Patient) -> DrawnClicks:
        if patient.name not in self._drawn:
            sampler = ClickSampler(
                [patient],
                pixel_mm=self._recipe.preprocessing.spacing_mm,
                sampling=_PLAIN,
                patches=self._patches,
                augmentation=SETS["none"],
                batch=_SAMPLES,
                seed=0,
            )
            self._drawn[patient.name] = next(iter(sampler))
        return self._drawn[patient.name]

    @staticmethod
    def _channels(drawn: DrawnClicks, number: int, engine: Predictor) -> torch.Tensor:
        around = Surroundings(drawn["image"][number, 0], float(drawn["liver"][number]), float(drawn["zoom"][number]))
        points = [_point(drawn["first"][number])]
        channels = stack_channels(around, points, (), None, _point(drawn["steps"][number]))
        return channels[None].to(engine.placement.device, engine.placement.dtype)


def _has_lesion(patient: Patient) -> bool:
    return patient.lesions_apart and bool(patient.slice_mm) and int(patient.overview.shown.max()) == LESION_LABEL


def _point(numbers: torch.Tensor) -> Millimetres:
    deep, row, column = numbers.tolist()
    return deep, row, column

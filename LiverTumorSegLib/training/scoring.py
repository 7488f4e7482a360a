"""How well a network does on whole patients, before any clean-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.slices import Patient
from ..device import Placement, place
from ..engine import Engine
from ..errors import UserError
from ..label_writer import Head
from ..networks import SliceNetwork
from ..postprocessing import LESION, LIVER
from .recipe import Recipe
from .scores import Scores, mean_of_defined

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Of logits, labels, and whose labels tell lesions from liver."""

_LEAST = {"liver": LIVER, "lesion": LESION}
"""The least label of a structure: lesions count as liver too."""


class Scorer:
    """Measures a network on patients: whole slices with their neighbours, nothing augmented, nothing cleaned up.

    Dice is that of all of a patient's slices together (in three dimensions), on preprocessed pixels: of liver with its
    lesions, and of lesions. It differs from that of ``livertumorseg validate``, which cleans up and counts the CT's own
    voxels. Precision, padding and tiles are those of inference.

    Args:
        recipe: whose preprocessing, stack and labels.
        patients: whose slices.
        loss: of logits ``[slice, class, row, column]``.

    Raises:
        UserError: what the recipe judges validations by is in none of the patients.
    """

    def __init__(self, recipe: Recipe, patients: Sequence[Patient], loss: Loss) -> None:
        self.patients, self._loss = patients, loss
        self._stack = recipe.stack
        self._names: tuple[str, ...] = recipe.labels[1:]
        values = tuple(_LEAST[name] for name in self._names)
        self._head = Head(values, sigmoid=recipe.network.classes == 1)
        self._precision = "auto" if recipe.preprocessing.fits_8_bits else "float32"
        self._refuse_undefined(recipe)

    def engine(self, network: SliceNetwork, device: torch.device) -> Engine:
        """A copy of the network made ready for inference on a device."""
        return Engine(network.eval(), place(str(device), self._precision))

    @torch.inference_mode()
    def __call__(self, engine: Engine) -> Scores:
        """Measure all patients."""
        measured = [self._measure(engine, patient) for patient in self.patients]
        dice = {name: mean_of_defined([found[name] for _, found in measured]) for name in self._names}
        return Scores(fmean(loss for loss, _ in measured), dice)

    @torch.inference_mode()
    def predict(self, engine: Engine, patient: Patient, at: int) -> NDArray[np.uint8]:
        """Labels ``[row, column]`` of the patient's slice at this position."""

        def work(batch: Sequence[int]) -> torch.Tensor:
            return self._found(engine(self._channels(patient, batch, engine.placement)))[0]

        (found,) = engine.in_batches([at], work)
        return found.cpu().numpy()

    def _measure(self, engine: Engine, patient: Patient) -> tuple[float, dict[str, float | None]]:
        """A patient's loss and Dices, None where the reference lacks the structure."""

        def work(batch: Sequence[int]) -> NDArray[np.float64]:
            logits = engine(self._channels(patient, batch, engine.placement))
            labels = patient.labels[list(batch)].to(logits.device)
            apart = torch.full((len(batch),), patient.lesions_apart, device=logits.device)
            loss = float(self._loss(logits, labels, apart))
            return np.array([loss * len(batch), *self._overlap(self._found(logits), labels)])

        count = len(patient.labels)
        total, *sizes = np.sum(list(engine.in_batches(range(count), work)), axis=0).tolist()
        dices = [_dice(*sizes[start : start + 3]) for start in range(0, len(sizes), 3)]
        return total / count, dict(zip(self._names, dices, strict=True))

    def _overlap(self, found: torch.Tensor, labels: torch.Tensor) -> list[int]:
        """Pixels of each structure in both, in what was found and in the reference."""
        pairs = [(found >= least, labels >= least) for least in self._head.values]
        return [int(part.sum()) for ours, theirs in pairs for part in (ours & theirs, ours, theirs)]

    def _channels(self, patient: Patient, batch: Sequence[int], placement: Placement) -> torch.Tensor:
        stacks = [patient.stack(patient.neighbours(at, self._stack.spacing_mm, self._stack.slices)) for at in batch]
        return torch.stack(stacks).to(placement.device, placement.dtype)

    def _found(self, logits: torch.Tensor) -> torch.Tensor:
        """The label of the largest logit, uint8 ``[slice, row, column]``."""
        most, channel = self._head.over_background(logits).max(dim=1)
        values = torch.tensor(self._head.values, dtype=torch.uint8, device=logits.device)
        return torch.where(most > 0, values[channel], 0)

    def _refuse_undefined(self, recipe: Recipe) -> None:
        shown = max(int(patient.overview.shown.max()) for patient in self.patients)
        there = {f"{name}_dice" for name in self._names if shown >= _LEAST[name]}
        defined = there | {"loss"} | ({"score"} if there else set())
        for entry, monitor in recipe.monitored.items():
            if monitor not in defined:
                msg = (
                    f"{entry} cannot judge by {monitor}, since no validation patient shows what it is measured on: "
                    f"name other patients, or set its monitor to {' or '.join(sorted(defined))}."
                )
                raise UserError(msg)


def _dice(both: float, found: float, reference: float) -> float | None:
    return 2 * both / (found + reference) if reference else None

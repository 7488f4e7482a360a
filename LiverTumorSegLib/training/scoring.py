"""How well a network does on whole patients, before any clean-up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.slices import Patient
from ..device import place
from ..engine import Engine
from ..errors import UserError
from ..label_writer import Head
from ..networks import SliceNetwork
from ..postprocessing import LESION, LIVER
from .group import ALONE, Group
from .recipe import Recipe
from .scores import Scores, mean_of_defined

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Of logits, labels, and whose labels tell lesions from liver."""

_LEAST = {"liver": LIVER, "lesion": LESION}
"""The least label of a structure: lesions count as liver too."""


class Scorer(ABC):
    """Measures a network on patients: all that there is of them, nothing augmented, nothing cleaned up.

    Dice is that of all of a patient's slices together (in three dimensions), on preprocessed pixels: of liver with its
    lesions, and of lesions. It differs from that of ``livertumorseg validate``, which cleans up and counts the CT's own
    voxels. Precision, padding and tiles are those of inference.

    Args:
        recipe: whose preprocessing, stack or patches, and labels.
        patients: whose slices.
        loss: of logits ``[batch, class, *size]``.
        group: processes that share the patients out among themselves.

    Raises:
        UserError: what the recipe judges validations by is in none of the patients.
    """

    batch: int | None = None
    """Parts of a patient that are looked at together, None for the device's usual number."""

    def __init__(self, recipe: Recipe, patients: Sequence[Patient], loss: Loss, group: Group = ALONE) -> None:
        self.patients, self._loss, self._group = patients, loss, group
        self._recipe = recipe
        self._names: tuple[str, ...] = recipe.labels[1:]
        values = tuple(_LEAST[name] for name in self._names)
        self._head = Head(values, sigmoid=recipe.network.classes == 1)
        self._precision = "auto" if recipe.preprocessing.fits_8_bits else "float32"
        self._refuse_undefined(recipe)

    def engine(self, network: SliceNetwork, device: torch.device) -> Engine:
        """A copy of the network made ready for inference on a device."""
        return Engine(network.eval(), place(str(device), self._precision), self.batch)

    @torch.inference_mode()
    def __call__(self, engine: Engine) -> Scores:
        """Measure all patients."""
        measured = self._group.dealt(self.patients, lambda patient: self._measure(engine, patient))
        dice = {name: mean_of_defined([found[name] for _, found in measured]) for name in self._names}
        return Scores(fmean(loss for loss, _ in measured), dice)

    @abstractmethod
    def predict(self, engine: Engine, patient: Patient, at: int) -> NDArray[np.uint8]:
        """Labels ``[row, column]`` of the patient's slice at this position."""

    @abstractmethod
    def _parts(self, patient: Patient) -> range:
        """Parts of a patient that are looked at one after the other, or several at a time."""

    @abstractmethod
    def _logits(self, engine: Engine, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        """Logits ``[part, class, *size]``."""

    @abstractmethod
    def _labels(self, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        """Reference ``[part, *size]``."""

    def _measure(self, engine: Engine, patient: Patient) -> tuple[float, dict[str, float | None]]:
        """A patient's loss and Dices, None where the reference lacks the structure."""

        def work(batch: Sequence[int]) -> NDArray[np.float64]:
            logits = self._logits(engine, patient, batch)
            labels = self._labels(patient, batch).to(logits.device)
            apart = torch.full((len(batch),), patient.lesions_apart, device=logits.device)
            loss = float(self._loss(logits, labels, apart))
            return np.array([loss * len(batch), *self._overlap(self._found(logits), labels)])

        parts = self._parts(patient)
        total, *sizes = np.sum(list(engine.in_batches(parts, work)), axis=0).tolist()
        dices = [_dice(*sizes[start : start + 3]) for start in range(0, len(sizes), 3)]
        return total / len(parts), dict(zip(self._names, dices, strict=True))

    def _overlap(self, found: torch.Tensor, labels: torch.Tensor) -> list[int]:
        """Pixels of each structure in both, in what was found and in the reference."""
        pairs = [(found >= least, labels >= least) for least in self._head.values]
        return [int(part.sum()) for ours, theirs in pairs for part in (ours & theirs, ours, theirs)]

    def _found(self, logits: torch.Tensor) -> torch.Tensor:
        """The label of the largest logit, uint8 ``[part, *size]``."""
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


class SliceScorer(Scorer):
    """Measures a network on whole slices with their neighbours, see :class:`Scorer`."""

    @torch.inference_mode()
    def predict(self, engine: Engine, patient: Patient, at: int) -> NDArray[np.uint8]:
        def work(batch: Sequence[int]) -> torch.Tensor:
            return self._found(self._logits(engine, patient, batch))[0]

        (found,) = engine.in_batches([at], work)
        return found.cpu().numpy()

    def _parts(self, patient: Patient) -> range:
        return range(len(patient.labels))

    def _logits(self, engine: Engine, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        stack = self._recipe.stack
        stacks = [patient.stack(patient.neighbours(at, stack.spacing_mm, stack.slices)) for at in parts]
        return engine(torch.stack(stacks).to(engine.placement.device, engine.placement.dtype))

    def _labels(self, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        return patient.labels[list(parts)]


def _dice(both: float, found: float, reference: float) -> float | None:
    return 2 * both / (found + reference) if reference else None

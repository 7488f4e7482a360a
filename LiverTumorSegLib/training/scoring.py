"""Scores of a network on whole patients, slices or volumes, before any clean-up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import choose_device
from ..core.errors import UserError
from ..core.labels import LESION_LABEL, LIVER_LABEL
from ..core.progress import Job
from ..datasets.slices import Patient
from ..inference import sliding_window
from ..inference.predictor import Predictor
from ..models.description import Head, Patches
from ..networks import SliceNetwork
from .distributed import ALONE, ProcessGroup
from .recipe import Recipe
from .recipe_options import Monitor


@dataclass(frozen=True)
class Scores:
    """The figures of one validation.

    Args:
        loss: mean over the patients of the mean over their slices.
        dice: mean over the patients that have the structure, by its name; None where no patient has it.
    """

    loss: float
    dice: Mapping[str, float | None]

    @property
    def score(self) -> float | None:
        """Mean of the Dices that are defined."""
        return mean_of_defined(self.dice.values())

    def monitored(self, monitor: Monitor) -> float:
        """The value asked for, which has to be defined, turned so that more is better."""
        return -self.loss if monitor == "loss" else self.row()[monitor]

    def row(self) -> dict[str, float]:
        """The figures that are defined, by their names in the log."""
        dice = {f"{name}_dice": value for name, value in self.dice.items()}
        named = {"validation_loss": self.loss, **dice, "score": self.score}
        return {name: value for name, value in named.items() if value is not None}


def mean_of_defined(values: Iterable[float | None]) -> float | None:
    """Mean of what is not None; None where nothing is."""
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None


Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Of logits, labels, and whose labels tell lesions from liver."""

_LOWEST_LABEL = {"liver": LIVER_LABEL, "lesion": LESION_LABEL}
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

    def __init__(self, recipe: Recipe, patients: Sequence[Patient], loss: Loss, group: ProcessGroup = ALONE) -> None:
        self.patients, self._loss, self._group = patients, loss, group
        self._recipe = recipe
        self._names: tuple[str, ...] = recipe.labels[1:]
        values = tuple(_LOWEST_LABEL[name] for name in self._names)
        self._head = Head(values, sigmoid=recipe.network.classes == 1)
        self._precision = "auto" if recipe.preprocessing.fits_8_bits else "float32"
        self._refuse_undefined(recipe)

    def engine(self, network: SliceNetwork, device: torch.device) -> Predictor:
        """A copy of the network made ready for inference on a device."""
        return Predictor(network.eval(), choose_device(str(device), self._precision), self.batch)

    @torch.inference_mode()
    def __call__(self, engine: Predictor) -> Scores:
        """Measure all patients."""
        measured = self._group.dealt(self.patients, lambda patient: self._measure(engine, patient))
        dice = {name: mean_of_defined([found[name] for _, found in measured]) for name in self._names}
        return Scores(fmean(loss for loss, _ in measured), dice)

    @abstractmethod
    def _measure(self, engine: Predictor, patient: Patient) -> tuple[float, dict[str, float | None]]:
        """A patient's loss and Dices, None where the reference lacks the structure."""

    def _refuse_undefined(self, recipe: Recipe) -> None:
        shown = max(int(patient.overview.shown.max()) for patient in self.patients)
        there = {f"{name}_dice" for name in self._names if shown >= _LOWEST_LABEL[name]}
        defined = there | {"loss"} | ({"score"} if there else set())
        for entry, monitor in recipe.monitored.items():
            if monitor not in defined:
                msg = (
                    f"{entry} cannot judge by {monitor}, since no validation patient shows what it is measured on: "
                    f"name other patients, or set its monitor to {' or '.join(sorted(defined))}."
                )
                raise UserError(msg)


class PartScorer(Scorer):
    """Measures a network on all parts of a patient, see :class:`Scorer`."""

    @abstractmethod
    def predict(self, engine: Predictor, patient: Patient, at: int) -> NDArray[np.uint8]:
        """Labels ``[row, column]`` of the patient's slice at this position."""

    @abstractmethod
    def _parts(self, patient: Patient) -> range:
        """Parts of a patient that are looked at one after the other, or several at a time."""

    @abstractmethod
    def _logits(self, engine: Predictor, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        """Logits ``[part, class, *size]``."""

    @abstractmethod
    def _labels(self, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        """Reference ``[part, *size]``."""

    def _measure(self, engine: Predictor, patient: Patient) -> tuple[float, dict[str, float | None]]:
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


class SliceScorer(PartScorer):
    """Measures a network on whole slices with their neighbours, see :class:`Scorer`."""

    @torch.inference_mode()
    def predict(self, engine: Predictor, patient: Patient, at: int) -> NDArray[np.uint8]:
        def work(batch: Sequence[int]) -> torch.Tensor:
            return self._found(self._logits(engine, patient, batch))[0]

        (found,) = engine.in_batches([at], work)
        return found.cpu().numpy()

    def _parts(self, patient: Patient) -> range:
        return range(len(patient.labels))

    def _logits(self, engine: Predictor, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        stack = self._recipe.stack
        stacks = [patient.stack(patient.neighbours(at, stack.spacing_mm, stack.slices)) for at in parts]
        return engine(torch.stack(stacks).to(engine.placement.device, engine.placement.dtype))

    def _labels(self, patient: Patient, parts: Sequence[int]) -> torch.Tensor:
        return patient.labels[list(parts)]


def _dice(both: float, found: float, reference: float) -> float | None:
    return 2 * both / (found + reference) if reference else None


class VolumeScorer(PartScorer):
    """Measures a network on whole resampled volumes, by the overlapping patches that inference takes.

    The loss is that of a patient's whole volume. See :class:`.scoring.Scorer`.
    """

    batch = 1

    def __init__(self, recipe: Recipe, *options: Any) -> None:
        super().__init__(recipe, *options)
        self._patches = cast("Patches", recipe.patches)

    @torch.inference_mode()
    def predict(self, engine: Predictor, patient: Patient, at: int) -> NDArray[np.uint8]:
        """Labels of a slice from the patches around it alone: none above or below has a share in them."""
        depth = self._patches.size[0]
        first = min(max(0, at - depth // 2), max(0, len(patient.labels) - depth))

        def work(_: Sequence[int]) -> torch.Tensor:
            return self._found(self._in_patches(engine, patient, first, first + depth))[0, at - first]

        (found,) = engine.in_batches([at], work)
        return found.cpu().numpy()

    def _parts(self, _patient: Patient) -> range:
        return range(1)

    def _logits(self, engine: Predictor, patient: Patient, _part: Sequence[int]) -> torch.Tensor:
        return self._in_patches(engine, patient, 0, len(patient.labels))

    def _labels(self, patient: Patient, _part: Sequence[int]) -> torch.Tensor:
        return patient.labels[None]

    def _in_patches(self, engine: Predictor, patient: Patient, first: int, stop: int) -> torch.Tensor:
        """Logits ``[1, class, slice, row, column]`` of the slices from the first to before the last."""
        pixels = patient.pixels[first:stop].to(engine.placement.device)
        pixels = pixels.transpose(0, 1).float() / (255 if pixels.dtype == torch.uint8 else 1)
        return sliding_window.predict_patches(pixels[None], self._patches, engine, Job())[None]

"""How well a network for volumes does on whole patients, before any clean-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from .. import volumetric
from ..datasets.slices import Patient
from ..description import Patches
from ..engine import Engine
from ..progress import Job
from .recipe import Recipe
from .scoring import Scorer


class VolumeScorer(Scorer):
    """Measures a network on whole resampled volumes, by the overlapping patches that inference takes.

    The loss is that of a patient's whole volume. See :class:`.scoring.Scorer`.
    """

    batch = 1

    def __init__(self, recipe: Recipe, *options: Any) -> None:
        super().__init__(recipe, *options)
        self._patches = cast("Patches", recipe.patches)

    @torch.inference_mode()
    def predict(self, engine: Engine, patient: Patient, at: int) -> NDArray[np.uint8]:
        """Labels of a slice from the patches around it alone: none above or below has a share in them."""
        depth = self._patches.size[0]
        first = min(max(0, at - depth // 2), max(0, len(patient.labels) - depth))

        def work(_: Sequence[int]) -> torch.Tensor:
            return self._found(self._in_patches(engine, patient, first, first + depth))[0, at - first]

        (found,) = engine.in_batches([at], work)
        return found.cpu().numpy()

    def _parts(self, _patient: Patient) -> range:
        return range(1)

    def _logits(self, engine: Engine, patient: Patient, _part: Sequence[int]) -> torch.Tensor:
        return self._in_patches(engine, patient, 0, len(patient.labels))

    def _labels(self, patient: Patient, _part: Sequence[int]) -> torch.Tensor:
        return patient.labels[None]

    def _in_patches(self, engine: Engine, patient: Patient, first: int, stop: int) -> torch.Tensor:
        """Logits ``[1, class, slice, row, column]`` of the slices from the first to before the last."""
        pixels = patient.pixels[first:stop].to(engine.placement.device)
        pixels = pixels.transpose(0, 1).float() / (255 if pixels.dtype == torch.uint8 else 1)
        return volumetric.in_patches(pixels[None], self._patches, engine, Job())[None]

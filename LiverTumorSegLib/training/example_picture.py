"""Image, reference and prediction of slices, in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..datasets.slices import Patient
from ..picture_layout import below, headed
from ..pictures import picture
from ..postprocessing import LESION

_LONG_SIDE, _HEADING, _GAP = 290, 14, 6
_LEVEL, _WIDTH = 60, 400  # HU that pictures show from black to white
_SPAN = (0.005, 0.995)


def telling_slice(patient: Patient) -> int:
    """Position of the slice with the most lesion; of that with the most liver where there is none."""
    lesion = (patient.labels == LESION).flatten(1).sum(dim=1)
    area = lesion if lesion.any() else (patient.labels > 0).flatten(1).sum(dim=1)
    return int(area.argmax())


def example(found: Sequence[tuple[Patient, int, NDArray[np.uint8]]]) -> Image.Image:
    """A row of three pictures for each slice: what the network saw of it (the first channel), reference and prediction.

    Args:
        found: patient, position of the slice, and predicted labels ``[row, column]``.
    """
    return below([_row(*one) for one in found])


def _row(patient: Patient, at: int, prediction: NDArray[np.uint8]) -> Image.Image:
    hounsfield, reference = _as_hounsfield(patient, at), patient.labels[at].numpy()
    labels = {
        f"{patient.name}, slice {patient.numbers[at]}": np.zeros_like(reference),
        "reference": reference,
        "prediction": prediction,
    }
    panels = {name: picture((hounsfield, one, (1.0, 1.0)), "", _LONG_SIDE) for name, one in labels.items()}
    return headed(panels, _HEADING, _GAP)


def _as_hounsfield(patient: Patient, at: int) -> NDArray[np.int16]:
    """Preprocessed values as HU of the same grey: [0, 1], or else what lies between the extreme half per cents."""
    values = patient.stack([at])[0]
    if not patient.in_unit:
        low, high = torch.quantile(values, torch.tensor(_SPAN)).tolist()
        values = (values - low) / max(high - low, torch.finfo().eps)
    grey: NDArray[np.int16] = ((values.clamp(0, 1) - 0.5) * _WIDTH + _LEVEL).round().short().numpy()
    return grey

"""From label values to the classes that a network tells apart."""

from __future__ import annotations

import torch

from ..description import JOINT, Binary, Joint
from ..postprocessing import LESION, LIVER


def targets(labels: torch.Tensor, wanted: Binary | Joint) -> torch.Tensor:
    """Number the classes of a network from 0 on; a network for the liver counts lesions as liver.

    Args:
        labels: integers of any shape: 0 background, 1 liver, 2 lesion.
        wanted: what the network's classes stand for.
    """
    if wanted == JOINT:
        return labels
    return ((labels == LESION) if wanted[1] == "lesion" else (labels >= LIVER)).to(labels.dtype)

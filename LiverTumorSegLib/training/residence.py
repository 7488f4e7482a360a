"""Where the slices that are trained on are kept: on the accelerator if they fit there, else where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ..datasets.cache import in_words
from ..datasets.slices import Patient

_SHARE = 0.5
"""Of the memory that is free on an accelerator; the rest is for the network and what it computes."""


def free_bytes(device: torch.device) -> int:
    """Memory that is free on an accelerator, 0 where it is not known or is the CPU's own."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def settled(patients: Sequence[Patient], device: torch.device, free: int, say: Callable[[str], None]) -> list[Patient]:
    """Patients whose slices are on the device, if all of them fit into a share of what is free there.

    Labels stay, since what a slice is cut around is drawn on the CPU. A batch is on the device that its slices are on,
    and is the same on either.

    Args:
        patients: preprocessed.
        device: that trains.
        free: bytes that are free there; 0 where it shares the CPU's memory.
        say: told what was chosen, where there is a choice.
    """
    size = sum(patient.pixels.nbytes for patient in patients)
    if not free:
        return list(patients)
    if size > _SHARE * free:
        say(f"The slices ({in_words(size)}) stay in the host's memory: {device} has {in_words(free)} free.")
        return list(patients)
    say(f"The slices ({in_words(size)}) are kept on {device}.")
    return [replace(patient, pixels=patient.pixels.to(device), known=patient.overview) for patient in patients]

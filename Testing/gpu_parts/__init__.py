"""The parts of ``gpu_check.py``: each is called in a process of its own and returns what it found.

A part raises :class:`LeftOut` where the machine has not what it needs, and anything else where it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import torch


class LeftOut(Exception):
    """The machine lacks what the part needs."""


@dataclass(frozen=True)
class Found:
    """What a part found.

    Args:
        sentence: for the page.
        figures: numbers and words by name.
    """

    sentence: str
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """Where a part runs.

    Args:
        device: as a user names it.
        folder: empty, of this part alone.
        small: sizes for a rehearsal on a CPU, which shows that the part itself works.
    """

    device: str
    folder: Path
    small: bool = False

    @property
    def place(self) -> torch.device:
        return torch.device("cuda", 0) if self.device == "cuda" else torch.device(self.device)

    def require_cuda(self, why: str) -> None:
        """Leave the part out on any other device."""
        if self.place.type != "cuda":
            msg = f"It needs a CUDA GPU, since {why}."
            raise LeftOut(msg)


@dataclass(frozen=True)
class Part:
    """A part of the check.

    Args:
        name: as the page and ``--only`` have it.
        place: module and function.
        minutes: after which it is ended.
        gpu: whether it is left out where there is none.
    """

    name: str
    place: str
    minutes: float
    gpu: bool = True

    def load(self) -> Callable[[Setting], Found]:
        module, _, function = self.place.partition(":")
        return getattr(import_module(f"gpu_parts.{module}"), function)


PARTS = (
    Part("environment", "environment:describe", 5, gpu=False),
    Part("networks", "agreement:networks", 15),
    Part("preprocessing", "agreement:preprocessing", 10),
    Part("segment twice", "cases:twice", 10),
    Part("1,000 slices", "cases:many_slices", 15),
    Part("parts of a volume", "batches:parts_of_a_volume", 15),
    Part("nnU-Net", "nnunet:labels", 15),
    Part("out of memory", "failures:out_of_memory", 20),
    Part("device-side assert", "failures:sticky_error", 15),
    Part("numbers not finite", "failures:not_finite", 10),
    Part("training batches", "batches:training_batches", 10),
    Part("upsampling", "batches:upsampling", 5),
    Part("training", "training:thirty_steps", 30),
    Part("training resumed", "training:resumed", 15),
    Part("two GPUs", "training:two_gpus", 20),
    Part("exports", "agreement:exports", 10),
    Part("seconds by stage", "speed:stages", 15),
)

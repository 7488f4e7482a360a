"""The worker's commands on lesions that are clicked into; the CT and the answers stay from click to click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.device import choose_device
from ...core.errors import UserError
from ...core.progress import Job
from ...core.volume import Box, Volume
from ...inference.clicks.editing import LesionClick
from ...inference.clicks.replay import ClickedCT, KeptAnswers
from ...inference.predictor import Predictor
from ...models.model_folder import Model
from . import arrays
from .exchange import Answer


class ClickCommands:
    """The commands, with what is kept from one to the next: the last CT, and the answers of all.

    Args:
        load: gives a model by its name.
    """

    def __init__(self, load: Callable[[str], Model]) -> None:
        self._load = load
        self._ct: tuple[object, Volume] | None = None
        self._automatic: tuple[object, NDArray[np.uint8]] = (None, np.zeros((0, 0, 0), np.uint8))
        self._answers = KeptAnswers()

    def prepare(self, job: Job, *, volume: str, model: str, device: str) -> Answer:
        """Read a CT and a model and run it once, so that the first click is answered as fast as the others."""
        job.at(0, "Reading the volume")
        _, loaded = self._volume(volume), self._load(model)
        patches = loaded.description.clicks
        if patches is None:
            msg = f"The model “{model}” segments whole CTs, and not a lesion that is clicked into: choose another."
            raise UserError(msg)
        engine = Predictor(loaded.network, choose_device(device), 1)
        nothing = torch.zeros(1, loaded.description.network.in_channels, *patches.size)
        with torch.inference_mode():
            list(engine.in_batches([0], lambda _: engine(nothing.to(engine.placement.device, engine.placement.dtype))))
        return {"device": str(engine.placement)}

    def click(
        self,
        job: Job,
        *,
        volume: str,
        lesion: str,
        clicks: Sequence[Sequence[Any]],
        model: str,
        device: str,
        liver_hu: float | None = None,
        base: str = "",
        base_at: Sequence[int] = (0, 0, 0),
        automatic: str = "",
        automatic_at: Sequence[int] = (0, 0, 0),
    ) -> Answer:
        """Segment the lesion that was clicked into; ``lesion`` gets the mask of a box whose first voxel is ``at``.

        Args:
            job: of the client.
            volume: file of the CT, which stays there from click to click.
            lesion: file for the mask, 0 and 1.
            clicks: ``[r, a, s, inside]`` each, in RAS millimetres, in their order.
            model: for clicks.
            device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
            liver_hu: the liver's median, where it is known.
            base: file of what the lesion was before its first click, where it was: the mask of a box.
            base_at: that box's first voxel ``[k, j, i]``.
            automatic: file of how likely lesion is by another model, uint8 in a box, where that is known.
            automatic_at: that box's first voxel.
        """
        job.at(0, "Looking at the clicks")
        ct = self._volume(volume)
        before = _boxed(arrays.read(Path(base))[0] > 0, base_at).seen(ct) if base else None
        network = self._load(model)
        likely = _boxed(self._read_automatic(automatic), automatic_at).seen(ct) if automatic else None
        key = (self._ct and self._ct[0], network.description.weights.sha256, likely and self._automatic[0])
        clicked = ClickedCT(ct, network, liver_hu, device, self._answers, key, likely)
        found = clicked.lesion([LesionClick((r, a, s), bool(inside)) for r, a, s, inside in clicks], before, job.cancel)
        box, mask = found.lesion.back(ct)
        arrays.write(Path(lesion), mask.astype(np.uint8), ct.affine)
        return {
            "at": [side.start for side in box],
            "probability": found.probability,
            "warnings": list(found.warnings),
            "device": found.device,
        }

    def _volume(self, path: str) -> Volume:
        """The CT in a file, which is read again only where the last one was another."""
        key = _state(path)
        if self._ct is None or self._ct[0] != key:
            self._ct = None  # before there are two
            self._ct = key, Volume(*arrays.read(Path(path)))
        return self._ct[1]

    def _read_automatic(self, path: str) -> NDArray[np.uint8]:
        """The same of automatic probabilities."""
        key = _state(path)
        if self._automatic[0] != key:
            self._automatic = key, arrays.read(Path(path))[0]
        return self._automatic[1]


def _state(path: str) -> tuple[str, int, int]:
    state = Path(path).stat()
    return path, state.st_mtime_ns, state.st_size


def write_automatic(path: Path, likely: NDArray[np.uint8], volume: Volume) -> Answer:
    """Write the part of probabilities that is not 0, and say where it begins; of nothing but 0, the first voxel.

    Args:
        path: of the file.
        likely: uint8 ``[k, j, i]``.
        volume: the CT.
    """
    part = Boxed.around(likely) or Boxed((slice(0, 1),) * 3, likely[:1, :1, :1])
    arrays.write(path, np.ascontiguousarray(part.values), volume.affine)
    return {"automatic_at": [side.start for side in part.box]}


def _boxed(mask: NDArray[np.uint8] | NDArray[np.bool_], first: Sequence[int]) -> Boxed:
    k, j, i = (slice(start, start + n) for start, n in zip(first, mask.shape, strict=True))
    box: Box = (k, j, i)
    return Boxed(box, mask)

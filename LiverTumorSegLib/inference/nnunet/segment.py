"""A volume labelled by a model that comes from nnU-Net (Isensee et al. 2021), on whatever device there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar, cast

import numpy as np
import torch

from ...core import gpus
from ...core.arithmetic import inference_arithmetic
from ...core.device import DevicePlacement
from ...core.device_failure import is_out_of_memory, may_be_out_of_memory
from ...core.errors import UserError
from ...core.progress import Job
from ...core.volume import Box, Volume
from ...models.model_folder import Model
from ...models.nnunet.settings import NnUNet
from ...networks import MeanOfFolds, SliceNetwork
from ..label_assembly import NotFinite
from ..predictor import Predictor, attempt, load_somewhere, widen
from .export import NnUNetOutput, export
from .geometry import Frame, find_frame
from .prediction import ARITHMETICS, Arithmetic, MeanLogits, predict
from .preprocessing import Layout, prepare
from .tiles import Tiles, find_tiles

Result = TypeVar("Result")


class Choices(Protocol):
    """What of :class:`LiverTumorSegLib.inference.segment.SegmentationOptions` is asked for."""

    @property
    def nnunet(self) -> Literal["fast", "exact"]: ...

    @property
    def batch(self) -> int | None: ...


@torch.inference_mode()
def label_volume(
    out: NnUNetOutput,
    volume: Volume,
    model: Model,
    placement: DevicePlacement,
    options: Choices,
    task: Job,
    box: Box | None = None,
) -> tuple[DevicePlacement, list[str]]:
    """Label a volume.

    Args:
        out: written in place.
        volume: CT in HU, in any orientation.
        model: one with :class:`NnUNet`.
        placement: where to run.
        options: arithmetic and batch.
        task: told about every tile and every few slices.
        box: of ``k, j, i``, outside of which nothing is looked at and all stays 0.

    Returns:
        Where it ran in the end, and notes, a sentence each.

    Raises:
        UserError: there is too little memory, or the model cannot be used for a CT.
        NotFinite: a logit is not, and in float32 neither.
        Cancelled: the user asked to stop.
    """
    arithmetic = ARITHMETICS[options.nnunet]
    run = _Run(volume, model, arithmetic, options.batch, arithmetic.placed(placement))
    try:
        run.write(out, box, task)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        msg = "There is not enough memory for this volume: close other programs, or cut the volume."
        raise UserError(msg) from error
    except NotFinite:
        if not run.placement.may_overflow:
            raise
        wide, note = widen(run.placement)
        notes = [*run.notes, note]
        del run
        gpus.free_cached_memory()
        out.clear()
        place, more = label_volume(out, volume, model, wide, options, task, box)
        return place, notes + more
    return run.placement, run.notes


@dataclass
class _Run:
    """One way from a CT to its labels; the device changes where one fails."""

    volume: Volume
    model: Model
    arithmetic: Arithmetic
    batch: int | None
    placement: DevicePlacement

    def __post_init__(self) -> None:
        self.notes = [self.placement.note] if self.placement.note else []
        self.placement = replace(self.placement, note="")

    @property
    def _settings(self) -> NnUNet:
        settings = self.model.description.nnunet
        if settings is None:
            msg = f"{self.model.description.name} does not come from nnU-Net"
            raise ValueError(msg)
        return settings

    def write(self, out: NnUNetOutput, box: Box | None, task: Job) -> None:
        frame = find_frame(self.volume, self._settings, box)
        task.at(0, "Preprocessing")
        image, layout = self._on_device(lambda device: self._prepare(frame, device))
        logits = self._logits(image, layout.air, task.part(0.05, 0.85))
        del image
        task.at(0.85, "Writing labels")
        kept = out.each(lambda array: np.zeros(frame.zoomed, array.dtype)) if frame.is_zoomed else out.each(frame.of)
        cropped = kept.each(lambda array: array[layout.crop])

        def written(device: torch.device) -> None:
            cropped.clear()
            export(cropped, logits, layout, self._settings, self.arithmetic, device, task.part(0.85, 1))

        self._on_device(written)
        if frame.is_zoomed:
            for made, own in zip(kept.arrays, out.arrays, strict=True):
                frame.put_back(made, own)

    def _prepare(self, frame: Frame, device: torch.device) -> tuple[torch.Tensor, Layout]:
        voxels = frame.voxels(self.volume, self.arithmetic.numbers, device)
        return prepare(voxels, frame.zoomed_mm, self._settings, self.arithmetic.numbers, device)

    def _logits(self, image: torch.Tensor, air: float, task: Job) -> torch.Tensor:
        """The mean of all folds' logits, on the image's grid."""
        settings, network = self._settings, self.model.network
        folds = cast("Sequence[SliceNetwork]", network.folds) if isinstance(network, MeanOfFolds) else [network]
        tiles = find_tiles(image.shape, settings)
        padded = tiles.pad(image)
        shown = tiles if self.arithmetic.exact else tiles.showing(image, air)
        mean = MeanLogits(len(settings.outputs), tiles.shape)
        for number, fold in enumerate(folds):
            part = task.part(number / len(folds), (number + 1) / len(folds))
            with inference_arithmetic(self.placement.device, self.placement.dtype):
                engine = load_somewhere(lambda place, fold=fold: self._load(fold, place), self.placement)  # type: ignore[misc]
                self._predict(mean, padded, shown, engine, part)
            mean.end_fold()
        mean.end()
        return tiles.unpad(mean.values)

    def _load(self, fold: SliceNetwork, placement: DevicePlacement) -> Predictor:
        return self.arithmetic.load(fold, placement, self.batch)

    def _predict(self, mean: MeanLogits, image: torch.Tensor, tiles: Tiles, engine: Predictor, task: Job) -> None:
        on_host = False
        while True:
            _, failure = attempt(
                lambda on_host=on_host: predict(  # type: ignore[misc]
                    mean, image, tiles, engine, self._settings, self.arithmetic, task, on_host=on_host
                )
            )
            if failure is None:
                break
            device = engine.placement.device
            if may_be_out_of_memory(failure) and not on_host and device.type != "cpu":
                on_host = True
                engine.free_memory()
                engine.notes.append(f"{device} ran out of memory: sums are kept in the host's memory, tiles are not.")
            else:
                engine.batch = 1  # what fewer tiles at a time could mend is mended by now
                engine.recover(failure)
        self.notes += engine.notes
        self.placement = replace(self.arithmetic.placed(engine.placement), note="")  # it is among the notes by now

    def _on_device(self, work: Callable[[torch.device], Result]) -> Result:
        """What comes of some work beside the network, on the CPU where the device cannot do it."""
        device = self.arithmetic.resampling_device(self.placement)
        if device.type == "cpu":
            return work(device)
        done, failure = attempt(lambda: [work(device)])
        return work(torch.device("cpu")) if failure or done is None else done[0]

"""Several models on one CT, one after another: the liver's, the lesions', and others for more structures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import choose_device
from ..core.labels import LESION_LABEL
from ..core.progress import CancelToken, Job, Progress, job
from ..core.structures import LIVER_SEGMENTS
from ..core.volume import Volume
from ..models.description import Description
from ..models.model_folder import Model
from ..postprocessing.options import OPTIONS
from ..postprocessing.settings import Postprocessing
from . import segment as one_model
from .liver_of_another import VoxelBox, box_around, lesions_in_liver
from .model_set import ModelSet, is_same
from .nnunet.export import NnUNetOutput
from .nnunet.segment import label_volume
from .region import segment_region
from .segment import OtherStructures, Segmentation, SegmentationOptions

_DEFAULT_OPTIONS = SegmentationOptions()

LIVER_MARGIN_MM = 20.0
"""Around the liver, where a model does not say: TotalSegmentator's for lesions, vessels and segments alike."""

_IN_LIVER = {*LIVER_SEGMENTS, "liver_vessels", "hepatic_veins", "portal_vein"}
"""What the liver's box holds; gallbladder and spleen reach beyond it."""


@torch.inference_mode()
def segment_with(
    volume: Volume,
    models: ModelSet,
    device: str = "auto",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    options: SegmentationOptions = _DEFAULT_OPTIONS,
    inside: NDArray[np.bool_] | None = None,
) -> Segmentation:
    """Segment with all models of a set: first the liver's, then the main one, then the others as they are given.

    Where the liver's model finds none, nothing is marked, and what looks at the liver alone is not run. Clean-up is
    that of the main model, and its options change that of the liver's model alike.

    Args:
        volume: CT in HU, in any orientation.
        models: the set.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch.
        options: as of :func:`.segment.segment`, for each of the models.
        inside: ``[k, j, i]`` on the CT's grid; nothing is found where it is False.

    Returns:
        Labels of the main model in the liver of the liver's model, with what the others found in ``others``; notes
        begin with the name of the model that they are of, where there are several.

    Raises:
        UserError: the device is not there, or has too little memory.
        Cancelled: ``cancel`` was used.
    """
    task = job(progress, cancel)
    if models.is_one:
        return _labelled(volume, models.model, device, task, options, inside)
    return _Runs(volume, models, device, options, inside, task).all()


def _labelled(
    volume: Volume,
    model: Model,
    device: str,
    task: Job,
    options: SegmentationOptions,
    inside: NDArray[np.bool_] | None,
    box: VoxelBox | None = None,
) -> Segmentation:
    """What one model finds, in a region or in all of the CT."""
    if inside is not None:
        return segment_region(volume, model, inside, device, task.at, task.cancel, options=options)
    return one_model.segment(volume, model, device, task.at, task.cancel, options=options, box=box)


class _Runs:
    """The models of a set, one after another on one CT."""

    def __init__(
        self,
        volume: Volume,
        models: ModelSet,
        device: str,
        options: SegmentationOptions,
        inside: NDArray[np.bool_] | None,
        task: Job,
    ) -> None:
        self._volume, self._models, self._device = volume, models, device
        self._options, self._inside, self._task = options, inside, task
        self._count, self._begun = len(models.descriptions), 0
        self._devices: dict[str, str] = {}
        self._notes: list[str] = []
        self._of_liver_model: tuple[OtherStructures, ...] = ()

    def all(self) -> Segmentation:
        """Run them, and put together what they found."""
        began = perf_counter()
        liver = self._liver()
        found = self._lesions(liver) if liver else self._told(self._models.model, self._run(self._models.model))
        others = tuple(self._others(found, liver))
        self._task.at(1, "Done")
        return replace(
            found,
            device=_in_words(self._devices),
            notes=tuple(self._notes),
            seconds=perf_counter() - began,
            liver_model=liver.model if liver else None,
            others=(*found.others, *others),
        )

    def _next(self, model: Model) -> Job:
        """The stretch of the next model, whose name stands before what it tells."""
        part = self._task.part(self._begun / self._count, (self._begun + 1) / self._count)
        self._begun += 1
        return Job(lambda done, said: part.tell(done, f"{model.description.name}: {said}"), part.cancel)

    def _run(
        self, model: Model, options: SegmentationOptions | None = None, box: VoxelBox | None = None
    ) -> Segmentation:
        chosen = options or self._options
        return _labelled(self._volume, model, self._device, self._next(model), chosen, self._inside, box)

    def _told(self, model: Model, found: Segmentation) -> Segmentation:
        self._tell(model.description, found.device, found.notes)
        return found

    def _tell(self, model: Description, device: str, notes: tuple[str, ...]) -> None:
        self._devices[model.name] = device
        self._notes += [f"{model.name}: {note}" for note in notes]

    def _liver(self) -> Segmentation | None:
        if self._models.liver is None:
            return None
        own = _changed(self._models.liver.description.postprocessing, self._changes)
        options = replace(self._options, postprocessing=own, candidates=False)
        found = self._told(self._models.liver, self._run(self._models.liver, options))
        self._of_liver_model = found.others
        return found

    def _lesions(self, liver: Segmentation) -> Segmentation:
        """Lesions of the main model in the liver of another."""
        main = self._models.model
        name, other = main.description.name, liver.model.name
        if not liver.labels.any():
            self._begun += 1
            self._notes.append(f"The model “{other}” found no liver: “{name}” was not run, and nothing is marked.")
            return self._nothing(liver)
        box = self._box(main.description, liver.labels) if main.description.nnunet else None
        found = self._told(main, self._run(main, box=box))
        if "liver" in main.description.labels:
            self._notes.append(f"The liver is that of the model “{other}”, and not that of “{name}”.")
        return lesions_in_liver(found, liver, self._steps(liver.model))

    def _nothing(self, liver: Segmentation) -> Segmentation:
        """What is found of lesions where there is no liver."""
        main = self._models.model.description
        without = {"lesion": np.zeros(liver.labels.shape, np.uint16)} if self._options.probabilities else {}
        return replace(
            liver,
            model=main,
            options=replace(self._options, postprocessing=self._steps(liver.model)),
            probabilities={**liver.probabilities, **without},
            choice=None,
            confidence=None,
            others=(),
        )

    def _others(self, found: Segmentation, liver: Segmentation | None) -> Iterator[OtherStructures]:
        known = "liver" in self._models.marks
        for model in self._models.also:
            if liver and is_same(model.description, liver.model):
                yield from self._of_liver_model
            elif known and not found.labels.any() and _looks_at_liver(model.description):
                self._begun += 1
                self._notes.append(f"No liver was found: “{model.description.name}” was not run.")
                yield OtherStructures(model.description, np.zeros_like(found.labels))
            else:
                box = self._box(model.description, found.labels if known else None)
                yield OtherStructures(model.description, self._structures(model, box))

    def _structures(self, model: Model, box: VoxelBox | None) -> NDArray[np.uint8]:
        """Labels of what is neither liver nor lesion."""
        out = NnUNetOutput(np.zeros(self._volume.voxels.shape, np.uint8), {}, None)
        precision = one_model._precision(model.description, self._options.precision)  # noqa: SLF001 the same rule
        placement, task = choose_device(self._device, precision), self._next(model)
        place, notes = label_volume(out, self._volume, model, placement, self._options, task, box)
        self._tell(model.description, str(place), tuple(notes))
        labels = out.labels
        labels[labels <= LESION_LABEL] = 0
        if self._inside is not None:
            labels[~self._inside] = 0
        return labels

    def _box(self, model: Description, liver: NDArray[np.uint8] | None) -> VoxelBox | None:
        """Where a model has to look; None for all of the CT."""
        margin = _margin_mm(model)
        if liver is not None and liver.any() and _looks_at_liver(model):
            return box_around(liver, self._volume, margin)
        return None if self._inside is None else box_around(self._inside, self._volume, margin)

    @property
    def _changes(self) -> Mapping[str, Any]:
        """Steps of the clean-up that were chosen otherwise than the main model has them."""
        own, wanted = self._models.model.description.postprocessing, self._options.postprocessing
        every = wanted.model_dump() if wanted else {}
        return {name: value for name, value in every.items() if value != getattr(own, name)}

    def _steps(self, liver: Description) -> Postprocessing:
        """Clean-up of lesions in the liver: what a model without a liver says about that is not asked."""
        steps = self._models.model.description.postprocessing
        if "liver" not in self._models.model.description.labels:
            of_liver = {each.name: getattr(liver.postprocessing, each.name) for each in OPTIONS if each.of_liver}
            steps = _changed(steps, of_liver | {"lesions_in_liver": True})
        steps = _changed(steps, self._changes)
        return steps if self._inside is None else _changed(steps, {"smallest_liver_ml": 0.0})


def _changed(steps: Postprocessing, changes: Mapping[str, Any]) -> Postprocessing:
    return steps.model_copy(update=dict(changes))


def _margin_mm(model: Description) -> float:
    around = model.nnunet.around if model.nnunet else None
    return LIVER_MARGIN_MM if around is None or around.liver_margin_mm is None else around.liver_margin_mm


def _looks_at_liver(model: Description) -> bool:
    """Whether all that it finds beside liver and lesions lies in the liver's box, or it says that it looks there."""
    around = model.nnunet.around if model.nnunet else None
    return (around is not None and around.liver_margin_mm is not None) or set(model.structures) <= _IN_LIVER


def _in_words(devices: Mapping[str, str]) -> str:
    """One device for all models, or that of each."""
    if len(set(devices.values())) == 1:
        return next(iter(devices.values()))
    return "; ".join(f"{name}: {device}" for name, device in devices.items())

"""Segmentation of a volume by a model: labels on the volume's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..core import gpus
from ..core.arithmetic import inference_arithmetic
from ..core.device import DevicePlacement, choose_device
from ..core.errors import UserError
from ..core.host_memory import reusing_freed_memory
from ..core.labels import LESION_LABEL
from ..core.progress import CancelToken, Job, Progress, job
from ..core.volume import Volume
from ..models.description import Description
from ..models.model_folder import Model
from ..postprocessing.candidates import FoundCandidates, SegmentedCT, find_candidates
from ..postprocessing.cleaning import clean_labels
from ..postprocessing.ct_likeness import describe_doubts, measure_ct
from ..postprocessing.lesion_choice import LesionChoice
from ..postprocessing.settings import Postprocessing
from . import slice_passes, sliding_window
from .label_assembly import LabelOutput, NotFinite
from .model_set import each_once, marks_of
from .nnunet.export import NnUNetOutput
from .nnunet.preprocessing import keeps_contrast
from .nnunet.segment import label_volume
from .predictor import Predictor, load_somewhere, widen
from .slice_cache import SliceCache


@dataclass(frozen=True)
class SegmentationOptions:
    """Choices of a segmentation.

    Args:
        coarse_pass: first find the liver on coarse slices, then segment its box alone.
        batch: slices a batch, or patches of a volume on a GPU, None for the device's usual number.
        postprocessing: clean-up, None for the model's own.
        precision: of weights and activations, see :func:`LiverTumorSegLib.core.device.choose_device`.
        probabilities: keep them beside the labels.
        candidates: keep the candidates for lesions, measured, although the model has no scores for them.
        nnunet: how a model that comes from nnU-Net is run: ``exact`` as nnU-Net itself does, in float16 sums, every
            tile, one at a time; ``fast`` sums in float32, in the device's own precision, and leaves out tiles that
            show nothing but air.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> volume, options = lts.read_volume("ct.nii.gz"), lts.SegmentationOptions(probabilities=True)
        >>> result = lts.segment(volume, model="tiny", device="cpu", options=options)
        >>> levels = result.segmentation.probabilities["lesion"]
        >>> levels.shape == volume.voxels.shape, levels.dtype
        (True, dtype('uint16'))
    """

    coarse_pass: bool = True
    batch: int | None = None
    postprocessing: Postprocessing | None = None
    precision: str = "auto"
    probabilities: bool = False
    candidates: bool = False
    nnunet: Literal["fast", "exact"] = "fast"


@dataclass(frozen=True)
class OtherStructures:
    """What a model found beside liver and lesions.

    Args:
        model: which.
        labels: uint8 ``[k, j, i]`` on the volume's grid: labels of :data:`LiverTumorSegLib.core.structures.STRUCTURES`,
            0 elsewhere.
    """

    model: Description
    labels: NDArray[np.uint8] = field(compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the structures that the model looks for, whether it found them or not."""
        return self.model.structures


@dataclass(frozen=True)
class Segmentation:
    """Labels of a volume, and how they were made.

    Args:
        labels: uint8 ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: what was segmented.
        model: by which model.
        device: where, and in which precision.
        options: how; the postprocessing is the one that ran.
        notes: fallbacks and doubts about the CT, a sentence each; what is doubtful about labels is told when they are
            measured, see :attr:`LiverTumorSegLib.reporting.lesions.LesionTable.warnings`.
        seconds: time taken.
        probabilities: where asked for, uint16 ``[k, j, i]`` by name of the label, in parts of
            :data:`LiverTumorSegLib.core.labels.FULL_PROBABILITY`: of the liver with its lesions, and of the lesions,
            before postprocessing; 0 outside the box that the coarse pass found.
        candidates: where asked for, candidates for lesions in the axial view.
        choice: the candidates with their probabilities, by which others can be chosen; None where the model has no
            scores for them.
        region: whether only a region was segmented.
        confidence: uint8 ``[k, j, i]``, how likely lesion is, in parts of
            :data:`LiverTumorSegLib.core.labels.FULL_CONFIDENCE`, 0 below 0.2; None where the model has no scores for
            lesions, or a region was segmented.
        others: what the models that took part found beside liver and lesions.
        liver_model: the one that the liver is of, where that is not the main one.
    """

    labels: NDArray[np.uint8]
    volume: Volume
    model: Description
    device: str
    options: SegmentationOptions
    notes: tuple[str, ...]
    seconds: float = field(compare=False)
    probabilities: Mapping[str, NDArray[np.uint16]] = field(default_factory=dict, compare=False)
    candidates: FoundCandidates | None = field(default=None, compare=False)
    choice: LesionChoice | None = field(default=None, compare=False)
    region: bool = False
    confidence: NDArray[np.uint8] | None = field(default=None, compare=False)
    others: tuple[OtherStructures, ...] = ()
    liver_model: Description | None = None

    @property
    def models(self) -> tuple[Description, ...]:
        """All models that took part, each once, the main one first."""
        every = (self.model, *([self.liver_model] if self.liver_model else []), *(each.model for each in self.others))
        return each_once(every)

    @property
    def marks(self) -> tuple[str, ...]:
        """What of background, liver and lesion the models mark."""
        return marks_of(self.model, self.liver_model)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Doubts about the CT and the way to the labels, a sentence each."""
        return (*self.volume.warnings, *self.notes)


@torch.inference_mode()
def segment(
    volume: Volume,
    model: Model,
    device: str = "auto",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    options: SegmentationOptions = SegmentationOptions(),
    box: tuple[slice, slice, slice] | None = None,
    liver: NDArray[np.uint8] | None = None,
) -> Segmentation:
    """Segment the liver and its lesions.

    Args:
        volume: CT in HU, in any orientation.
        model: from :func:`LiverTumorSegLib.models.model_folder.load`.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch.
        options: coarse pass, batch, postprocessing, precision, and whether probabilities are kept.
        box: of k, j and i, outside of which an nnU-Net looks at nothing; None for all of the CT.
        liver: labels ``[k, j, i]`` whose liver a model looks at that finds none itself, see
            :attr:`.Description.needs_liver`.

    Raises:
        UserError: the model is for clicks, finds neither liver nor lesions, or is not given the liver that it needs;
            the device is not there, or has too
            little memory for a single slice.
        Cancelled: ``cancel`` was used; answered within one batch.
    """
    _refuse_other_models(model.description, liver)
    began, task = perf_counter(), job(progress, cancel)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    names: Sequence[str] = model.description.labels[1:] if options.probabilities else ()
    probabilities = {name: np.zeros(volume.voxels.shape, np.uint16) for name in names}
    seen = volume.axial.of(labels)
    cleaning = model.description.cleaning(options.postprocessing)
    scores = model.description.lesion_scores
    confidence = np.zeros(seen.shape, np.uint8) if scores or options.candidates else None
    out = LabelOutput(seen, tuple(volume.axial.of(levels) for levels in probabilities.values()), confidence)
    placement = choose_device(device, _precision(model.description, options.precision))
    with reusing_freed_memory():
        if model.description.nnunet:
            back = volume.axial.back
            own = NnUNetOutput(labels, probabilities, None if confidence is None else back(confidence))
            place, found_out = label_volume(own, volume, model, placement, options, task.part(0, 0.95), box)
        else:
            run = _Run(volume, model, options, liver, task.part(0, 0.95))
            place, found_out = _label_volume(out, run, placement)
    others = _split(labels, model.description)
    task.at(0.95, "Cleaning up")
    clean_labels(seen, volume.voxel_ml, cleaning)
    task.cancel.check()
    found = None if confidence is None else _candidates(volume, seen, confidence, cleaning)
    choice = None
    if found and scores:
        choice = LesionChoice.of(found, volume, scores.probabilities(found.measures), scores.points)
        choice.choose(labels, cleaning.sensitivity)
    task.cancel.check()
    notes = (*found_out, *_doubts(model.description, seen, volume))
    task.at(1, "Done")
    return Segmentation(
        labels,
        volume,
        model.description,
        str(place),
        replace(options, postprocessing=cleaning),
        notes,
        perf_counter() - began,
        probabilities,
        found if options.candidates else None,
        choice,
        confidence=None if confidence is None else volume.axial.back(confidence),
        others=others,
    )


def _refuse_other_models(description: Description, liver: NDArray[np.uint8] | None) -> None:
    if description.needs_liver and liver is None:
        msg = (
            f"The model “{description.name}” looks closer at a liver that another one finds: join the two with "
            "livertumorseg models join, and choose what comes of it."
        )
        raise UserError(msg)
    if description.clicks is not None:
        msg = f"The model “{description.name}” segments one lesion per click and not a whole CT: choose another model."
        raise UserError(msg)
    if len(description.labels) == 1:
        msg = (
            f"The model “{description.name}” finds neither liver nor lesions: choose another model, and give this one "
            "with --also."
        )
        raise UserError(msg)


def _split(labels: NDArray[np.uint8], description: Description) -> tuple[OtherStructures, ...]:
    """Take what is neither liver nor lesion out of labels; nothing where a model does not look for any."""
    if not description.structures:
        return ()
    beside = labels > LESION_LABEL
    others = np.where(beside, labels, 0)
    labels[beside] = 0
    return (OtherStructures(description, others),)


def _candidates(
    volume: Volume, labels: NDArray[np.uint8], confidence: NDArray[np.uint8], cleaning: Postprocessing
) -> FoundCandidates:
    ct = SegmentedCT(volume.axial.of(volume.voxels), volume.axial.spacing, confidence, volume.voxel_ml)
    return find_candidates(labels, ct, cleaning.smallest_lesion_ml)


def _precision(description: Description, wanted: str) -> str:
    """Float32 where nothing else is asked for and the half as long types would round away what a wide window holds."""
    settings = description.nnunet
    fits = keeps_contrast(settings.normalisation) if settings else description.preprocessing.fits_8_bits
    return "float32" if wanted == "auto" and not fits else wanted


def _doubts(description: Description, labels: NDArray[np.uint8], volume: Volume) -> Iterator[str]:
    if measures := measure_ct(labels, volume.axial.of(volume.voxels), volume.axial.spacing):
        yield from describe_doubts(measures, description.seen_cts)


@dataclass(frozen=True)
class _Run:
    """What is segmented, by what and how."""

    volume: Volume
    model: Model
    options: SegmentationOptions
    liver: NDArray[np.uint8] | None
    task: Job


def _label_volume(out: LabelOutput, run: _Run, placement: DevicePlacement) -> tuple[DevicePlacement, list[str]]:
    """Label a volume, again in float32 where the precision may be why numbers are not finite; where, and what to note.

    Raises:
        NotFinite: they are not in float32 either, or the user chose the precision.
    """
    with inference_arithmetic(placement.device, placement.dtype):
        engine, store = load_somewhere(lambda place: _load(run, place), placement)
        try:
            _label(out, store, engine, run)
        except NotFinite:
            if not engine.placement.may_overflow:
                raise
        else:
            return engine.placement, engine.notes
    wide, why = widen(engine.placement)
    notes = [*engine.notes, why]
    del engine, store
    gpus.free_cached_memory()
    out.clear()
    place, more = _label_volume(out, run, wide)
    return place, notes + more


def _label(out: LabelOutput, store: SliceCache | None, engine: Predictor, run: _Run) -> None:
    description, axial = run.model.description, run.volume.axial
    if run.liver is not None:
        view = axial.of(run.volume.voxels)
        slice_passes.look_at_liver(out, axial.of(run.liver), view, axial.spacing, description, engine, run.task)
    elif store and description.patches:
        sliding_window.segment_in_patches(out, store, description.patches, engine, run.task)
    elif store:
        options = run.options
        slice_passes.label_slices(
            out,
            store,
            engine,
            run.model,
            run.task,
            coarse=options.coarse_pass,
            batch=options.batch,
            smallest_liver_ml=description.cleaning(options.postprocessing).smallest_liver_ml,
        )


def _load(run: _Run, placement: DevicePlacement) -> tuple[Predictor, SliceCache | None]:
    """The network and the slices on a device; no slices where only the liver's are looked at, which are known later."""
    description, axial = run.model.description, run.volume.axial
    engine = Predictor(run.model.network, placement, run.options.batch)
    if description.needs_liver:
        return engine, None
    store = SliceCache(axial.of(run.volume.voxels), axial.spacing, description, engine.placement)
    if not description.patches:
        engine.fit_batch(store.size)
    return engine, store

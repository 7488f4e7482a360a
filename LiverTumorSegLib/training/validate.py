"""Measure a trained model on the patients it never saw, and write the figures into its card."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from ..core.atomic_files import whole_file
from ..core.errors import UserError
from ..core.labels import LESION_LABEL
from ..core.progress import Progress
from ..datasets import sources as places
from ..datasets.slices import SliceSource
from ..datasets.sources import AnySource, Source
from ..datasets.volumes import VolumeSource
from ..evaluation.overlap import dice
from ..inference.segment import SegmentationOptions, segment
from ..models import model_folder
from ..models.description import Description, MeasuredAccuracy, PatientDice
from ..models.model_folder import Model
from .card import card_text, unseen_patients

_SOURCE: TypeAdapter[Source] = TypeAdapter(AnySource)
_PICTURES, _CTS = "the evenly spaced slices around the liver", "every slice of the CT"
_MEASURED_SLICES = {SliceSource: _PICTURES, VolumeSource: _CTS}


def validate(
    folder: Path, data: Path, *, device: str = "auto", command: str, progress: Progress | None = None
) -> MeasuredAccuracy:
    """Segment every validation patient of a model and store the figures in ``model.json`` and the card.

    Args:
        folder: model folder.
        data: folder that holds the data folders of the model's recipe.
        device: where to run.
        command: what to write beside the figures.
        progress: told after every patient.

    Raises:
        UserError: the model is not valid, kept no patients for it that no network of it saw, or a patient's slices are
            missing.
    """
    trained = model_folder.load(folder)
    names = unseen_patients(trained.description)
    if not names:
        msg = f"{folder} kept no patient for validation: name some in its recipe and train it again."
        raise UserError(msg)
    cases, sources = {}, {name: source_of(trained.description, data, name) for name in names}
    for number, (name, source) in enumerate(sources.items()):
        if progress:
            progress(number / len(names), name)
        cases[name] = measure_case(trained, source, data, name, device)
    before = trained.description.figures
    compared = before.compared if before else {}
    figures = MeasuredAccuracy(
        definition=define_measures(sources.values()), command=command, cases=cases, compared=compared
    )
    store_figures(folder, trained.description, figures)
    return figures


def define_measures(sources: Iterable[Source]) -> str:
    """A sentence on the measures taken, where the patients come from these sources."""
    measured = " or ".join(dict.fromkeys(_MEASURED_SLICES[type(source)] for source in sources))
    where = f"{measured}, by where a patient's data come from," if " or " in measured else f"{measured},"
    return (
        f"Dice in three dimensions, by patient, over {where} after postprocessing, on patients never trained on; "
        "liver: labels 1 and 2 together, lesion: label 2."
    )


def measure_case(
    trained: Model, source: Source, data: Path, name: str, device: str, options: SegmentationOptions | None = None
) -> PatientDice:
    """Segment one patient and compare what the model can find; one that needs a liver is shown the reference's."""
    volume, reference = places.read(source, data, name)
    liver = reference if trained.description.needs_liver else None
    labels = segment(volume, trained, device, options=options or SegmentationOptions(), liver=liver).labels
    finds = trained.description.labels
    has_lesion = bool((reference == LESION_LABEL).any())
    false_lesion = None
    if source.lesions_apart:
        false_lesion = 0.0 if has_lesion else float((labels == LESION_LABEL).sum()) * volume.voxel_ml
    return PatientDice(
        liver_dice=dice(labels > 0, reference > 0) if "liver" in finds else None,
        lesion_dice=dice(labels == LESION_LABEL, reference == LESION_LABEL)
        if has_lesion and "lesion" in finds
        else None,
        false_lesion_ml=false_lesion,
    )


def store_figures(folder: Path, description: Description, figures: MeasuredAccuracy | None) -> None:
    """Write figures into a model folder's description and card."""
    updated = description.model_copy(update={"figures": figures})
    with whole_file(folder / model_folder.DESCRIPTION, overwrite=True) as unfinished:
        unfinished.write_text(updated.model_dump_json(indent=2) + "\n", encoding="utf-8")
    with whole_file(folder / model_folder.CARD, overwrite=True) as unfinished:
        unfinished.write_text(card_text(updated), encoding="utf-8")


def source_of(description: Description, data: Path, name: str) -> Source:
    """Find which of the data folders that a model was trained from holds a patient.

    Raises:
        UserError: none does.
    """
    sources = [_SOURCE.validate_python(entry) for entry in description.training.recipe.get("data", [])]
    return places.source_of(sources, data, name)

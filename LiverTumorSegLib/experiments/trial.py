"""A trial: one training with the patients that its model is measured on, and each patient's result.

``FOLDER/model`` is the model, ``FOLDER/model-log`` its log, and ``FOLDER/patients.json`` says what the trial is and
holds the patients that are measured. What is there is not done again: a trial that was ended at any moment goes on.
Clean-up and the way patients are segmented are no part of training: where they alone have changed, the model stays and
is measured again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..core.errors import UserError
from ..core.labels import FULL_PROBABILITY
from ..core.progress import Job
from ..core.schema import StrictModel
from ..datasets import sources
from ..datasets.automatic_maps import read_levels
from ..datasets.sources import Source
from ..evaluation import case
from ..evaluation.case import EvaluationSettings
from ..evaluation.label_pair import LESION_NAME, LIVER_NAME, LabelPair, structure_mask
from ..evaluation.lesion_detection import Detections
from ..evaluation.probabilities import histogram, measure_curves
from ..inference.segment import Segmentation, SegmentationOptions, segment
from ..models import model_folder
from ..models.model_folder import Model
from ..training.earlier_recipes import completed
from ..training.patients import split_patients
from ..training.recipe import Recipe
from ..training.validate import store_figures
from .click_measures import LesionClicks, click_into_lesions
from .record import MODEL_FOLDER, TrialRecord, begin_trial, new_record, train
from .run_options import RunOptions

if TYPE_CHECKING:
    from typing_extensions import Self

Measures = dict[str, float | None]
"""By key of :data:`LiverTumorSegLib.evaluation.case.MEASURES`; None where not defined."""


class Measuring(StrictModel):
    """The way in which patients are segmented to be measured; by default as users do.

    Args:
        coarse_pass: whether the liver is looked for on coarse slices first, and its box alone segmented.
        curves: structures whose probabilities are measured too, of the same segmentation as the labels.
    """

    coarse_pass: bool = True
    curves: tuple[str, ...] = ()

    @property
    def options(self) -> SegmentationOptions:
        """The same to whoever segments."""
        return SegmentationOptions(coarse_pass=self.coarse_pass, probabilities=bool(self.curves))


AS_USERS = Measuring()


class PatientResult(StrictModel):
    """One patient's figures, by the definitions of ``livertumorseg evaluate`` and its rule of LiTS for empty masks.

    Args:
        name: of the patient in the data.
        reference: checksum of the labels that it was measured against.
        liver: of labels 1 and 2 together; None where the model does not find the liver.
        lesion: of label 2; None where the model does not find lesions, or the labels join them to the liver.
        detection: lesions found, missed and false at an IoU above 0.5; None where ``lesion`` is.
        touched: the same at any overlap.
        confusion: voxels ``[reference, prediction]`` by label.
        seconds: taken to segment it.
        device: where, and in which precision.
        auc: area under the ROC curve of the voxels, by structure, where it was asked for; None where the reference
            shows nothing of the structure.
        clicks: of a model for clicks, each lesion by the number of clicks; the other measures then are of the labels
            that one exact click into each lesion makes.
    """

    name: str
    reference: str
    liver: Measures | None
    lesion: Measures | None
    detection: Detections | None
    touched: Detections | None
    confusion: tuple[tuple[int, ...], ...]
    seconds: float
    device: str
    auc: dict[str, float | None] = Field(default_factory=dict)
    clicks: tuple[LesionClicks, ...] = ()

    @property
    def liver_dice(self) -> float | None:
        """None where the reference has no liver: there is nothing to agree with."""
        return _of_marked(self.liver, "dice")

    @property
    def liver_assd_mm(self) -> float | None:
        """None where nothing was found, too."""
        return _of_marked(self.liver, "assd_mm")

    @property
    def lesion_dice(self) -> float | None:
        """None where the reference has no lesion, of which a Dice would say 0 or 1 whatever its size."""
        return _of_marked(self.lesion, "dice")

    @property
    def lesion_assd_mm(self) -> float | None:
        """None where nothing was found, too."""
        return _of_marked(self.lesion, "assd_mm")

    @property
    def false_lesion_ml(self) -> float | None:
        """Volume of the lesions found where the reference has none; None where it has some."""
        return None if self.lesion is None or self.lesion["reference_ml"] else self.lesion["prediction_ml"]


def measure_patient(
    trained: Model,
    source: Source,
    data: Path,
    name: str,
    *,
    measuring: Measuring = AS_USERS,
    automatic: Path | None = None,
    device: str = "auto",
    job: Job | None = None,
) -> PatientResult:
    """Segment a patient once, with the model's own clean-up, and compare labels and probabilities with the reference.

    A model that looks closer at a liver is shown where the reference's is.

    Args:
        trained: from :func:`LiverTumorSegLib.models.model_folder.load`.
        source: of the patient.
        data: folder that holds the source's.
        name: of the patient.
        measuring: how it is segmented, and what is measured beside the labels.
        automatic: folder of another model's probabilities, which a model for clicks is shown in a second turn.
        device: where to run.
        job: told of every batch.

    Raises:
        UserError: the patient cannot be read, or the device is not there.
        Cancelled: the user asked to stop.
    """
    task, settings = job or Job(), EvaluationSettings()
    volume, reference = sources.read(source, data, name)
    began = perf_counter()
    clicked = None
    if trained.description.clicks is not None:
        levels = read_levels(automatic, name, reference.shape) if automatic else None
        clicked = click_into_lesions(volume, reference, trained, device, task, levels)
    liver = reference if trained.description.needs_liver else None
    done = clicked or segment(volume, trained, device, task.at, task.cancel, options=measuring.options, liver=liver)
    seconds, axial = perf_counter() - began, volume.axial
    pair = LabelPair(axial.of(done.labels), axial.of(reference), axial.affine(volume.affine, reference.shape))
    measured = case.measure_pair(pair, settings, name)
    finds = trained.description.labels
    of_lesions = "lesion" in finds and source.lesions_apart
    counts = measured.detection.to_dict()
    return PatientResult(
        name=name,
        reference=measured.reference,
        liver=measured.measures(LIVER_NAME, settings) if "liver" in finds else None,
        lesion=measured.measures(LESION_NAME, settings) if of_lesions else None,
        detection=counts["above"] if of_lesions else None,
        touched=counts["any"] if of_lesions else None,
        confusion=measured.confusion.tolist(),
        seconds=seconds,
        device=done.device,
        auc=_areas(done, reference, measuring.curves) if isinstance(done, Segmentation) else {},
        clicks=clicked.lesions if clicked else (),
    )


def _areas(done: Segmentation, reference: NDArray[np.uint8], curves: Sequence[str]) -> dict[str, float | None]:
    return {structure: _auc(done, reference, structure) for structure in curves}


def _auc(done: Segmentation, reference: NDArray[np.uint8], structure: str) -> float | None:
    """Area under the ROC curve of all voxels of a volume."""
    likely = done.probabilities[structure] / np.float32(FULL_PROBABILITY)
    area: float | None = measure_curves(histogram(structure_mask(reference, structure), likely))["auc"]
    return area


def _of_marked(measures: Measures | None, key: str) -> float | None:
    """A measure of what the reference marks; None where it marks nothing."""
    return measures[key] if measures and measures["reference_ml"] else None


_OF_TRAINING = 0.85
_CLEAN_UP = "postprocessing"


class PatientsRecord(TrialRecord):
    """The content of ``patients.json``.

    Args:
        patients: who is measured, by name.
        measuring: how; records of before there was a choice hold what users would get.
    """

    FILE: ClassVar[str] = "patients.json"
    INDENT: ClassVar[int | None] = 1

    patients: dict[str, PatientResult] = Field(default_factory=dict)
    measuring: Measuring = AS_USERS

    def adapted(self, wanted: Self) -> Self:
        """Without patients, and with the clean-up and the way of measuring wanted, where these are others."""
        recipe, steps = completed(self.recipe), wanted.recipe[_CLEAN_UP]
        if recipe.get(_CLEAN_UP) == steps and self.measuring == wanted.measuring:
            return self
        changed = {"recipe": {**recipe, _CLEAN_UP: steps}, "patients": {}, "measuring": wanted.measuring}
        return self.model_copy(update=changed)


def run_trial(
    recipe: Recipe,
    data: Path,
    folder: Path,
    options: RunOptions,
    *,
    measured: Sequence[str] | None = None,
    measuring: Measuring = AS_USERS,
) -> tuple[PatientResult, ...]:
    """Train a recipe and measure its model on patients that it was not trained on; what is done is not done again.

    Args:
        recipe: how to train; its validation or split says who is held out.
        data: folder that holds the recipe's data folders, and its split's file.
        folder: of the trial.
        options: where to run, and whom to tell.
        measured: who of the held-out patients is measured; None for the recipe's test patients, or where it has none,
            for those of the validation.
        measuring: how they are segmented; where that was another way, they are measured again.

    Returns:
        The patients in the order asked for.

    Raises:
        UserError: nobody is held out, somebody asked for is trained on or not in the data, the folder holds the trial
            of another recipe or other data, or as :func:`LiverTumorSegLib.training.fit.fit` and
            :func:`measure_patient`.
        Cancelled: the user asked to stop; what is done stays.
    """
    names = _names(recipe, data, measured)
    wanted = new_record(PatientsRecord, recipe, data, measuring=measuring)
    record = begin_trial(wanted, folder, overwrite=options.overwrite)
    missing = [name for name in names if name not in record.patients]
    if missing:
        train(recipe, data, folder, options.part(0, _OF_TRAINING))
        record = _measure(missing, record, recipe, data, folder, options.part(_OF_TRAINING, 1))
    return tuple(record.patients[name] for name in names)


def _names(recipe: Recipe, data: Path, measured: Sequence[str] | None) -> tuple[str, ...]:
    known = [name for source in recipe.data for name in sources.files(source, data)]
    parts = split_patients(recipe, data, known)
    names = (recipe.test or parts.validation) if measured is None else tuple(measured)
    if not names:
        msg = "The recipe holds nobody out to be measured: name patients in its validation, or a split."
        raise UserError(msg)
    _refuse(set(names) - set(known), "not in the data")
    _refuse(set(names) & set(parts.train), "trained on")
    return names


def _refuse(names: Collection[str], why: str) -> None:
    if names:
        msg = f"{', '.join(sorted(names))} cannot be measured, being {why}: name other patients."
        raise UserError(msg)


def _measure(
    names: Sequence[str], record: PatientsRecord, recipe: Recipe, data: Path, folder: Path, options: RunOptions
) -> PatientsRecord:
    """Measure patients, each on disk before the next is begun."""
    _clean_up_as(recipe, folder / MODEL_FOLDER)
    trained = model_folder.load(folder / MODEL_FOLDER)
    maps = recipe.click_sampling.automatic
    for number, name in enumerate(names):
        part = options.job.part(number / len(names), (number + 1) / len(names))
        part.at(0, f"Measuring {name}")
        source = sources.source_of(recipe.data, data, name)
        result = measure_patient(
            trained,
            source,
            data,
            name,
            measuring=record.measuring,
            automatic=data / maps if maps else None,
            device=options.device,
            job=part,
        )
        record = record.model_copy(update={"patients": record.patients | {name: result}})
        record.write(folder)
    return record


def _clean_up_as(recipe: Recipe, folder: Path) -> None:
    """Have a model clean up as a recipe says; its figures, measured otherwise, go."""
    described = model_folder.read_description(folder)
    if described.postprocessing == recipe.postprocessing:
        return
    stated = {**described.training.recipe, _CLEAN_UP: recipe.postprocessing.model_dump(mode="json")}
    training = described.training.model_copy(update={"recipe": stated})
    changed = {_CLEAN_UP: recipe.postprocessing, "training": training}
    store_figures(folder, described.model_copy(update=changed), None)

"""A trial: one training with the patients that its model is measured on.

``FOLDER/model`` is the model, ``FOLDER/model-log`` its log, and ``FOLDER/patients.json`` says what the trial is and
holds the patients that are measured. What is there is not done again: a trial that was ended at any moment goes on.
Clean-up is no part of training: where it alone has changed, the model stays and is measured again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from .. import model
from ..datasets import sources
from ..errors import UserError
from ..training.patients import parting
from ..training.recipe import Recipe, completed
from ..training.validate import store
from .patient_result import PatientResult, measure_patient
from .record import MODEL, Record, begun, record_of, train
from .run_options import RunOptions

if TYPE_CHECKING:
    from typing_extensions import Self

_OF_TRAINING = 0.85
_CLEAN_UP = "postprocessing"


class PatientsRecord(Record):
    """What ``patients.json`` holds.

    Args:
        patients: who is measured, by name.
    """

    FILE: ClassVar[str] = "patients.json"
    INDENT: ClassVar[int | None] = 1

    patients: dict[str, PatientResult] = Field(default_factory=dict)

    def adapted(self, wanted: Self) -> Self:
        """Without patients, and with the clean-up wanted, where that is another."""
        recipe, steps = completed(self.recipe), wanted.recipe[_CLEAN_UP]
        if recipe.get(_CLEAN_UP) == steps:
            return self
        return self.model_copy(update={"recipe": {**recipe, _CLEAN_UP: steps}, "patients": {}})


def run_trial(
    recipe: Recipe,
    data: Path,
    folder: Path,
    options: RunOptions,
    *,
    measured: Sequence[str] | None = None,
) -> tuple[PatientResult, ...]:
    """Train a recipe and measure its model on patients that it was not trained on; what is done is not done again.

    Args:
        recipe: how to train; its validation or split says who is held out.
        data: folder that holds the recipe's data folders, and its split's file.
        folder: of the trial.
        options: where to run, and whom to tell.
        measured: who of the held-out patients is measured; None for those of the validation.

    Returns:
        The patients in the order asked for.

    Raises:
        UserError: nobody is held out, somebody asked for is trained on or not in the data, the folder holds the trial
            of another recipe or other data, or as :func:`LiverTumorSegLib.training.fit.fit` and
            :func:`.patient_result.measure_patient`.
        Cancelled: the user asked to stop; what is done stays.
    """
    names = _names(recipe, data, measured)
    record = begun(record_of(PatientsRecord, recipe, data), folder, overwrite=options.overwrite)
    missing = [name for name in names if name not in record.patients]
    if missing:
        train(recipe, data, folder, options.part(0, _OF_TRAINING))
        record = _measure(missing, record, recipe, data, folder, options.part(_OF_TRAINING, 1))
    return tuple(record.patients[name] for name in names)


def _names(recipe: Recipe, data: Path, measured: Sequence[str] | None) -> tuple[str, ...]:
    known = [name for source in recipe.data for name in sources.files(source, data)]
    parts = parting(recipe, data, known)
    names = parts.validation if measured is None else tuple(measured)
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
    _clean_up_as(recipe, folder / MODEL)
    trained = model.load(folder / MODEL)
    for number, name in enumerate(names):
        part = options.job.part(number / len(names), (number + 1) / len(names))
        part.at(0, f"Measuring {name}")
        source = sources.source_of(recipe.data, data, name)
        result = measure_patient(trained, source, data, name, device=options.device, job=part)
        record = record.model_copy(update={"patients": record.patients | {name: result}})
        record.write(folder)
    return record


def _clean_up_as(recipe: Recipe, folder: Path) -> None:
    """Have a model clean up as a recipe says; its figures, measured otherwise, go."""
    described = model.describe(folder)
    if described.postprocessing == recipe.postprocessing:
        return
    stated = {**described.training.recipe, _CLEAN_UP: recipe.postprocessing.model_dump(mode="json")}
    training = described.training.model_copy(update={"recipe": stated})
    changed = {_CLEAN_UP: recipe.postprocessing, "training": training}
    store(folder, described.model_copy(update=changed), None)

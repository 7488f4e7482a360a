"""Pictures of a row's first model: the held-out slices or patients that it does best, middling and worst on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from pydantic import ValidationError

from ...core.atomic_files import whole_file
from ...core.device import choose_device
from ...core.schema import StrictModel
from ...datasets import sources
from ...datasets.slices import Patient
from ...evaluation.label_pair import LabelPair, structure_mask
from ...evaluation.panels import side_by_side
from ...inference.segment import SegmentationOptions, segment
from ...models import model_folder
from ...reporting import figures
from ...training import patients
from ...training.figures import draw_examples
from ...training.recipe import Recipe
from ...training.recipe_options import Callbacks, ConstantRate
from ...training.scoring import SliceScorer
from ...training.slice_sampling import slices_showing
from ..record import MODEL_FOLDER, read_record
from ..run_options import RunOptions
from ..trial import Measuring, PatientsRecord
from .data import DataSet
from .results import Example, Trial
from .slice_metrics import SliceRecord, SliceScore, with_held_out
from .systems import Metric, Protocol

FOLDER, _NOTE = "examples", "examples.json"
KINDS: tuple[Literal["best", "median", "worst"], ...] = ("best", "median", "worst")
_JPEG = {"quality": 72, "subsampling": 0}

Place = TypeVar("Place")


class _Drawn(StrictModel):
    """What was drawn of which weights, so that it is not drawn again."""

    weights: str = ""
    examples: tuple[Example, ...] = ()


def draw_row(
    trial: Trial, metrics: Sequence[Metric], how: Protocol, data: DataSet, folder: Path, options: RunOptions
) -> tuple[Example, ...]:
    """Draw the examples of a row into its folder, ``FOLDER/examples/best.jpg`` and so on.

    Args:
        trial: its first, which is done.
        metrics: of the table; lesions are looked at where one is of lesions, and the row's models find them.
        how: its protocol.
        data: as it was trained from them.
        folder: of the reproduction; pictures go beside the trial within.
        options: where to run.

    Returns:
        What was drawn; nothing where no reference shows the structure.

    Raises:
        UserError: a patient cannot be read, or the folder cannot be written to.
        Cancelled: the user asked to stop.
    """
    structure: Literal["liver", "lesion"]
    lesions = any(metric.structure == "lesion" for metric in metrics) and "lesion" in trial.recipe.labels
    structure = "lesion" if lesions else "liver"
    by_slice = how.measured_on == "slices"
    draw = _slice_pictures if by_slice else _volume_pictures
    place = trial.folder.parent / f"{trial.folder.name}-{FOLDER}"
    place.mkdir(parents=True, exist_ok=True)
    weights = model_folder.read_description(trial.folder / MODEL_FOLDER).weights.sha256
    known = _read_drawn(place)
    if known.weights == weights and all((folder / one.picture).is_file() for one in known.examples):
        return known.examples
    made = []
    for kind, dice, of, picture in draw(trial, structure, how, data, options):
        path = place / f"{kind}.jpg"
        with whole_file(path, overwrite=True) as unfinished:
            figures.write_picture(unfinished, picture.convert("RGB"), "JPEG", **_JPEG)
        made.append(
            Example(
                kind=kind,
                structure=structure,
                dice=round(dice, 4),
                of=of,
                unit="slices" if by_slice else "patients",
                picture=path.relative_to(folder).as_posix(),
            )
        )
    drawn = _Drawn(weights=weights, examples=tuple(made))
    with whole_file(place / _NOTE, overwrite=True) as unfinished:
        unfinished.write_text(drawn.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return drawn.examples


def _read_drawn(place: Path) -> _Drawn:
    try:
        return _Drawn.model_validate_json((place / _NOTE).read_bytes())
    except (OSError, ValidationError):
        return _Drawn()


def chosen(
    ranked: Sequence[tuple[float, int, Place]],
) -> Iterator[tuple[Literal["best", "median", "worst"], float, Place]]:
    """The best, the median and the worst by Dice; fewer where there are fewer.

    Args:
        ranked: Dice, size of the reference and what it is of; of those with an equal Dice the larger counts as worse.
    """
    order = sorted(ranked, key=lambda one: (-one[0], one[1]))
    places = dict.fromkeys((0, len(order) // 2, len(order) - 1)) if order else {}
    kinds = KINDS if len(places) == len(KINDS) else (KINDS[0], KINDS[-1])
    for kind, at in zip(kinds, places, strict=False):
        yield kind, order[at][0], order[at][2]


def _slice_pictures(
    trial: Trial, structure: str, how: Protocol, data: DataSet, options: RunOptions
) -> Iterator[tuple[Literal["best", "median", "worst"], float, int, Image.Image]]:
    record = read_record(SliceRecord, trial.folder)
    scores = record.scores.get(structure) if record and record.scores else None
    if scores is None:
        return
    recipe = with_held_out(trial.recipe)
    found = patients.read(recipe, data.root, options.cache, say=lambda _: None, job=options.job).validation
    places = [(patient, int(at)) for patient in found for at in slices_showing(patient, how.shown)]
    if len(places) != len(scores.slices):
        return
    ranked = [
        (_dice(score), score.tp + score.fn, place)
        for score, place in zip(scores.slices, places, strict=True)
        if score.tp + score.fn
    ]
    scorer = _scorer(recipe, found)
    trained = model_folder.load(trial.folder / MODEL_FOLDER)
    place = torch.device("cpu") if options.device == "auto" else choose_device(options.device).device
    engine = scorer.engine(trained.network, place)
    for kind, dice, (patient, at) in chosen(ranked):
        options.job.at(1, f"Drawing a slice of {patient.name}")
        picture = draw_examples([(patient, at, scorer.predict(engine, patient, at))])
        yield kind, dice, len(ranked), picture


def _dice(score: SliceScore) -> float:
    return score.counts.dice or 0.0


def _scorer(recipe: Recipe, found: Sequence[Patient]) -> SliceScorer:
    """What predicts slices, without anything that judges by what they may not show."""
    schedule = recipe.schedule.model_copy(update={"policy": ConstantRate()})
    plain = recipe.model_copy(update={"schedule": schedule, "callbacks": Callbacks()})
    return SliceScorer(plain, found, lambda logits, *_: logits.mean())


def _volume_pictures(
    trial: Trial, structure: str, _how: Protocol, data: DataSet, options: RunOptions
) -> Iterator[tuple[Literal["best", "median", "worst"], float, int, Image.Image]]:
    record = read_record(PatientsRecord, trial.folder)
    ranked = []
    measuring = record.measuring if record else Measuring()
    as_measured = SegmentationOptions(coarse_pass=measuring.coarse_pass)
    for name, result in record.patients.items() if record else ():
        measures: Mapping[str, Any] = (result.liver if structure == "liver" else result.lesion) or {}
        if measures.get("reference_ml"):
            ranked.append((measures["dice"] or 0.0, round(measures["reference_ml"]), name))
    trained = model_folder.load(trial.folder / MODEL_FOLDER)
    for kind, dice, name in chosen(ranked):
        options.job.at(1, f"Drawing {name}")
        volume, reference = sources.read(sources.source_of(trial.recipe.data, data.root, name), data.root, name)
        done = segment(volume, trained, options.device, cancel=options.job.cancel, options=as_measured)
        axial = volume.axial
        pair = LabelPair(axial.of(done.labels), axial.of(reference), axial.affine(volume.affine, reference.shape))
        shown = structure_mask(pair.reference, structure)
        at = int(np.count_nonzero(shown, axis=(1, 2)).argmax())
        yield kind, dice, len(ranked), side_by_side(pair, axial.of(volume.voxels), at, structure)

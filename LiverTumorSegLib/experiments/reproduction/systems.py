"""Published systems: their figures, how they were trained, and their recipes for the user's data."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from ...core.ct_quality import DamageTreatment
from ...core.errors import UserError
from ...core.schema import StrictModel
from ...datasets import splits
from ...datasets.sources import Source
from ...datasets.splits import Round, Split
from ...postprocessing.settings import NO_CLEAN_UP
from ...training.recipe import Recipe, replace_entry
from . import sizes
from .sizes import SizeName

RECIPES = Path(__file__).parent / "recipes"

ProtocolName = Literal["published", "slices", "sound"]
PROTOCOLS: tuple[ProtocolName, ...] = ("published", "slices", "sound")
ShownSlices = Literal["all", "liver", "lesion"]


class Metric(StrictModel):
    """A measure of a published table.

    Args:
        name: as the paper calls it.
        structure: what it is of; None for what is of the whole network.
        percent: whether the paper gives percent.
        slices: what it is on slices, a key of :data:`.slice_scores.MEASURES`.
        volumes: what it is on volumes, a key of :data:`LiverTumorSegLib.evaluation.case.MEASURES`, ``auc``, or
            ``validation_loss``, the last that training has measured; None for what slices alone have.
    """

    name: str
    structure: Literal["liver", "lesion"] | None = None
    percent: bool = False
    slices: str | None = None
    volumes: str | None = None

    @property
    def title(self) -> str:
        """In a table."""
        words = f"{self.structure} {self.name}" if self.structure else self.name
        return f"{words}{', %' if self.percent else ''}"


class Protocol(StrictModel):
    """Patients that are held out and the measures taken on them.

    Args:
        drawn: whether slices of all patients are drawn to be held out, or patients with all of theirs.
        held_out: share of them.
        folds: in place of a share, all of them in turn.
        stratified: whether patients are drawn so that each part has its share of tumour.
        validation: share of the slices or patients, of those that are not held out, that training validates on and does
            not learn from; None where it validates on what is held out, or on nothing.
        measured_on: single slices, preprocessed as they are, or whole CTs on their own voxels, each by itself.
        shown: which slices are measured.
        exported: whether slices go through JPG and PNG files, as ``livertumorseg export-slices`` writes them.
        why: reason for a protocol beside the published and the sound one.
    """

    drawn: Literal["slices", "patients"]
    held_out: float | None = Field(None, gt=0, lt=1)
    folds: int | None = Field(None, ge=2)
    stratified: bool = False
    validation: float | None = Field(None, gt=0, lt=1)
    measured_on: Literal["slices", "volumes"]
    shown: ShownSlices = "all"
    exported: bool = False
    why: str = ""


def folder_of(name: str) -> str:
    """A row's name as a folder's."""
    return name.lower().replace(",", "").replace(" ", "-")


class PublishedRow(StrictModel):
    """A row of a published table.

    Args:
        name: of the network, as the paper calls it.
        figures: by metric, in their order, None for one that the paper does not give; nothing where it gives none.
        epochs: how often every training slice, or volume, is seen.
        samples_a_patient: patches of a volume and epoch, for networks on volumes.
        validate_epochs: epochs from one validation to the next, 0 for none.
        trained_as: an earlier row whose models it has, since it differs only in what is done with their output.
        recipe: what differs from the system's.
    """

    name: str
    figures: tuple[float | None, ...] = ()
    epochs: int = Field(gt=0)
    samples_a_patient: int = Field(0, ge=0)
    validate_epochs: int = Field(0, ge=0)
    trained_as: str = ""
    recipe: dict[str, Any]

    @property
    def folder(self) -> str:
        """Its name as a folder's."""
        return folder_of(self.name)

    @property
    def from_random(self) -> PublishedRow:
        """The same from random weights, which its name says, and that of the row whose models it has."""
        named = {"name": self.name} | ({"trained_as": self.trained_as} if self.trained_as else {})
        return self.model_copy(update={key: f"{name}, from random weights" for key, name in named.items()})


class System(StrictModel):
    """A published system.

    Args:
        title: in a line.
        source: the paper and where its figures are.
        data: what it was trained and tested on.
        protocols: the paper's, as far as it says, and a sound one; and what else its figures may be of.
        metrics: of the table.
        rows: of the table.
        every: every how many slices of a CT one is kept.
        damaged: what is done about damaged slices of CTs.
        recipe: what all rows share; without a ``postprocessing`` nothing is cleaned up.
        remarks: what has to be known of the published figures; whole sentences.
        chosen: what the paper does not give, with the reason.
        undefined: what its figures leave undefined.
    """

    title: str
    source: str
    data: str
    protocols: dict[ProtocolName, Protocol]
    metrics: tuple[Metric, ...]
    rows: tuple[PublishedRow, ...]
    every: int = Field(1, ge=1)
    damaged: DamageTreatment = DamageTreatment.AS_IS
    recipe: dict[str, Any]
    remarks: tuple[str, ...] = ()
    chosen: dict[str, str]
    undefined: tuple[str, ...]

    @model_validator(mode="after")
    def _rows_fit(self) -> System:
        if any(row.figures and len(row.figures) != len(self.metrics) for row in self.rows):
            msg = f"a row has other than {len(self.metrics)} figures"
            raise ValueError(msg)
        return self

    @property
    def from_weights(self) -> tuple[str, ...]:
        """Networks of the rows that start from an encoder's weights."""
        recipes = [self.recipe | row.recipe for row in self.rows]
        return tuple(dict.fromkeys(each["network"]["name"] for each in recipes if each.get("encoder_weights")))

    def network_of(self, row: PublishedRow) -> str:
        """Name of a row's network."""
        name: str = (self.recipe | row.recipe)["network"]["name"]
        return name

    def encoder_weights(self, row: PublishedRow) -> str | None:
        """What the encoder of a row starts from in the paper, None for random weights."""
        return (self.recipe | row.recipe).get("encoder_weights")

    def protocol(self, name: ProtocolName) -> Protocol:
        """The protocol of this name.

        Raises:
            UserError: the system has none.
        """
        if name not in self.protocols:
            msg = f"There is no protocol “{name}” of {self.title}: choose one of {', '.join(self.protocols)}."
            raise UserError(msg)
        return self.protocols[name]

    def only(self, names: Sequence[str]) -> System:
        """The same with some rows alone, in their order; all of them where none is named.

        Raises:
            UserError: it has no row of a name.
        """
        known = {row.name.lower(): row for row in self.rows}
        for name in names:
            if name.lower() not in known:
                there = ", ".join(row.name for row in self.rows)
                msg = f"There is no row “{name}”: choose of {there}, with commas between them."
                raise UserError(msg)
        chosen = {name.lower() for name in names} or set(known)
        return self.model_copy(update={"rows": tuple(row for key, row in known.items() if key in chosen)})

    def published(self, row: PublishedRow) -> dict[Metric, float | None]:
        """A row's figures as the paper gives them."""
        return dict(zip(self.metrics, row.figures or [None] * len(self.metrics), strict=True))


def names() -> list[str]:
    """The systems that :func:`load` knows."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load(name: str) -> System:
    """All that is known of a published system.

    Raises:
        UserError: there is none of this name.
    """
    if name not in names():
        msg = f"There is no published system “{name}”: choose one of {', '.join(names())}."
        raise UserError(msg)
    return System.model_validate(yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8")))


_LICENCE = {"name": "that of the data", "terms": "the weights were trained on the data named above, whose terms hold."}


def recipe_of_row(
    system: System,
    row: PublishedRow,
    data: Sequence[Source],
    weights: Mapping[str, str],
    *,
    size: SizeName,
    split: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
) -> Recipe:
    """A row's recipe, its steps still to be counted where it is as published.

    Args:
        system: whose row.
        row: which.
        data: of the user.
        weights: what encoders start from, by network; the others start from random weights.
        size: that it is made of.
        split: the recipe's ``split``, or its ``patients`` and ``validation``.
        changes: values of the user by dotted key, in place of the recipe's own.

    Raises:
        UserError: a key of the changes is none of a recipe.
        ValidationError: the recipe and the user's data do not fit together.
    """
    recipe = system.recipe | row.recipe
    encoder = weights.get(recipe["network"]["name"]) if recipe.get("encoder_weights") else None
    recipe |= {"title": f"{row.name} ({system.title})", "licence": _LICENCE, **split}
    recipe["data"] = [one.model_dump() for one in data]
    recipe["encoder_weights"] = encoder
    recipe.setdefault("postprocessing", NO_CLEAN_UP.model_dump(mode="json"))
    recipe["schedule"] = {"steps": 1, "validate_every": min(1, row.validate_epochs)} | recipe["schedule"]
    content = copy.deepcopy(sizes.shrink(recipe, size, narrow=encoder is None))
    for key, value in (changes or {}).items():
        replace_entry(content, key, value)
    return Recipe.model_validate(content)


def with_steps(recipe: Recipe, row: PublishedRow, samples: int, epochs: int | None = None) -> Recipe:
    """A recipe with the steps of a row's epochs, and of those between validations.

    Args:
        recipe: which.
        row: its row.
        samples: slices, or patients where patches are cut from volumes.
        epochs: in place of the row's.
    """
    epoch, batch = samples * (row.samples_a_patient or 1), recipe.schedule.batch
    counted = {"steps": ceil((epochs or row.epochs) * epoch / batch)}
    if row.validate_epochs:
        counted["validate_every"] = ceil(row.validate_epochs * epoch / batch)
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update=counted)})


def draw_split(
    protocol: Protocol, loads: Mapping[str, float], persons: list[tuple[str, str]], *, seed: int, size: SizeName
) -> Split:
    """Patients that are trained on and that are measured, where patients are held out.

    Args:
        protocol: how patients are drawn.
        loads: tumour load of each in ml.
        persons: pairs of names that are one person; these stay together where the protocol is stratified.
        seed: of the draw.
        size: which may ask for fewer folds, or for more patients that are held out.

    Raises:
        UserError: there are too few patients.
    """
    known = loads if protocol.stratified else dict.fromkeys(loads, 0.0)
    groups = persons if protocol.stratified else ()
    folds = sizes.fold_count(protocol.folds, size)
    if folds:
        return splits.draw(known, folds=folds, seed=seed, groups=groups)
    share = sizes.held_out_share(protocol.held_out, size, len(loads))
    if protocol.validation is None:
        return splits.draw(known, validation=share, seed=seed, groups=groups)
    return splits.draw(known, validation=protocol.validation, test=share or 0.0, seed=seed, groups=groups)


def split_of_round(protocol: Protocol, patients: Round, seed: int) -> dict[str, Any]:
    """The entries of a recipe for one round that say who is held out.

    Args:
        protocol: how. Where it has a share for validation, that is never of what is measured: it is drawn with the
            split, or from the patients of the other folds.
        patients: of the round; its test patients are measured where there are any, else those of its validation.
        seed: of what is drawn here.
    """
    used = [*patients.train, *patients.validation, *patients.test]
    if protocol.drawn == "slices":
        shares = {"slices": protocol.held_out} | ({"validation": protocol.validation} if protocol.validation else {})
        return {"patients": used, "split": {**shares, "seed": seed}}
    if protocol.validation is None or patients.test:
        kept = {"test": list(patients.test)} if patients.test else {}
        return {"patients": used, "validation": list(patients.validation), **kept}
    loads = dict.fromkeys(patients.train, 0.0)
    own = splits.draw(loads, validation=protocol.validation, seed=seed, groups=_persons(patients.train)).validation
    return {"patients": used, "validation": list(own), "test": list(patients.validation)}


def _persons(names: Sequence[str]) -> list[list[str]]:
    """Names by the patient that they stand for."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(splits.patient_of(name), []).append(name)
    return list(found.values())


def split_of_draft(protocol: Protocol, patients: Sequence[str]) -> dict[str, Any]:
    """The same before anybody is drawn, for a recipe that is looked at and not trained."""
    if protocol.drawn == "slices":
        return {"split": {"slices": protocol.held_out, "validation": protocol.validation or 0}}
    return {"validation": list(patients[:1]), "test": list(patients[1:2]) if protocol.validation else []}

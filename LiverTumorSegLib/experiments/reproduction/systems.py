"""Published systems: their figures, how they were trained, and their recipes for the user's data."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from ...core.errors import UserError
from ...core.schema import StrictModel
from ...datasets import splits
from ...datasets.sources import Source
from ...datasets.splits import Round, Split
from ...training.recipe import Recipe, replace_entry
from . import encoder_files, sizes
from .sizes import SizeName

RECIPES = Path(__file__).parent / "recipes"

ProtocolName = Literal["published", "sound"]
PROTOCOLS: tuple[ProtocolName, ...] = ("published", "sound")
ShownSlices = Literal["all", "liver", "lesion"]


class Metric(StrictModel):
    """A measure of a published table.

    Args:
        name: as the paper calls it.
        structure: what it is of.
        percent: whether the paper gives percent.
        slices: what it is on slices, a key of :data:`.slice_scores.MEASURES`.
        volumes: what it is on volumes, a key of :data:`LiverTumorSegLib.evaluation.case.MEASURES`, or ``auc``.
    """

    name: str
    structure: Literal["liver", "lesion"]
    percent: bool = False
    slices: str | None = None
    volumes: str

    @property
    def title(self) -> str:
        """In a table."""
        return f"{self.structure} {self.name}{', %' if self.percent else ''}"


class Protocol(StrictModel):
    """Patients that are held out and the measures taken on them.

    Args:
        drawn: whether slices of all patients are drawn to be held out, or patients with all of theirs.
        held_out: share of them.
        folds: in place of a share, all of them in turn.
        stratified: whether patients are drawn so that each part has its share of tumour.
        measured_on: single slices, preprocessed as they are, or whole CTs on their own voxels, each by itself.
        shown: which slices are measured.
        exported: whether slices go through JPG and PNG files, as ``livertumorseg export-slices`` writes them.
    """

    drawn: Literal["slices", "patients"]
    held_out: float | None = Field(None, gt=0, lt=1)
    folds: int | None = Field(None, ge=2)
    stratified: bool = False
    measured_on: Literal["slices", "volumes"]
    shown: ShownSlices = "all"
    exported: bool = False


class PublishedRow(StrictModel):
    """A row of a published table.

    Args:
        name: of the network, as the paper calls it.
        figures: by metric, in their order; nothing where the paper gives none.
        epochs: how often every training slice, or volume, is seen.
        samples_a_patient: patches of a volume and epoch, for networks on volumes.
        recipe: what differs from the system's.
    """

    name: str
    figures: tuple[float, ...] = ()
    epochs: int = Field(gt=0)
    samples_a_patient: int = Field(0, ge=0)
    recipe: dict[str, Any]

    @property
    def folder(self) -> str:
        """Its name as a folder's."""
        return self.name.lower().replace(" ", "-")


class System(StrictModel):
    """A published system.

    Args:
        title: in a line.
        source: the paper and where its figures are.
        data: what it was trained and tested on.
        protocols: the paper's, as far as it says, and a sound one.
        metrics: of the table.
        rows: of the table.
        every: every how many slices of a CT one is kept.
        recipe: what all rows share.
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
    recipe: dict[str, Any]
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
    data: Source,
    weights: Mapping[str, Path],
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
        weights: files for encoders, by network.
        size: that it is made of.
        split: the recipe's ``split``, or its ``patients`` and ``validation``.
        changes: values of the user by dotted key, in place of the recipe's own.

    Raises:
        UserError: a key of the changes is none of a recipe.
        ValidationError: the recipe and the user's data do not fit together.
    """
    recipe = system.recipe | row.recipe
    network = recipe["network"]["name"]
    encoder = encoder_files.for_network(network, recipe.get("encoder_weights"), weights, quick=size != "published")
    recipe |= {"title": f"{row.name} ({system.title})", "licence": _LICENCE, "data": [data.model_dump()], **split}
    recipe["encoder_weights"] = encoder
    recipe["schedule"] = {"steps": 1} | recipe["schedule"]
    content = copy.deepcopy(sizes.shrink(recipe, size, narrow=encoder is None))
    for key, value in (changes or {}).items():
        replace_entry(content, key, value)
    return Recipe.model_validate(content)


def with_steps(recipe: Recipe, row: PublishedRow, samples: int, epochs: int | None = None) -> Recipe:
    """A recipe with the steps of a row's epochs.

    Args:
        recipe: which.
        row: its row.
        samples: slices, or patients where patches are cut from volumes.
        epochs: in place of the row's.
    """
    seen = (epochs or row.epochs) * samples * (row.samples_a_patient or 1)
    steps = ceil(seen / recipe.schedule.batch)
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"steps": steps})})


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
    share = sizes.held_out_share(protocol.held_out, size, len(loads))
    return splits.draw(known, folds=folds, validation=share, seed=seed, groups=groups)


def split_of_round(protocol: Protocol, patients: Round, seed: int) -> dict[str, Any]:
    """The entries of a recipe for one round: ``patients`` with ``validation``, or with a ``split`` of slices."""
    used = [*patients.train, *patients.validation]
    if protocol.drawn == "slices":
        return {"patients": used, "split": {"slices": protocol.held_out, "seed": seed}}
    return {"patients": used, "validation": list(patients.validation)}

"""A system to be reproduced, and the way to do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.errors import UserError
from ...core.schema import explain_validation_error
from ...training.recipe import Recipe
from . import data as data_set
from . import sizes, systems
from .data import DataSet
from .sizes import SHRINKING, SizeName
from .systems import Protocol, ProtocolName, PublishedRow, System

_OF_THE_PROTOCOL = ("data", "patients", "validation", "test", "split", "name", "title", "licence")


@dataclass(frozen=True)
class Settings:
    """What a user says of a reproduction beyond system, data, folder and protocol.

    Args:
        size: that it is made of, see :mod:`.sizes`.
        rows: names of those that are wanted; all of them where none is named.
        epochs: passes over the training data, in place of the paper's or of the size's steps.
        changes: values in place of the recipes' own, by dotted key.
        weights: files of ImageNet weights, and the word ``imagenet`` where the missing ones are to be downloaded; rows
            without any start from random weights and are not compared with the published figures.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        patients: who of the data is used, see :func:`.patient_choice.choose_patients`; None for all.
        resume: whether there has to be a reproduction in the folder to go on with.
    """

    size: SizeName = "published"
    rows: Sequence[str] = ()
    epochs: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    weights: Sequence[Path] = ()
    intensities: tuple[float, float] | None = None
    patients: str | None = None
    resume: bool = False


@dataclass(frozen=True)
class ReproductionRequest:
    """A system to be reproduced, and the way to do it.

    Args:
        system: which, with the rows that are wanted.
        protocol: which of its protocols.
        weights: what encoders start from, by network; the others start from random weights.
        folder: to write to.
        size: that it is made of.
        epochs: passes over the training data, in place of the paper's or of the size's steps; None for these.
        changes: values in place of the recipes' own, by dotted key.
    """

    system: System
    protocol: ProtocolName
    weights: Mapping[str, str]
    folder: Path
    size: SizeName
    epochs: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.changes:
            if key.partition(".")[0] in _OF_THE_PROTOCOL:
                msg = f"“{key}” is what the protocol decides: leave it out of --set."
                raise UserError(msg)

    @property
    def how(self) -> Protocol:
        """The protocol."""
        return self.system.protocol(self.protocol)

    @property
    def rows(self) -> tuple[PublishedRow, ...]:
        """The system's, of which those that start from random weights alone here say so in their names."""
        return tuple(row if self.starts_as_published(row) else row.from_random for row in self.system.rows)

    def starts_as_published(self, row: PublishedRow) -> bool:
        """Whether a row's encoder starts from weights where the paper's does."""
        return self.system.encoder_weights(row) is None or self.system.network_of(row) in self.weights

    @property
    def from_random(self) -> tuple[str, ...]:
        """Networks that start from random weights, and not as published."""
        rows = self.system.rows
        return tuple(dict.fromkeys(self.system.network_of(row) for row in rows if not self.starts_as_published(row)))

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.system.recipe["seed"]

    @property
    def counts_epochs(self) -> bool:
        """Whether steps follow from epochs and the training data, where neither user nor size gives their number."""
        given = SHRINKING[self.size] is not None and self.epochs is None
        return not given and "schedule.steps" not in self.changes

    def thinning(self, data: DataSet) -> int:
        """Every how many slices of a CT one is kept: as the paper has it, or fewer where the size has a limit."""
        how = SHRINKING[self.size]
        return max(self.system.every, data_set.thinning_for(data, how.slices) if how and how.slices else 1)

    def recipe(self, row: PublishedRow, data: DataSet, split: Mapping[str, Any]) -> Recipe:
        """A row's recipe for some data.

        Raises:
            UserError: the row cannot be trained on them.
        """
        try:
            return systems.recipe_of_row(
                self.system, row, data.sources, self.weights, size=self.size, split=split, changes=self.changes
            )
        except ValidationError as error:
            msg = f"{row.name} cannot be trained on {data.folders}: {explain_validation_error(error, Recipe)}"
            raise UserError(msg) from error

    def draft(self, row: PublishedRow, data: DataSet) -> Recipe:
        """A row's recipe before patients are drawn; one stands in for all that are held out."""
        return self.recipe(row, data, systems.split_of_draft(self.how, data.patients))

    def with_steps(self, recipe: Recipe, row: PublishedRow, samples: int) -> Recipe:
        """A recipe with its steps, where these follow from how many samples there are to train on."""
        if SHRINKING[self.size] is not None and self.epochs is None:
            return recipe
        own = ["validate_every"] if SHRINKING[self.size] is not None else []
        own += [key.partition(".")[2] for key in self.changes if key in ("schedule.steps", "schedule.validate_every")]
        counted = systems.with_steps(recipe, row, samples, self.epochs).schedule
        kept = {name: getattr(recipe.schedule, name) for name in own}
        return recipe.model_copy(update={"schedule": counted.model_copy(update=kept)})

    def trainings(self, row: PublishedRow) -> tuple[Path, ...]:
        """Folders of a row's trials."""
        return self._folders(row.folder)

    def twins(self, row: PublishedRow) -> tuple[Path | None, ...]:
        """Folders of the trials whose models a row has, None for each that it has to train."""
        if row.trained_as:
            return self._folders(systems.folder_of(row.trained_as))
        return (None,) * len(self.trainings(row))

    def _folders(self, row: str) -> tuple[Path, ...]:
        folder = self.folder / self.protocol / row
        count = sizes.fold_count(self.how.folds, self.size) or 1
        return tuple(folder / f"fold-{number}" for number in range(count)) if count > 1 else (folder,)

    def refuse_too_few(self, data: DataSet) -> None:
        """Refuse data that cannot be split as the protocol has it.

        Raises:
            UserError: there are too few patients.
        """
        if self.how.drawn == "slices":
            return
        folds = sizes.fold_count(self.how.folds, self.size)
        needed = folds or (2 if self.how.validation is None else 3)
        if len(data.patients) < needed:
            parts = f"{folds} folds" if folds else "patients to train on and others to measure"
            parts += " and to validate on" if needed == 3 and not folds else ""
            msg = (
                f"{data.folders} has too few patients for {parts}, {len(data.patients)}: give a folder with "
                f"{needed} or more."
            )
            raise UserError(msg)

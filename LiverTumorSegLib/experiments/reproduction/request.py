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
from . import sizes, systems
from .data import DataSet
from .sizes import SHRINKING, SizeName
from .systems import Protocol, ProtocolName, PublishedRow, System

_OF_THE_PROTOCOL = ("data", "patients", "validation", "split", "name", "title", "licence")


@dataclass(frozen=True)
class Settings:
    """What a user says of a reproduction beyond system, data, folder and protocol.

    Args:
        size: that it is made of, see :mod:`.sizes`.
        rows: names of those that are wanted; all of them where none is named.
        epochs: passes over the training data, in place of the paper's or of the size's steps.
        changes: values in place of the recipes' own, by dotted key.
        weights: files of ImageNet weights.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        resume: whether there has to be a reproduction in the folder to go on with.
    """

    size: SizeName = "published"
    rows: Sequence[str] = ()
    epochs: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    weights: Sequence[Path] = ()
    intensities: tuple[float, float] | None = None
    resume: bool = False


@dataclass(frozen=True)
class ReproductionRequest:
    """A system to be reproduced, and the way to do it.

    Args:
        system: which, with the rows that are wanted.
        protocol: which of its protocols.
        weights: files of ImageNet weights, by network.
        folder: to write to.
        size: that it is made of.
        epochs: passes over the training data, in place of the paper's or of the size's steps; None for these.
        changes: values in place of the recipes' own, by dotted key.
    """

    system: System
    protocol: ProtocolName
    weights: Mapping[str, Path]
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
        return self.system.protocols[self.protocol]

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.system.recipe["seed"]

    @property
    def counts_epochs(self) -> bool:
        """Whether steps follow from epochs and the training data, where neither user nor size gives their number."""
        given = SHRINKING[self.size] is not None and self.epochs is None
        return not given and "schedule.steps" not in self.changes

    def recipe(self, row: PublishedRow, data: DataSet, split: Mapping[str, Any]) -> Recipe:
        """A row's recipe for some data.

        Raises:
            UserError: the row cannot be trained on them.
        """
        try:
            return systems.recipe_of_row(
                self.system, row, data.source, self.weights, size=self.size, split=split, changes=self.changes
            )
        except ValidationError as error:
            msg = f"{row.name} cannot be trained on {data.layout.folder}: {explain_validation_error(error, Recipe)}"
            raise UserError(msg) from error

    def draft(self, row: PublishedRow, data: DataSet) -> Recipe:
        """A row's recipe before patients are drawn; one stands in for all that are held out."""
        return self.recipe(row, data, {"validation": data.patients[:1]})

    def with_steps(self, recipe: Recipe, row: PublishedRow, samples: int) -> Recipe:
        """A recipe with its steps, where these follow from how many samples there are to train on."""
        return systems.with_steps(recipe, row, samples, self.epochs) if self.counts_epochs else recipe

    def trainings(self, row: PublishedRow) -> tuple[Path, ...]:
        """Folders of a row's trials."""
        folder = self.folder / self.protocol / row.folder
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
        needed = folds or 2
        if len(data.patients) < needed:
            parts = f"{folds} folds" if folds else "patients to train on and others to measure"
            msg = (
                f"{data.layout.folder} has too few patients for {parts}, {len(data.patients)}: give a folder with "
                f"{needed} or more."
            )
            raise UserError(msg)

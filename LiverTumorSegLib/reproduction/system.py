"""What is known of a published system: its figures, how it was trained, what the paper leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from ..errors import UserError
from ..training.entry import Entry

RECIPES = Path(__file__).parents[1] / "recipes" / "reproduce"

ProtocolName = Literal["published", "sound"]
PROTOCOLS: tuple[ProtocolName, ...] = ("published", "sound")
Shown = Literal["all", "liver", "lesion"]


class Metric(Entry):
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


class Protocol(Entry):
    """Who is held out and what is measured on them.

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
    shown: Shown = "all"
    exported: bool = False


class Row(Entry):
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


class System(Entry):
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
    rows: tuple[Row, ...]
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

    def published(self, row: Row) -> dict[Metric, float | None]:
        """A row's figures as the paper gives them."""
        return dict(zip(self.metrics, row.figures or [None] * len(self.metrics), strict=True))


def names() -> list[str]:
    """The systems that :func:`load` knows."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load(name: str) -> System:
    """What is known of a system.

    Raises:
        UserError: there is none of this name.
    """
    if name not in names():
        msg = f"There is no published system “{name}”: choose one of {', '.join(names())}."
        raise UserError(msg)
    return System.model_validate(yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8")))

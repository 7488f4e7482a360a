"""What ``model.json`` says: a strict schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .label_writer import Head
from .postprocessing import LESION, LIVER, Postprocessing
from .preprocessing import Chain

_VALUES = {"liver": LIVER, "lesion": LESION}

SpacingMm = Annotated[float, Field(gt=0.1, le=20)]
PatchSize = Annotated[int, Field(ge=1, le=1024)]
Binary = tuple[Literal["background"], Literal["liver", "lesion"]]
Joint = tuple[Literal["background"], Literal["liver"], Literal["lesion"]]
JOINT: Joint = ("background", "liver", "lesion")
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Stack(_Entry):
    """How many neighbouring slices are a network's channels, and how far apart they should be."""

    slices: int = Field(1, ge=1, le=31)
    spacing_mm: float = Field(3.0, gt=0)

    @model_validator(mode="after")
    def _is_centred(self) -> Stack:
        if self.slices % 2 == 0:
            msg = f"a stack has an odd number of slices, not {self.slices}"
            raise ValueError(msg)
        return self

    def stride(self, slice_spacing_mm: float) -> int:
        """Slices from one neighbour to the next in a volume with this slice spacing."""
        return max(1, round(self.spacing_mm / slice_spacing_mm))


class Patches(_Entry):
    """How a network for volumes sees one: resampled to a standard spacing, in overlapping patches.

    Args:
        spacing_mm: between slices, rows and columns.
        size: slices, rows and columns of a patch.
        overlap: share of a patch that its neighbour covers too.
    """

    spacing_mm: tuple[SpacingMm, SpacingMm, SpacingMm]
    size: tuple[PatchSize, PatchSize, PatchSize]
    overlap: float = Field(0.5, ge=0, le=0.9)


class NetworkSpec(_Entry):
    """What :func:`networks.create` is called with."""

    name: str
    in_channels: int = Field(ge=1)
    classes: Literal[1, 2, 3] = 3
    options: dict[str, Any] = {}


def check_channels(network: NetworkSpec, stack: Stack, chain: Chain) -> None:
    """Raise ``ValueError`` where a network's channels are not those of its stack of preprocessed slices."""
    given = stack.slices * chain.channels
    if network.in_channels != given:
        parts = f"{stack.slices} slices with {chain.channels} channels each"
        msg = f"a stack of {parts} has {given} channels, not {network.in_channels}"
        raise ValueError(msg)
    if network.name == "dalu_net":
        _check_slices(network.options, stack, given)


def _check_slices(options: dict[str, Any], stack: Stack, channels: int) -> None:
    if options.get("slices", channels) != stack.slices:
        msg = f"dalu_net has to tell slices from channels: give it the option slices: {stack.slices}"
        raise ValueError(msg)
    if options.get("all_slices"):
        msg = "a model gives the labels of a stack's middle slice: leave the option all_slices out"
        raise ValueError(msg)


def check_labels(network: NetworkSpec, labels: Binary | Joint) -> None:
    """Raise ``ValueError`` where a network's logits cannot stand for these labels."""
    if network.classes != len(labels) and not (network.classes == 1 and len(labels) == 2):
        msg = f"{network.classes} classes cannot stand for {', '.join(labels)}"
        raise ValueError(msg)


class Licence(_Entry):
    """Licence of the weights and what it means in words."""

    name: str
    terms: str


class WeightsFile(_Entry):
    """The weights' checksum and size."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)


class Case(_Entry):
    """Dice of one patient; None where the model does not find it, or the reference has no lesion."""

    liver_dice: float | None
    lesion_dice: float | None
    false_lesion_ml: float = 0.0


class Figures(_Entry):
    """Measured accuracy by patient: of this model and, by their names, of others on the same patients."""

    definition: str
    command: str
    cases: dict[str, Case]
    compared: dict[str, dict[str, Case]] = {}
    remark: str = ""

    @property
    def in_words(self) -> str:
        """Means over the patients, for a reader."""
        liver = [c.liver_dice for c in self.cases.values() if c.liver_dice is not None]
        lesion = [c.lesion_dice for c in self.cases.values() if c.lesion_dice is not None]
        parts = [("liver", liver), ("lesion", lesion)]
        means = [f"{name} {sum(x) / len(x):.3f} over {len(x)} patients" for name, x in parts if x]
        return f"Mean Dice: {', '.join(means)}." if means else "No patient had anything that the model finds."


class Evidence(_Entry):
    """A table of the card on how the model came to be chosen or how well it does, with the command that made it.

    Args:
        title: of the table.
        text: what is measured, on whom, and what follows; whole sentences.
        command: that measured it.
        head: names of the columns.
        rows: cells as they are printed, as many a row as there are columns.
    """

    title: str
    text: str
    command: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @model_validator(mode="after")
    def _rows_fit(self) -> Evidence:
        if any(len(row) != len(self.head) for row in self.rows):
            msg = f"every row has a cell for each of the {len(self.head)} columns"
            raise ValueError(msg)
        return self


class Training(_Entry):
    """Where the weights come from."""

    data: str
    patients: tuple[str, ...]
    validation_patients: tuple[str, ...]
    seed: int
    command: str
    recipe: dict[str, Any] = {}


class Description(_Entry):
    """The content of ``model.json``."""

    format: Literal[1] = 1
    name: ModelName
    title: str
    segments: str
    network: NetworkSpec
    preprocessing: Chain
    stack: Stack = Stack()
    patches: Patches | None = None
    labels: Binary | Joint = JOINT
    postprocessing: Postprocessing = Postprocessing()
    weights: WeightsFile
    training: Training
    licence: Licence
    figures: Figures | None = None
    evidence: tuple[Evidence, ...] = ()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Description:
        check_channels(self.network, self.stack, self.preprocessing)
        check_labels(self.network, self.labels)
        return self

    @property
    def head(self) -> Head:
        """What the network's logits stand for."""
        return Head(tuple(_VALUES[label] for label in self.labels[1:]), sigmoid=self.network.classes == 1)

    def with_evidence(self, table: Evidence) -> Description:
        """The same with a table more, in place of one with its title."""
        kept = tuple(each for each in self.evidence if each.title != table.title)
        return self.model_copy(update={"evidence": (*kept, table)})

    def cleaning(self, wanted: Postprocessing | None = None) -> Postprocessing:
        """Clean-up steps to run, the model's own unless others are wanted; none asks for a liver it cannot find."""
        steps = wanted or self.postprocessing
        if "liver" in self.labels:
            return steps
        without = {"largest_liver": False, "lesions_in_liver": False, "fill_holes": False, "smallest_liver_ml": 0.0}
        return steps.model_copy(update=without)
